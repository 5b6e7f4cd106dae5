"""How W&B's process for a run begins: forked from a nursery that has imported the client, or an interpreter of its own.

It is held by its pipes only. Its end is the end of what it reports, and when this process dies it finds the end of
what it is told. What is said is not this file's affair.
"""

from __future__ import annotations

import atexit
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from io import FileIO
from pathlib import Path
from typing import BinaryIO

from tlm_sweeps.tracking import wandb_nursery, wandb_run

_LEAVING_SECONDS = 1.0
"""How long the end of this process may wait for a nursery that has been told to go."""


@dataclass(frozen=True)
class FarSide:
    """The pipes of W&B's process for a run; neither end of ours blocks."""

    told: FileIO
    reports: FileIO
    process: subprocess.Popen[bytes] | None
    """None when the nursery has forked it, which then sees it out."""

    def leave(self) -> None:
        """Let go of it. If it still runs, it sees the end of its pipe and ends in a bounded time."""
        self.told.close()
        self.reports.close()
        if self.process is not None:
            _see_out(self.process)


def start(folder: Path, environment: Mapping[str, str]) -> FarSide:
    """Start W&B's process for a run, without waiting until it is there.

    Args:
        folder: the run's. What the process prints goes to `<folder>/wandb/tracking.log`.
        environment: in which the client is imported; what differs between runs is told to the process itself.

    Raises:
        OSError: the folder cannot be written, or no process can be started.
    """
    home = folder / "wandb"
    home.mkdir(parents=True, exist_ok=True)
    theirs_in, ours_out = os.pipe()
    ours_in, theirs_out = os.pipe()
    told, reports = FileIO(ours_out, "wb"), FileIO(ours_in, "rb")
    for pipe in (told, reports):
        os.set_blocking(pipe.fileno(), False)
    with (
        FileIO(theirs_in, "rb") as heard,
        FileIO(theirs_out, "wb") as said,
        (home / "tracking.log").open("ab") as log,
    ):
        # macOS can fork too, but its system libraries may not be used afterwards.
        if sys.platform == "linux" and _forked([heard.fileno(), said.fileno(), log.fileno()], log, environment):
            return FarSide(told, reports, None)
        # Ctrl-C is for training; W&B's process ends when training says so.
        command = [sys.executable, "-P", wandb_run.__file__]
        process = subprocess.Popen(
            command, stdin=heard, stdout=said, stderr=log, env=environment, start_new_session=True
        )
        return FarSide(told, reports, process)


def close_nursery() -> None:
    """Hang up, so that the next run has a new nursery. The runs that came from this one are not touched."""
    global _nursery
    nursery, _nursery = _nursery, None
    if nursery is not None:
        nursery.control.close()
        _see_out(nursery.process)


@dataclass(frozen=True)
class _Nursery:
    """The near side of `tracking.wandb_nursery`."""

    control: socket.socket
    process: subprocess.Popen[bytes]


_nursery: _Nursery | None = None


def _forked(handles: list[int], log: BinaryIO, environment: Mapping[str, str]) -> bool:
    """Ask the nursery for a process with these handles, and a new one when it is gone; False when none can be had."""
    global _nursery  # noqa: PLW0603 - one for the whole process, which no run owns
    for _ in range(2):
        with suppress(OSError):
            if _nursery is None:
                _nursery = _begun(log, environment)
            socket.send_fds(_nursery.control, [b"!"], handles)
            return True
        close_nursery()
    return False


def _begun(log: BinaryIO, environment: Mapping[str, str]) -> _Nursery:
    control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    control.setblocking(False)
    with theirs:
        process = subprocess.Popen(
            [sys.executable, "-P", wandb_nursery.__file__, str(theirs.fileno())],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,  # the first run's: if the nursery cannot start, that is where one looks
            pass_fds=[theirs.fileno()],
            # A pool of threads that numpy started on being imported would not be there in a fork.
            env={**environment, "OPENBLAS_NUM_THREADS": "1"},
            start_new_session=True,
        )
    return _Nursery(control, process)


def _see_out(process: subprocess.Popen[bytes]) -> None:
    """Leave no zombie, without waiting."""
    if process.poll() is None:
        threading.Thread(target=process.wait, daemon=True).start()


@atexit.register
def _close_for_good() -> None:
    nursery = _nursery
    if nursery is not None:
        nursery.control.close()
        with suppress(subprocess.TimeoutExpired):
            nursery.process.wait(_LEAVING_SECONDS)
