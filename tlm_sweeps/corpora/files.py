"""Text files: reading one, packed or not, and knowing its content by its sha256. It knows nothing of tokens."""

from __future__ import annotations

import contextlib
import gzip
import hashlib
import os
import time
import zlib
from collections.abc import Sequence
from pathlib import Path

from tlm_sweeps.corpora.entries import sealed, unsealed
from tlm_sweeps.corpora.places import cache_folder
from tlm_sweeps.errors import InputError, nearest

_SETTLED_SECONDS = 2.0
"""A file that changed within this time may change again without a new time stamp: its hash is not remembered."""


def read_content(path: Path) -> bytes:
    """The bytes of a file; those of a `.gz` file unpacked.

    Raises:
        InputError: it cannot be read or unpacked.
    """
    try:
        stored = path.read_bytes()
        return gzip.decompress(stored) if path.suffix == ".gz" else stored
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise InputError(
            f"{path.name} is no whole gzip file: {error}",
            place=str(path),
            hint="fetch or pack the file again; a plain text file must not be named .gz",
        ) from error
    except OSError as error:
        raise InputError(
            f"{path.name} cannot be read: {error.strerror}", place=str(path), hint="make it readable"
        ) from error


def decode_text(content: bytes, path: Path) -> str:
    """The text of a UTF-8 file's content, a byte-order mark left out.

    Raises:
        InputError: with the offset of the first byte that is no UTF-8.
    """
    try:
        return content.decode("utf-8").removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        raise InputError(
            f"{path.name} is no UTF-8 text: byte 0x{content[error.start]:02x} at offset {error.start:,}",
            place=str(path),
            hint="convert it, for example: iconv -f LATIN1 -t UTF-8 OLD > NEW",
        ) from error


def require_path(written: str, place: str = "experiment.corpus.path") -> Path:
    """The file or folder that a spec names; `~` is the home folder.

    Raises:
        InputError: it does not exist; the hint has the nearest name in its folder.
    """
    path = Path(written).expanduser()
    if path.is_file() or path.is_dir():
        return path
    if path.exists():
        raise InputError(f"{written!r} is neither a file nor a folder", place=written, hint="name a text file")
    folder = path.parent
    if not folder.is_dir():
        raise InputError(
            f"{written!r} does not exist: there is no folder {str(folder)!r}",
            place=place,
            hint=f"a relative path begins at the current folder, {Path.cwd()}",
        )
    close = nearest(path.name, (each.name for each in folder.iterdir() if each.exists()))  # a link may lead nowhere
    raise InputError(
        f"{written!r} does not exist",
        place=place,
        hint=f"did you mean `{folder / close}`?" if close else f"list what is there: ls {folder}",
    )


def joined(texts: Sequence[str]) -> str:
    """Texts one after the other, each beginning on a new line."""
    return "".join(
        text if not text or text.endswith("\n") or number == len(texts) else text + "\n"
        for number, text in enumerate(texts, start=1)
    )


def content_sha256(path: Path) -> str:
    """The sha256 of a file's (unpacked) content, remembered until the file changes.

    Large corpora are opened by many processes; reading them again each time would cost more than the arrays.
    """
    try:
        state = path.stat()
    except OSError as error:
        raise InputError(f"{path.name} cannot be read: {error.strerror}", place=str(path)) from error
    stamp = [state.st_size, state.st_mtime_ns, state.st_ctime_ns, state.st_ino]
    memo = cache_folder() / "seen" / f"{hashlib.sha256(str(path.resolve()).encode()).hexdigest()[:32]}.json"
    remembered = _remembered(memo, stamp)
    if remembered is not None:
        return remembered
    digest = hashlib.sha256(read_content(path)).hexdigest()
    if time.time() - max(state.st_mtime, state.st_ctime) > _SETTLED_SECONDS:
        _remember(memo, stamp, digest)
    return digest


def _remembered(memo: Path, stamp: list[int]) -> str | None:
    known = unsealed(memo)
    return known["sha256"] if known is not None and known.get("stamp") == stamp else None


def _remember(memo: Path, stamp: list[int], digest: str) -> None:
    with contextlib.suppress(OSError):  # it only saves time
        memo.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(memo, sealed({"stamp": stamp, "sha256": digest}))


def write_atomically(path: Path, content: bytes) -> None:
    """Write a file so that nobody ever sees a part of it."""
    scratch = path.with_name(f".{path.name}.{os.getpid()}-{os.urandom(4).hex()}")
    try:
        with scratch.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        scratch.replace(path)
    finally:
        scratch.unlink(missing_ok=True)
