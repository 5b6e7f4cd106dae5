"""The W&B tracker's near side: it starts a process of its own for W&B, and only ever writes lines to its pipe.

Training's process never imports wandb. The client patches `sys.exit`, sets environment variables, starts threads,
hangs at exit while a server is silent and interrupts the main thread when someone presses Stop; here all of that
happens elsewhere (wandb_run.py), and a line of JSON into a pipe that never blocks is all that training pays. If this
process dies, the other reads the end of the pipe and closes the run with everything it was told.
"""

from __future__ import annotations

import json
import logging
import os
import select
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tlm_sweeps.runs.record import Measurement, State
from tlm_sweeps.spec.sweep import TrackingSpec
from tlm_sweeps.tracking import tracked_run, wandb_run
from tlm_sweeps.tracking.tracked_run import TrackedRun

INIT_SECONDS = 10.0
"""How long the server may take to greet an online run before it is kept offline (W&B's default is 90 s). Nobody waits
for it, except the end of a run that is shorter still."""
FINISH_SECONDS = 5.0
"""How long the end of a run may wait for W&B's process. After that it is left to itself, and ends by itself."""
UNSENT_BYTES = 8 * 2**20
"""Told but not yet taken by W&B's process (about 20,000 points) before the tracker gives up."""

_FROM_ENVIRONMENT = (
    "WANDB_API_KEY",
    "WANDB_APP_URL",
    "WANDB_BASE_URL",
    "WANDB_CONFIG_DIR",
    "WANDB_CREDENTIALS_FILE",
    "WANDB_ENTITY",
    "WANDB_HTTP_PROXY",
    "WANDB_HTTPS_PROXY",
    "WANDB_IDENTITY_TOKEN_FILE",
    "WANDB_INSECURE_DISABLE_SSL",
)
"""Who we are and where the server is. All else that W&B reads from the environment (a run id, a sweep, a mode, a
service of an outer process) would contradict the spec."""

_log = logging.getLogger("tlm_sweeps.tracking")


