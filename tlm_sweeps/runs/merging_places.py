"""Where the parts of a sweep lie before they are merged: found, kept from changing, and read. Nothing is written there.

A ledger is read from a copy, since SQLite would put files of its own beside it.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import sqlite3
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tlm_sweeps.errors import InputError, RunError
from tlm_sweeps.runs.folders import sweep_folder, sweep_names
from tlm_sweeps.runs.ledger import FILE
from tlm_sweeps.runs.ledger_lock import LOCK
from tlm_sweeps.runs.ledger_rows import LedgerRows, read_rows
from tlm_sweeps.spec.sweep import SweepSpec


@dataclass(frozen=True)
class Place:
    """A part of a sweep."""

    label: str
    """The folder as it was named by whoever asks."""
    folder: Path
    """Of the sweep."""
    rows: LedgerRows


class UnreadableLedger(RunError):
    """A ledger of which nothing can be read."""


def sweeps_at(source: Path) -> dict[str, Path]:
    """The sweeps of a runs folder, or the one whose folder it is, by name.

    Raises:
        InputError: there are none.
    """
    if (source / FILE).exists():
        return {source.resolve().name: source}
    names = sweep_names(source) if source.is_dir() else ()
    if not names:
        is_there = "holds no sweeps" if source.is_dir() else "is no folder"
        hint = "name a folder of sweeps (`runs`), or the folder of one sweep, which holds its ledger.sqlite"
        raise InputError(f"`{source}` {is_there}", place="SOURCE", hint=hint)
    return {name: sweep_folder(source, name) for name in names}


def places_of(name: str, target: Path, sources: Sequence[Path]) -> list[tuple[str, Path]]:
    """Where parts of a sweep lie, with the label of each: in the target first, then in the order of the sources."""
    found = [(str(target), target / name)] if (target / name / FILE).exists() else []
    return found + [(str(each), folder) for each in sources if (folder := sweeps_at(each).get(name)) is not None]


@contextmanager
def unchanging(folder: Path) -> Iterator[None]:
    """Keep a sweep from being trained while it is read.

    Raises:
        InputError: it is being trained.
    """
    try:
        lock = os.open(folder / LOCK, os.O_RDONLY)
    except OSError:  # never begun here, or a copy without it: nobody can be writing by it
        yield
        return
    try:
        try:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            hint = "interrupt it, merge, and go on with its command; or merge when it is done"
            raise InputError(f"sweep `{folder.name}` is being trained", place=str(folder), hint=hint) from None
        yield
    finally:
        os.close(lock)


def read_place(label: str, folder: Path) -> Place:
    """All that can be read of a sweep's ledger, which nobody writes meanwhile.

    Raises:
        UnreadableLedger: that is nothing.
    """
    try:
        with tempfile.TemporaryDirectory(prefix="tlm-sweeps-") as copies:
            copy = Path(copies) / FILE
            shutil.copyfile(folder / FILE, copy)
            if (folder / f"{FILE}-wal").exists():
                shutil.copyfile(folder / f"{FILE}-wal", f"{copy}-wal")
            rows = read_rows(copy)
        if rows.proposals or rows.runs:
            SweepSpec.model_validate_json(rows.meta["spec"])
    except (OSError, sqlite3.DatabaseError, ValueError, TypeError, KeyError) as error:
        what = _why(error)
        message = f"the ledger of `{folder.name}` cannot be read: {what}"
        raise UnreadableLedger(message, place=str(folder / FILE)) from error
    return Place(label, folder, rows)


def _why(error: Exception) -> str:
    match error:
        case OSError():
            return error.strerror or "it is no file"
        case sqlite3.DatabaseError():
            return str(error)
        case UnicodeDecodeError() | TypeError():
            return "it is damaged"
        case _:
            return "it holds no spec"
