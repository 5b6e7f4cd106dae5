"""Where sweeps and runs live on disk."""

from __future__ import annotations

import os
import re
import tempfile
from pathlib import Path

from tlm_sweeps.errors import InputError
from tlm_sweeps.runs.ledger import FILE

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")


def runs_folder(given: Path | None = None) -> Path:
    """The folder of all sweeps: as given, else TLM_RUNS, else `runs` here."""
    return given or Path(os.environ.get("TLM_RUNS") or "runs")


def sweep_folder(runs: Path, name: str) -> Path:
    """The folder of one sweep; the name must be one, not a path.

    Raises:
        InputError: for a name that leads elsewhere, or a folder that is a link to somewhere else.
    """
    if not _NAME.fullmatch(name):
        raise InputError(
            f"`{name}` is no sweep name", hint="names begin with a letter or digit and hold letters, digits, . _ -"
        )
    folder = runs / name
    if folder.is_symlink():
        raise InputError(f"{folder} is a link to {folder.resolve()}", hint="move the link away or choose another name")
    return folder


def ensure_writable(folder: Path) -> None:
    """Make a folder, if it is not there, and see that files can be made in it.

    Raises:
        InputError: when they cannot.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        hint = "name a folder that you may write with --runs-dir"
        raise InputError(f"cannot write to {folder}: {error.strerror}", hint=hint) from error


def sweep_names(runs: Path) -> tuple[str, ...]:
    """The sweeps in a runs folder, by name."""
    return tuple(sorted(path.parent.name for path in runs.glob(f"*/{FILE}")))