class WandbTracker:
    """Tells W&B, offline or online, without ever being waited for. See `Tracker` for the contract."""

    def __init__(self, tracking: TrackingSpec, run: TrackedRun) -> None:
        self._run = run
        self._process: subprocess.Popen[bytes] | None = None
        self._unsent = bytearray()
        self._has_warned = False
        with self._never_in_the_way():
            self._process = _start(run.folder)
            self._tell({"open": _opening(tracking, run)})

    def log(self, measurement: Measurement) -> None:
        """See `Tracker.log`."""
        with self._never_in_the_way():
            self._tell({"step": measurement.step, "log": tracked_run.point(self._run, measurement)})
            self._hear()

    def finish(self, record_summary: Mapping[str, Any], state: State) -> None:
        """See `Tracker.finish`."""
        with self._never_in_the_way():
            exit_code = 0 if state in {"complete", "pruned"} else 1
            self._end({"finish": tracked_run.summary(self._run, record_summary, state), "exit_code": exit_code})

    def mark_preempted(self) -> None:
        """See `Tracker.mark_preempted`."""
        with self._never_in_the_way():
            self._end({"preempted": True})

    @contextmanager
    def _never_in_the_way(self) -> Iterator[None]:
        try:
            yield
        except Exception as error:  # noqa: BLE001 - whatever is wrong with tracking, training must go on
            self._hear()  # the other side may have said what was wrong before it broke
            self._warn(f"{type(error).__name__}: {error}")
            self._leave()

    def _tell(self, message: Mapping[str, Any]) -> None:
        """Queue a line and push out what the pipe takes now; what it does not take waits for the next call."""
        if self._process is None:
            return
        self._unsent += json.dumps(message, default=str).encode() + b"\n"
        if len(self._unsent) > UNSENT_BYTES:
            raise BufferError("the W&B process has stopped reading")
        self._push(self._process)

    def _push(self, process: subprocess.Popen[bytes]) -> None:
        assert process.stdin is not None  # for the type checker: `_start` pipes it
        try:
            while self._unsent:
                del self._unsent[: os.write(process.stdin.fileno(), self._unsent)]
        except BlockingIOError:
            return  # full: the rest stays queued
        except BrokenPipeError:
            raise ChildProcessError("the W&B process has ended") from None

    def _end(self, message: Mapping[str, Any]) -> None:
        """Say the last word, close the pipe, and wait a bounded time for the other side to close the run."""
        process, deadline = self._process, time.monotonic() + FINISH_SECONDS
        if process is None:
            return
        assert process.stdin is not None  # for the type checker: `_start` pipes it
        self._tell(message)
        while self._unsent and (left := deadline - time.monotonic()) > 0:
            select.select([], [process.stdin], [], left)
            self._push(process)
        process.stdin.close()
        try:
            code = process.wait(max(0.0, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            self._hear()
            self._warn(f"not done {FINISH_SECONDS:g} s after the run's end; it goes on in the background")
        else:
            self._hear()
            if code != 0:
                self._warn(f"its process ended with exit code {code}")
        self._leave()

    def _hear(self) -> None:
        """Pass on what the other side reports, if anything."""
        if self._process is None or self._process.stdout is None or self._process.stdout.closed:
            return
        try:
            report = os.read(self._process.stdout.fileno(), 2**16)
        except BlockingIOError:
            return
        if report:
            self._warn(report.decode(errors="replace").strip().splitlines()[0])

    def _warn(self, what: str) -> None:
        if not self._has_warned:
            self._has_warned = True
            kept = self._run.folder / "wandb"
            _log.warning("W&B: %s. Run %s is not affected; %s holds what W&B got.", what, self._run.run_id, kept)

    def _leave(self) -> None:
        """Fall silent. The other process, if it still runs, sees the end of the pipe and ends in a bounded time."""
        process, self._process = self._process, None
        self._unsent.clear()
        if process is None:
            return
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                pipe.close()
        if process.poll() is None:
            threading.Thread(target=process.wait, daemon=True).start()  # so that it leaves no zombie


def _start(folder: Path) -> subprocess.Popen[bytes]:
    home = folder.resolve() / "wandb"
    home.mkdir(parents=True, exist_ok=True)
    with (home / "tracking.log").open("ab") as talk:
        process = subprocess.Popen(
            [sys.executable, "-P", wandb_run.__file__, str(folder)],  # the folder only names it in `ps`
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=talk,
            bufsize=0,
            cwd=folder,
            env=_environment(home),
            start_new_session=True,  # Ctrl-C is for training; W&B's process ends when training says so
        )
    for pipe in (process.stdin, process.stdout):
        assert pipe is not None  # for the type checker
        os.set_blocking(pipe.fileno(), False)
    return process


def _environment(home: Path) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("WANDB_")}
    identity = {name: os.environ[name] for name in _FROM_ENVIRONMENT if name in os.environ}
    # Caches and logs default to ~/.cache/wandb and ~/.local/share/wandb; a run writes only into its folder.
    places = dict.fromkeys(("WANDB_CACHE_DIR", "WANDB_DATA_DIR", "WANDB_ARTIFACT_DIR"), str(home))
    # Error reports and usage telemetry of the client would go to W&B's servers, even from offline runs.
    return kept | identity | places | {"WANDB_ERROR_REPORTING": "false"}


def _opening(tracking: TrackingSpec, run: TrackedRun) -> dict[str, Any]:
    """What wandb_run.py needs to open the run."""
    return {
        "mode": tracking.wandb,
        "project": tracking.project,
        "entity": tracking.entity,
        "id": tracked_run.wandb_id(run),
        "name": run.run_id,
        "group": tracked_run.group(run),
        "job_type": run.job_type,
        "tags": list(run.tags),
        "config": tracked_run.config(run),
        "folder": str(run.folder.resolve()),
        "resume": run.resumed_from_step is not None,
        "init_seconds": INIT_SECONDS,
    }
