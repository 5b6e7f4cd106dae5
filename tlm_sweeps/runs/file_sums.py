"""The sha256 of what a complete run leaves behind, in a file beside it that `sha256sum --check` reads too."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from pathlib import Path

FILE = "SHA256SUMS"
_LINE = re.compile(r"([0-9a-f]{64})  ([A-Za-z0-9][A-Za-z0-9._-]*)")


def sums_of(paths: Iterable[Path]) -> bytes:
    """The content of the file, for these."""
    return "".join(f"{sha256_of(path)}  {path.name}\n" for path in paths).encode()


def damaged_in(folder: Path) -> tuple[str, ...]:
    """Names of a run's files that are gone or not what was written; none where an older version kept no sums."""
    return tuple(name for name, sha256 in _sums(folder).items() if _found(folder / name) != sha256)


def is_as_written(path: Path, content: bytes) -> bool:
    """Whether this is what the run wrote into the file; True where nobody knows."""
    sha256 = _sums(path.parent).get(path.name)
    return sha256 is None or hashlib.sha256(content).hexdigest() == sha256


def sha256_of(path: Path) -> str:
    """The sha256 of a file, in hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _found(path: Path) -> str:
    try:
        return sha256_of(path)
    except OSError:
        return ""


def _sums(folder: Path) -> dict[str, str]:
    """What the file says; its own damage is that of the files whose lines are damaged."""
    try:
        lines = (folder / FILE).read_bytes().decode(errors="replace").splitlines()
    except OSError:
        return {}
    found = (_LINE.fullmatch(line) for line in lines)
    return {each[2]: each[1] for each in found if each}
