"""The program that speaks to W&B for one run: lines of JSON in, the wandb client out.

A fork of wandb_nursery.py goes on with it, or wandb_starting.py starts it as a script; it imports nothing of this
package and refuses to know what the numbers mean.

In, one JSON object a line: `{"open": {...}, "environment": {...}}` first, then `{"step": n, "log": {...}}` for every
point, at last `{"finish": {summary}, "exit_code": n}` or `{"preempted": true}`. The end of input without a last word
means that training died: the run is closed as failed. Out: a line for people when something is wrong, and `DONE` when
the run is closed. Then this process ends, and so does what it reports.
"""

from __future__ import annotations

import contextlib
import json
import os
import queue
import sys
import threading
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import wandb

DONE = "done"
SYNC_SECONDS = 3.0
"""How long the last upload may take; what is late stays on disk for `wandb sync`. Without it, a server that is gone
holds `finish()` for more than two minutes."""
LINGER_SECONDS = 30.0
"""However W&B hangs, this process ends so long after its input did."""

SETTINGS: dict[str, Any] = {
    # Crash safety. The defaults (15 s each) lose every point of the last 15 s when the machine kills us.
    "x_transaction_log_flush_interval": 0.5,
    "x_file_stream_transmit_interval": 1.0,
    # Never wait for long (`init_timeout` comes with the opening).
    "finish_timeout": SYNC_SECONDS,
    # The Stop button of the web page would raise KeyboardInterrupt here; results must not depend on W&B.
    "stop_fn": lambda: None,
    # Say nothing: what must be said goes through the tracker.
    "silent": True,
    "quiet": True,
    "console": "off",  # no capture of stdout, which is not training's anyway
    # What W&B would find out by itself describes this process, not training's; provenance is in the config.
    "x_disable_stats": True,
    "x_disable_meta": True,
    "x_save_requirements": False,
    "disable_git": True,
    "disable_code": True,
    "save_code": False,
    "label_disable": True,
    "symlink": False,  # `latest-run` and its like mean nothing where every run has its own folder
}


def open_run(opening: dict[str, Any], report: Callable[[str], None]) -> wandb.Run:
    """Open the run as asked; where the server does not answer in time or refuses us, offline.

    Args:
        opening: what the run is: mode, project, entity, id, name, group, job_type, tags, config, folder, resume,
            and init_seconds, the server's time to answer.
        report: gets the line that says why a run became offline.
    """
    import wandb

    def init(mode: Any) -> wandb.Run:
        # The x_ settings are W&B's own affair and may be renamed; without one a run is tracked all the same.
        known = {name: value for name, value in SETTINGS.items() if name in wandb.Settings.model_fields}
        return wandb.init(
            mode=mode,
            project=opening["project"],
            entity=opening["entity"],
            id=opening["id"],
            name=opening["name"],
            group=opening["group"],
            job_type=opening["job_type"],
            tags=opening["tags"],
            config=opening["config"],
            dir=opening["folder"],
            # A run that goes on from a checkpoint continues its curves. Offline, W&B ignores this; `wandb sync` of the
            # parts, in the order of their start, joins them under the id.
            resume="allow" if opening["resume"] and mode == "online" else None,
            reinit="create_new",  # leave no global run behind
            settings=wandb.Settings(**known, init_timeout=opening["init_seconds"]),
        )

    try:
        run = init(opening["mode"])
    except Exception as error:
        if opening["mode"] == "offline":
            raise
        traceback.print_exc()
        report(f"{_first_line(error)}; the run is kept offline for `wandb sync`")
        wandb.teardown()  # until then the id counts as in use
        run = init("offline")
    run.define_metric("spent_flops")
    run.define_metric("*", step_metric="spent_flops")
    return run


def follow(run: wandb.Run, told: queue.SimpleQueue[dict[str, Any] | None]) -> None:
    """Do what the lines say until the last word, or until they end without one."""
    while (message := told.get()) is not None:
        match message:
            case {"log": point, "step": step}:
                # With a step and without `commit`, the client holds the point back until the next one: a crash would
                # lose the last point, and at the end it would overwrite the summary.
                run.log(point, step=step, commit=True)
            case {"finish": summary, "exit_code": code}:
                run.summary.update(summary)
                return run.finish(exit_code=code)
            case {"preempted": _}:
                run.mark_preempting()
                break
    return run.finish(exit_code=1)


def listen(told: queue.SimpleQueue[dict[str, Any] | None]) -> None:
    """Empty the pipe at once, however slow W&B is, so that training never finds it full."""
    for line in sys.stdin.buffer:
        if line.endswith(b"\n"):  # training may die in the middle of a line
            told.put(json.loads(line))
    told.put(None)
    end = threading.Timer(LINGER_SECONDS, os._exit, [1])
    end.daemon = True
    end.start()


def main() -> int:
    """Serve one run, from the first line to the last; the exit code that says how it went."""
    reports = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what anybody prints goes to the log, not into the reports
    with contextlib.suppress(OSError):
        Path("/proc/self/comm").write_text("tlm-wandb-run", encoding="ascii")  # what `top` shows

    def report(line: str) -> None:
        with contextlib.suppress(BrokenPipeError):  # training has left, nobody listens
            print(line, file=reports, flush=True)

    told: queue.SimpleQueue[dict[str, Any] | None] = queue.SimpleQueue()
    threading.Thread(target=listen, args=[told], daemon=True).start()
    try:
        first = told.get()
        if first is not None:
            os.environ.clear()
            os.environ.update(first["environment"])
            os.chdir(first["open"]["folder"])  # else the client would look for settings where training was started
            follow(open_run(first["open"], report), told)
            _leave_client(0)
            report(DONE)
    except BaseException as error:  # noqa: BLE001 - it is told, whatever it is, and this process ends in any case
        traceback.print_exc()
        report(f"{_first_line(error)} (more in tracking.log)")
        with contextlib.suppress(Exception):
            _leave_client(1)
        return 1
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
    return 0


def _leave_client(exit_code: int) -> None:
    """Close what is open and end wandb-core: the client does so at an interpreter's exit, which a fork has not."""
    import wandb

    wandb.teardown(exit_code)


def _first_line(error: BaseException) -> str:
    return f"{type(error).__name__}: {str(error).strip().partition(chr(10))[0]}"


if __name__ == "__main__":
    os._exit(main())  # there is nothing left to clean up
