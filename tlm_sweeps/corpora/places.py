"""Where things lie on this machine: data folders to look in, and the folder for what we keep. It reads no text."""

from __future__ import annotations

import logging
import os
import stat
import tempfile
from pathlib import Path

from tlm_sweeps.errors import InputError

_logger = logging.getLogger(__name__)


def data_folders(data_dir: Path | None) -> tuple[Path, ...]:
    """Folders in which a known corpus is looked for, in order.

    `data_dir`, else the environment's TLM_DATA, else `../shared/data` where that exists; then what was downloaded.

    Raises:
        InputError: when the folder that was named does not exist.
    """
    if data_dir is not None:
        chosen, said_by = data_dir, "--data-dir"
    elif named := os.environ.get("TLM_DATA"):
        chosen, said_by = Path(named), "TLM_DATA"
    else:
        development = Path("../shared/data")
        return (*([development] if development.is_dir() else []), downloads_folder())
    chosen = chosen.expanduser()
    if not chosen.is_dir():
        raise InputError(
            f"the data folder {str(chosen)!r} does not exist or is no folder",
            place=said_by,
            hint=f"set {said_by} to the folder that holds `tinyshakespeare/`, `ptb/`, …, or leave it out",
        )
    return (chosen, downloads_folder())


def downloads_folder() -> Path:
    """Where corpora from the Hub are put when no folder is named: laid out like any data folder."""
    return cache_folder() / "data"


def cache_folder() -> Path:
    """The folder for what is kept between runs, made if need be and writable.

    TLM_CACHE, else `$XDG_CACHE_HOME/tlm_sweeps`, else `~/.cache/tlm_sweeps`. Where that cannot be written (no home, a
    read-only one), a folder of this user's under the system's temporary folder.
    """
    wanted = _wanted_cache_folder()
    if wanted is not None and _writable(wanted):
        return wanted
    fallback = Path(tempfile.gettempdir()) / f"tlm_sweeps-{os.getuid() if hasattr(os, 'getuid') else 'cache'}"
    if not _writable(fallback):
        raise InputError(
            f"no cache folder can be written: neither {str(wanted)!r} nor {str(fallback)!r}",
            place="TLM_CACHE",
            hint="set TLM_CACHE to a folder that you may write",
        )
    _logger.info("cache folder %s cannot be written; using %s", wanted, fallback)
    return fallback


def _wanted_cache_folder() -> Path | None:
    if named := os.environ.get("TLM_CACHE"):
        return Path(named).expanduser().absolute()
    if base := os.environ.get("XDG_CACHE_HOME"):
        return Path(base) / "tlm_sweeps"
    try:
        return Path.home() / ".cache" / "tlm_sweeps"
    except RuntimeError:  # there is no home
        return None


def _writable(folder: Path) -> bool:
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        # In a shared temporary folder, one that someone else has made in our name is not ours to trust.
        is_ours = not hasattr(os, "getuid") or not _is_temporary(folder) or _is_private(folder)
    except OSError:
        return False
    return is_ours and os.access(folder, os.W_OK | os.X_OK)


def _is_private(folder: Path) -> bool:
    """Whether it is a folder itself, of this user, into which nobody else may write."""
    found = folder.lstat()
    return stat.S_ISDIR(found.st_mode) and found.st_uid == os.getuid() and not found.st_mode & 0o022


def _is_temporary(folder: Path) -> bool:
    return folder.parent == Path(tempfile.gettempdir())
