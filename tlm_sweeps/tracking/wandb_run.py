"""The program that speaks to W&B for one run: lines of JSON in, the wandb client out.

A fork of wandb_nursery.py goes on with it, or wandb_starting.py starts it as a script; it imports nothing of this
package and refuses to know what the numbers mean.

In, one JSON object a line: `{"open": {...}, "environment": {...}}` first, then `{"step": n, "log": {...}}` for every
point, `{"model": [files]}` where weights are handed over, at last `{"finish": {summary}, "exit_code": n}` or
`{"preempted": true}`. The end of input without a last word means that training died: the run is closed as failed.
Out: `STOP` when somebody presses Stop on the run's page, a line for people when something is wrong, and `DONE` when the
run is closed. Then this process ends, and so does what it reports.
"""

from __future__ import annotations

import contextlib
import json
import os
import queue
import re
import signal
import sys
import threading
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import wandb

DONE = "done"
STOP = "stop"
LINGER_SECONDS = 30.0
"""However W&B hangs, this process ends so long after its input did."""

SETTINGS: dict[str, Any] = {
    # Crash safety. The defaults (15 s each) lose every point of the last 15 s when the machine kills us.
    "x_transaction_log_flush_interval": 0.5,
    "x_file_stream_transmit_interval": 1.0,
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
        opening: what the run is: mode, project, entity, id, sweep_id, name, group, job_type, tags, config, folder,
            resume; init_seconds, the server's time to answer, and upload_seconds, its time for what is left at the end.
        report: gets the line that says why a run became offline, and `STOP` when the run is to be stopped.
    """
    import wandb

    def init(mode: Any) -> wandb.Run:
        # The x_ settings are W&B's own affair and may be renamed; without one a run is tracked all the same.
        known = {name: value for name, value in SETTINGS.items() if name in wandb.Settings.model_fields}
        settings = wandb.Settings(
            **known,
            init_timeout=opening["init_seconds"],
            finish_timeout=opening["upload_seconds"],
            # By default the Stop button of the web page raises KeyboardInterrupt here. Whether to stop is training's
            # to decide, which hears of it.
            stop_fn=lambda: report(STOP),
            # Not by WANDB_SWEEP_ID: with that in its environment the client ignores the id and the project.
            sweep_id=opening["sweep_id"],
        )
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
            # A run that goes on, here or from another machine, continues its curves. Offline, W&B ignores this;
            # `wandb sync` of the parts, in the order of their start, joins them under the id.
            resume="allow" if opening["resume"] and mode == "online" else None,
            reinit="create_new",  # leave no global run behind
            settings=settings,
        )

    try:
        run = init(opening["mode"])
    except Exception as error:
        if opening["mode"] == "offline":
            raise
        _note_traceback()
        report(f"{_first_line(error)}; the run is kept offline for `tlm-sweeps sync`")
        wandb.teardown()  # until then the id counts as in use
        run = init("offline")
    if opening["sweep_id"] is not None and not run.offline:
        # From now on, not when a signal says so: a machine may die without one, and only a run that was marked is
        # given to another agent. It must end with exit code 0 when it is not to be run again.
        run.mark_preempting()
    run.define_metric("spent_flops")
    run.define_metric("*", step_metric="spent_flops")
    return run


def follow(run: wandb.Run, told: queue.SimpleQueue[dict[str, Any] | None], report: Callable[[str], None]) -> int:
    """Do what the lines say until the last word, or until they end without one; the exit code of the run."""
    while (message := told.get()) is not None:
        match message:
            case {"step": step} if step < run.starting_step:
                continue  # the server has this point, from an attempt that died after its last checkpoint
            case {"log": point, "step": step}:
                # With a step and without `commit`, the client holds the point back until the next one: a crash would
                # lose the last point, and at the end it would overwrite the summary.
                run.log(point, step=step, commit=True)
            case {"model": files}:
                try:
                    log_model(run, files)
                except Exception as error:  # noqa: BLE001 - the weights lie in the run's folder; the run must be closed
                    _note_traceback()
                    report(f"the weights were not handed over: {_first_line(error)}")
            case {"finish": summary, "exit_code": code}:
                run.summary.update(summary)
                return code
            case {"preempted": _}:
                run.mark_preempting()
                break
    return 1


def close(run: wandb.Run, exit_code: int, report: Callable[[str], None]) -> None:
    """Close the run, and see that its end is in its file: the client says nothing when it cannot write."""
    file = Path(run.settings.sync_file)
    before = _size(file)
    with contextlib.suppress(OSError):  # its own log cannot be written
        run.finish(exit_code=exit_code)
    _leave_client(0)
    # After a write that failed it writes no more. What it wrote last may still be a part only.
    if _size(file) <= before or not _is_writable(file.with_suffix(".probe")):
        report(f"{file.name} is not whole (is the disk full?)")


def log_model(run: wandb.Run, files: list[str]) -> None:
    """Hand the run's weights over, as an artifact of type `model` under the run's id."""
    import wandb

    artifact = wandb.Artifact(f"model-{run.id}", type="model")
    for file in files:
        # The files stay where they are as they are: no copies, neither for the upload nor in a cache.
        artifact.add_file(file, policy="immutable", skip_cache=True)
    run.log_artifact(artifact)


def complaints_in(folder: str, begins: int) -> list[str]:
    """What the client itself has complained of: an upload that failed or was late is no exception, only a line there.

    Args:
        folder: the run's.
        begins: where this session's part of the log begins, in bytes.
    """
    log = (Path(folder) / "wandb" / "tracking.log").read_bytes()[begins:].decode(errors="replace")
    return re.findall(r"^wandb: (?:WARNING|ERROR) (.*\S)", log, flags=re.MULTILINE)


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
    signal.signal(signal.SIGTERM, signal.SIG_IGN)  # schedulers send it to every process of a job; training says what is
    reports = os.fdopen(os.dup(1), "w")
    log_begins = os.fstat(2).st_size
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
            run = open_run(first["open"], report)
            close(run, follow(run, told, report), report)
            for complaint in complaints_in(first["open"]["folder"], log_begins):
                report(f"{complaint.rstrip(chr(46))}; `tlm-sweeps sync` uploads what is missing")
            report(DONE)
    except BaseException as error:  # noqa: BLE001 - it is told, whatever it is, and this process ends in any case
        _note_traceback()
        report(f"{_first_line(error)} (more in tracking.log)")
        with contextlib.suppress(Exception):
            _leave_client(1)
        return 1
    finally:
        for stream in (sys.stdout, sys.stderr):
            with contextlib.suppress(OSError):  # the disk is full
                stream.flush()
    return 0


def _leave_client(exit_code: int) -> None:
    """Close what is open and end wandb-core: the client does so at an interpreter's exit, which a fork has not."""
    import wandb

    wandb.teardown(exit_code)


def _size(file: Path) -> int:
    try:
        return file.stat().st_size
    except OSError:
        return 0


def _is_writable(probe: Path) -> bool:
    try:
        probe.write_bytes(bytes(4096))
        probe.unlink()
    except OSError:
        with contextlib.suppress(OSError):
            probe.unlink()
        return False
    return True


def _note_traceback() -> None:
    with contextlib.suppress(OSError):  # the disk is full
        traceback.print_exc()


def _first_line(error: BaseException) -> str:
    return f"{type(error).__name__}: {str(error).strip().partition(chr(10))[0]}"


if __name__ == "__main__":
    os._exit(main())  # there is nothing left to clean up
