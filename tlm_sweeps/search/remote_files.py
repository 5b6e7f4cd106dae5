"""Files of a run that go from one machine to another: what is sent, and how it is put on disk.

A file appears under its name only when all of it is on disk and has the sha256 that was announced.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from tlm_sweeps.errors import RunError
from tlm_sweeps.search.remote_messages import Carrying

_CHECKPOINTS = "step-*"
_PARTIAL = ".partial"
FIRST_WEIGHTS = "first-weights.safetensors"
"""In a run's folder away from home: what it begins with, of another run, which has no folder there."""


class Incoming:
    """A file on its way into a folder."""

    def __init__(self, folder: Path, head: Carrying) -> None:
        """Open it under another name.

        Raises:
            RunError: its name leads out of the folder.
            OSError: it cannot be written.
        """
        self._path = _within(folder, head.name)
        self._head = head
        self._left = head.size
        self._hash = hashlib.sha256()
        self._path.parent.mkdir(parents=True, exist_ok=True)
        self._partial = self._path.with_name(self._path.name + _PARTIAL)
        self._file = self._partial.open("wb")

    @property
    def is_whole(self) -> bool:
        """Whether all of it is here."""
        return self._left <= 0

    def take(self, piece: bytes) -> None:
        """Its next bytes."""
        self._left -= len(piece)
        self._hash.update(piece)
        self._file.write(piece)

    def finish(self) -> None:
        """Put it in its place.

        Raises:
            RunError: it is not what was sent.
        """
        with self._file:
            self._file.flush()
            os.fsync(self._file.fileno())
        if self._left or self._hash.hexdigest() != self._head.sha256:
            self._partial.unlink()
            raise RunError(f"{self._head.name} was damaged on its way", place=str(self._path))
        self._partial.replace(self._path)

    def drop(self) -> None:
        """Forget it: the rest will not come."""
        self._file.close()
        self._partial.unlink(missing_ok=True)


class Outgoing:
    """The files of a run's folder that the other side does not have yet."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._sent: dict[str, tuple[int, int]] = {}

    def note_all(self) -> None:
        """All that is there now came from the other side."""
        self._sent = {name: _version(path) for name, path in self._files(deep=True)}

    def changed(self, *, deep: bool = False) -> Iterator[tuple[str, bytes]]:
        """Names and contents of files that are new or other than when they were last sent; JSON after what it is about.

        Args:
            deep: those in folders too (W&B's); they are whole only once the run has been ended there.
        """
        for name, path in sorted(self._files(deep=deep), key=lambda each: (each[0].endswith(".json"), each[0])):
            version = _version(path)
            if self._sent.get(name) != version:
                yield name, path.read_bytes()
                self._sent[name] = version

    def checkpoints(self) -> tuple[str, ...]:
        """Names of the checkpoint files that are there."""
        return tuple(sorted(path.name for path in self._folder.glob(_CHECKPOINTS)))

    def _files(self, *, deep: bool) -> list[tuple[str, Path]]:
        found = self._folder.rglob("*") if deep else self._folder.glob("*")
        return [
            (path.relative_to(self._folder).as_posix(), path)
            for path in found
            if path.is_file() and not path.is_symlink() and path.suffix != _PARTIAL
        ]


def keep_only(folder: Path, checkpoints: tuple[str, ...]) -> None:
    """Drop the checkpoint files that the worker has dropped, and make what is there survive a power cut."""
    for path in folder.glob(_CHECKPOINTS):
        if path.name not in checkpoints:
            path.unlink()
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _version(path: Path) -> tuple[int, int]:
    found = path.stat()
    return found.st_mtime_ns, found.st_size


def _within(folder: Path, name: str) -> Path:
    """The file's path.

    >>> _within(Path("run"), "../other/model.json")
    Traceback (most recent call last):
    tlm_sweeps.errors.RunError: `../other/model.json` leads out of the run's folder
      at run
    """
    parts = PurePosixPath(name)
    path = folder.joinpath(*parts.parts)
    if parts.is_absolute() or ".." in parts.parts or not parts.parts or path.is_symlink():
        raise RunError(f"`{name}` leads out of the run's folder", place=str(folder))
    return path
