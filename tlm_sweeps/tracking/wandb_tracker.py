"""The W&B tracker's near side: it has a process of its own for W&B, and only ever writes lines to its pipe.

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
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tlm_sweeps.runs.record import Measurement, State
from tlm_sweeps.spec.sweep import TrackingSpec
from tlm_sweeps.tracking import tracked_run, wandb_run, wandb_starting
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
        self._far: wandb_starting.FarSide | None = None
        self._unsent = bytearray()
        self._heard = b""
        self._has_all_been_heard = False
        self._has_warned = False
        with self._never_in_the_way():
            folder = run.folder.resolve()
            environment = _environment(folder / "wandb")
            self._far = wandb_starting.start(folder, environment)
            self._tell({"open": _opening(tracking, run), "environment": environment})

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
        if self._far is None:
            return
        self._unsent += json.dumps(message, default=str).encode() + b"\n"
        if len(self._unsent) > UNSENT_BYTES:
            raise BufferError("the W&B process has stopped reading")
        self._push(self._far)

    def _push(self, far: wandb_starting.FarSide) -> None:
        try:
            while self._unsent:
                del self._unsent[: os.write(far.told.fileno(), self._unsent)]
        except BlockingIOError:
            return  # full: the rest stays queued
        except BrokenPipeError:
            raise ChildProcessError("the W&B process has ended") from None

    def _end(self, message: Mapping[str, Any]) -> None:
        """Say the last word, close the pipe, and wait a bounded time for the other side to close the run."""
        far, deadline = self._far, time.monotonic() + FINISH_SECONDS
        if far is None:
            return
        self._tell(message)
        while self._unsent and (left := deadline - time.monotonic()) > 0:
            select.select([], [far.told], [], left)
            self._push(far)
        far.told.close()
        while not self._has_all_been_heard and (left := deadline - time.monotonic()) > 0:
            select.select([far.reports], [], [], left)
            self._hear()
        if not self._has_all_been_heard:
            self._warn(f"not done {FINISH_SECONDS:g} s after the run's end; it goes on in the background")
            wandb_starting.close_nursery()  # which may be what stands still: the next run has a new one
        elif not self._heard.endswith(f"{wandb_run.DONE}\n".encode()):
            self._warn("its process ended before the run was closed")
        self._leave()

    def _hear(self) -> None:
        """Take in what the other side reports, if anything, and pass on its first complaint."""
        if self._far is None:
            return
        try:
            report = os.read(self._far.reports.fileno(), 2**16)
        except BlockingIOError:
            return
        self._heard += report
        self._has_all_been_heard = not report
        (first, *_) = self._heard.decode(errors="replace").splitlines() or [wandb_run.DONE]
        if first != wandb_run.DONE:
            self._warn(first)

    def _warn(self, what: str) -> None:
        if not self._has_warned:
            self._has_warned = True
            kept = self._run.folder / "wandb"
            _log.warning("W&B: %s. Run %s is not affected; %s holds what W&B got.", what, self._run.run_id, kept)

    def _leave(self) -> None:
        """Fall silent, and let the other process end by itself."""
        far, self._far = self._far, None
        self._unsent.clear()
        if far is not None:
            far.leave()


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
