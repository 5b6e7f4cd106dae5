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
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tlm_sweeps.redaction import redacted, without_user
from tlm_sweeps.runs.record import Measurement, State
from tlm_sweeps.spec.sweep import TrackingSpec
from tlm_sweeps.tracking import tracked_run, wandb_run, wandb_starting
from tlm_sweeps.tracking.tracked_run import TrackedRun

INIT_SECONDS = 10.0
"""How long the server may take to greet an online run before it is kept offline (W&B's default is 90 s). Nobody waits
for it, except the end of a run that is shorter still."""
FINISH_SECONDS = 5.0
"""How long the end of a run may wait for W&B's process. After that it is left to itself, and ends by itself."""
UPLOAD_SECONDS = 3.0
"""How long the last upload may take; what is late stays on disk for `wandb sync`. Without it, a server that is gone
holds `finish()` for more than two minutes."""
LONG_UPLOAD_SECONDS = 20.0
"""The same for a run that hands over its weights, and for one of a W&B sweep, which would be given out again if the
server did not hear of its end. Nobody waits for it longer than for others."""
UNSENT_BYTES = 8 * 2**20
"""Told but not yet taken by W&B's process (about 20,000 points) before the tracker gives up."""

FROM_ENVIRONMENT = (
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
        self._is_closed = False
        self._is_stop_asked = False
        self.complaint = ""
        """See `Tracker.complaint`."""
        with self._never_in_the_way():
            folder = run.folder.resolve()
            around = environment(folder / "wandb")
            self._far = wandb_starting.start(folder, around)
            self._tell({"open": _opening(tracking, run), "environment": around})

    def log(self, measurement: Measurement) -> None:
        """See `Tracker.log`."""
        with self._never_in_the_way():
            self._tell({"step": measurement.step, "log": tracked_run.point(self._run, measurement)})
            self._hear()

    @property
    def is_stop_asked(self) -> bool:
        """See `Tracker.is_stop_asked`."""
        with self._never_in_the_way():
            self._hear()
        return self._is_stop_asked

    def log_model(self, files: Sequence[Path]) -> None:
        """See `Tracker.log_model`."""
        with self._never_in_the_way():
            self._tell({"model": [str(file.resolve()) for file in files]})

    def finish(self, record_summary: Mapping[str, Any], state: State) -> None:
        """See `Tracker.finish`."""
        with self._never_in_the_way():
            exit_code = 0 if state in {"complete", "pruned"} or self._run.place is not None else 1
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
        elif not self._is_closed:
            self._warn("its process ended before the run was closed")
        self._leave()

    def _hear(self) -> None:
        """Take in what the other side reports, if anything."""
        if self._far is None:
            return
        try:
            report = os.read(self._far.reports.fileno(), 2**16)
        except BlockingIOError:
            return
        *lines, self._heard = (self._heard + report).split(b"\n")
        self._has_all_been_heard = not report
        for line in lines:
            match line.decode(errors="replace"):
                case wandb_run.DONE:
                    self._is_closed = True
                case wandb_run.STOP:
                    self._is_stop_asked = True
                case complaint:
                    self._warn(complaint)

    def _warn(self, what: str) -> None:
        if not self.complaint:
            what = redacted(what)
            self.complaint = f"W&B: {what}"
            kept = self._run.folder / "wandb"
            _log.warning("W&B: %s. Run %s is not affected; %s holds what W&B got.", what, self._run.run_id, kept)

    def _leave(self) -> None:
        """Fall silent, and let the other process end by itself."""
        far, self._far = self._far, None
        self._unsent.clear()
        if far is not None:
            far.leave()


def environment(home: Path) -> dict[str, str]:
    """The environment in which the client runs: this process's, with the user's identity and nothing else of W&B.

    Args:
        home: where the client keeps its caches and logs.
    """
    kept = {name: value for name, value in os.environ.items() if not name.startswith("WANDB_")}
    identity = {name: os.environ[name] for name in FROM_ENVIRONMENT if name in os.environ}
    for name in ("WANDB_APP_URL", "WANDB_BASE_URL"):  # the client logs them; whoever we are, the key says
        identity |= {name: without_user(identity[name])} if name in identity else {}
    # Caches and logs default to ~/.cache/wandb and ~/.local/share/wandb; a run writes only into its folder.
    places = dict.fromkeys(("WANDB_CACHE_DIR", "WANDB_DATA_DIR", "WANDB_ARTIFACT_DIR"), str(home))
    # Error reports and usage telemetry of the client would go to W&B's servers, even from offline runs.
    return kept | identity | places | {"WANDB_ERROR_REPORTING": "false"}


def _opening(tracking: TrackingSpec, run: TrackedRun) -> dict[str, Any]:
    """What wandb_run.py needs to open the run."""
    is_long = tracking.artifacts == "model" or run.place is not None
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
        "sweep_id": run.place.sweep_id if run.place is not None else None,
        # A W&B sweep's run may have been begun elsewhere, by a machine that died.
        "resume": run.resumed_from_step is not None or run.place is not None,
        "init_seconds": INIT_SECONDS,
        "upload_seconds": LONG_UPLOAD_SECONDS if is_long else UPLOAD_SECONDS,
    }
