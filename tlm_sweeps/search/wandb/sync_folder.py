"""The folder that a sync works in: for one sync of a sweep at a time, empty before and gone afterwards."""

from __future__ import annotations

import fcntl
import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tlm_sweeps.errors import InputError, RunError

_LOCK_SECONDS = 10.0
"""How long a sync that was killed may still take: its `wandb sync` ends what it has begun."""
_ASKING_SECONDS = 1.0


@dataclass(frozen=True)
class Work:
    """A folder to work in, and the lock that says that somebody does."""

    folder: Path
    lock: int

    def empty(self) -> None:
        """Make the folder anew."""
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir(exist_ok=True)  # a service whose client was ended may still write for a moment


@contextmanager
def alone(folder: Path) -> Iterator[Work]:
    """A folder to work in, inside a sweep's.

    Raises:
        InputError: when the sweep is being synced by another process.
        RunError: when the folder cannot be written.
    """
    work = folder.resolve() / ".wandb-sync"
    try:
        lock = os.open(folder / ".wandb-sync.lock", os.O_RDWR | os.O_CREAT, 0o644)
        try:
            _take(lock, folder)
            try:
                taken = Work(work, lock)
                taken.empty()
                yield taken
            finally:
                shutil.rmtree(work, ignore_errors=True)
        finally:
            os.close(lock)
    except OSError as error:
        raise RunError(f"cannot work in {work}: {error.strerror}", hint="see to the disk or its permissions") from error


def _take(lock: int, folder: Path) -> None:
    deadline = time.monotonic() + _LOCK_SECONDS
    while True:
        try:
            return fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > deadline:
                hint = "wait until that is done, and call it again"
                raise InputError(f"`{folder.name}` is being synced by another process", hint=hint) from None
            time.sleep(_ASKING_SECONDS)
