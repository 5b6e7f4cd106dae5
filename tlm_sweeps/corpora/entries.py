"""Folders of the cache: built under another name and moved into place in one step, sealed by a checksum.

So no lock is needed: where two processes build the same entry, the second to finish throws its own away. It knows
nothing of what an entry holds.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from tlm_sweeps.corpora.places import cache_folder
from tlm_sweeps.errors import RunError

_DAY_SECONDS = 86_400


def entry_folder(identity: Mapping[str, Any]) -> Path:
    """The folder, there or not, of what this identity decides: its source, every option and the layout's number."""
    return cache_folder() / "corpora" / hashlib.sha256(canonical(identity)).hexdigest()[:32]


def publish_entry(entry: Path, write: Callable[[Path], None], is_whole: Callable[[Path], bool]) -> None:
    """Make an entry so that others see the whole of it or nothing.

    Args:
        entry: its folder.
        write: writes its files into a folder, durably.
        is_whole: whether what is there already can be used.

    Raises:
        RunError: the cache folder cannot be written.
    """
    scratch = entry.with_name(f".building-{os.getpid()}-{os.urandom(4).hex()}")
    try:
        scratch.mkdir(parents=True)
        write(scratch)
        _move_into_place(scratch, entry, is_whole)
        _clear_abandoned(entry.parent)
    except OSError as error:
        raise RunError(
            f"the tokenised corpus cannot be kept: {error.strerror}",
            place=str(entry.parent),
            hint="set TLM_CACHE to a folder with room",
        ) from error
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def write_durably(path: Path, content: bytes) -> None:
    """Write a file and wait until it is on the disk."""
    with path.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def sealed(facts: Mapping[str, Any]) -> bytes:
    """Facts as JSON, with a checksum over them."""
    return json.dumps({**facts, "checksum": hashlib.sha256(canonical(facts)).hexdigest()}, indent=1).encode()


def unsealed(path: Path) -> dict[str, Any] | None:
    """The facts in a sealed file; None when it is not there, torn, or not ours."""
    try:
        written = json.loads(path.read_bytes())
        whole = written.pop("checksum") == hashlib.sha256(canonical(written)).hexdigest()
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None
    return written if whole else None


def canonical(value: object) -> bytes:
    """One JSON text for one value, whatever the order of its keys."""
    return json.dumps(value, sort_keys=True, separators=(",", ":")).encode()


def _move_into_place(scratch: Path, entry: Path, is_whole: Callable[[Path], bool]) -> None:
    for _ in range(10):  # each round another process may have put a new entry there
        try:
            scratch.rename(entry)
        except OSError:
            if is_whole(entry):
                return  # another process was first
            _take_away(entry)
        else:
            return
    scratch.rename(entry)


def _take_away(damaged: Path) -> None:
    aside = damaged.with_name(f".building-{os.getpid()}-{os.urandom(4).hex()}")
    try:
        damaged.rename(aside)
    except FileNotFoundError:
        return  # another process took it away
    shutil.rmtree(aside, ignore_errors=True)


def _clear_abandoned(folder: Path) -> None:
    """Take away what processes that were killed while building have left."""
    for path in folder.glob(".building-*"):
        try:
            is_old = time.time() - path.stat().st_mtime > _DAY_SECONDS
        except FileNotFoundError:
            continue
        if is_old:
            shutil.rmtree(path, ignore_errors=True)
