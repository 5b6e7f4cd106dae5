"""Who may write a ledger: a file lock, and beside it, for people, who has it."""

from __future__ import annotations

import fcntl
import json
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from tlm_sweeps.errors import InputError
from tlm_sweeps.runs.safe_folders import ensure_no_links, ensure_ours

LOCK = "ledger.lock"


@contextmanager
def held(folder: Path) -> Iterator[None]:
    """Be the only one who writes in a sweep's folder, which is made where there is none.

    Raises:
        InputError: when another process is, the folder cannot be written or is another user's, or it holds a link.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        ensure_ours(folder)
        ensure_no_links(folder)
        lock = os.open(folder / LOCK, os.O_RDWR | os.O_CREAT, 0o644)
    except OSError as error:
        raise InputError(
            f"cannot write to {folder}: {error.strerror}", hint="choose another folder with `--runs-dir`"
        ) from error
    try:
        _take(lock, folder)
        try:
            yield
        finally:
            os.ftruncate(lock, 0)
    finally:
        os.close(lock)


@dataclass(frozen=True)
class Writer:
    """The process that has a ledger open to write."""

    pid: int
    host: str
    since: str


def writer_of(folder: Path) -> Writer | None:
    """Who has a ledger open to write, told without touching its lock; None when nobody has."""
    try:
        writer = Writer(**json.loads((folder / LOCK).read_bytes()))
    except (OSError, ValueError, TypeError):
        return None  # never begun, or let go
    return writer if writer.host != socket.gethostname() or _is_alive(writer.pid) else None


def is_held(folder: Path) -> bool:
    """Whether a process holds a ledger to write it, told by its lock: a process id may be somebody else's by now."""
    try:
        lock = os.open(folder / LOCK, os.O_RDWR)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(lock)
    return False


def _named(text: bytes) -> dict[str, object]:
    try:
        return json.loads(text)
    except ValueError:
        return {}


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False  # it died without letting go
    except PermissionError:
        return True  # somebody else's
    return True


def _take(lock: int, folder: Path) -> None:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        holder = _named(os.pread(lock, 1000, 0))
        if not holder:  # whoever only keeps it as it is writes nothing
            message = f"sweep `{folder.name}` is in use: it is being merged into another folder, or just starting"
            raise InputError(message, hint="try again in a moment") from None
        pid, host = holder.get("pid", "?"), holder.get("host", "?")
        pausing = f"`kill {pid}` on {host} pauses it, and then this command goes on with it"
        raise InputError(
            f"sweep `{folder.name}` is already running as pid {pid} on {host} since {holder.get('since', '?')}",
            hint=f"watch it with `tlm-sweeps status {folder.name}`; {pausing}",
        ) from None
    now = datetime.now(UTC).isoformat(timespec="seconds")
    os.ftruncate(lock, 0)
    with suppress(OSError):  # it is for people only, and a full disk is met again where it matters
        os.pwrite(lock, json.dumps({"pid": os.getpid(), "host": socket.gethostname(), "since": now}).encode(), 0)
