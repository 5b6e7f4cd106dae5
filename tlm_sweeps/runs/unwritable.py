"""When a sweep's folder takes nothing more: how that is known, and what a person is told. The sweep waits, unharmed."""

from __future__ import annotations

import errno
import sqlite3
from pathlib import Path

from tlm_sweeps.errors import RunError

_REFUSALS = (errno.ENOSPC, errno.EDQUOT, errno.EROFS)
"""Of the disk and not of the run that meets them: every other run would meet them too."""
_FULL_OR_FAILING = (sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN)


def refusal(error: BaseException) -> str:
    """Why the disk took nothing, in the system's words; nothing where the error is another one.

    >>> refusal(OSError(errno.ENOSPC, "No space left on device"))
    'No space left on device'
    >>> refusal(FileNotFoundError(errno.ENOENT, "No such file or directory"))
    ''
    """
    return str(error.strerror) if isinstance(error, OSError) and error.errno in _REFUSALS else ""


def put_down(folder: Path, reason: str) -> RunError:
    """That a sweep has been put down because its folder took nothing more."""
    hint = "see to the disk; then the same command goes on from the newest checkpoints"
    return RunError(f"`{folder.name}` cannot be written any more: {reason}", place=str(folder), hint=hint)


def unusable(file: Path, error: Exception) -> RunError:
    """That a sweep's ledger cannot be used: because of the disk, or because it is damaged."""
    code = getattr(error, "sqlite_errorcode", None)
    if code is not None and code & 0xFF in _FULL_OR_FAILING:
        hint = "see to the disk, which may be full or read-only; then the same command goes on"
    else:
        hint = "keep a copy of the folder and sweep again under a new name"
    return RunError(f"the ledger of `{file.parent.name}` cannot be used: {error}", place=str(file), hint=hint)
