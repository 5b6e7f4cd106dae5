"""A merged sweep on disk: the files of its runs first, then its ledger in one transaction or one rename.

So a merge that is cut off leaves a sweep as it was, and is done again by the same call. Sources are only read.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from tlm_sweeps.errors import InputError, RunError
from tlm_sweeps.runs.file_sums import damaged_in, sha256_of
from tlm_sweeps.runs.ledger import FILE, writing
from tlm_sweeps.runs.ledger_lock import held, is_held
from tlm_sweeps.runs.ledger_rows import RunRows, write_rows
from tlm_sweeps.runs.merging import Merged
from tlm_sweeps.runs.merging_runs import Training

_SCRATCH = ".merging"
_METRICS = "metrics.jsonl"
_CHECKPOINT = "step-"
_PARTIAL = ".partial"
_BESIDE = ("wandb-sweep.json",)
"""Files of a sweep's folder that say what it is."""


@contextmanager
def merging_into(target: Path) -> Iterator[None]:
    """Be the only one who merges into a folder; what an earlier merge was cut off in is cleared away.

    Raises:
        InputError: another process does, or the folder cannot be written.
    """
    scratch = target / _SCRATCH
    if is_held(scratch):
        raise InputError(f"another process merges into {target}", hint="wait for it; `merge` again then adds the rest")
    try:
        with held(scratch):
            for left in scratch.iterdir():
                if left.is_dir():
                    shutil.rmtree(left)
            yield
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
        with suppress(OSError):
            target.rmdir()  # where nothing came of it


def write_merged(merged: Merged, target: Path, name: str) -> list[str]:
    """Put a merged sweep into a folder of sweeps.

    Args:
        merged: the sweep; where the folder has it already, its lock is the caller's.
        target: the folder of sweeps.
        name: of the sweep.

    Returns:
        Damaged files, which were not brought along, a sentence each.

    Raises:
        RunError: a file could not be copied whole.
    """
    folder, is_there = target / name, (target / name / FILE).exists()
    into = folder if is_there else target / _SCRATCH / name
    if not is_there:
        with writing(into):  # makes the tables
            pass
    damaged = [each for run in merged.rows.runs for each in _bring(run, merged, into)]
    _bring_beside(merged, into)
    _synced(into)
    write_rows(into / FILE, merged.rows)
    if not is_there:
        _moved(into, folder)
    return damaged


def _bring(run: RunRows, merged: Merged, into: Path) -> list[str]:
    """Bring a run's files into the sweep's folder; those that are damaged stay where they are, and are told."""
    origin = merged.origins.get(run.record.run_id)
    if origin is None:
        return []
    source, folder = origin.place.folder / origin.record.run_id, into / run.record.run_id
    if not source.is_dir() or (folder.exists() and source.samefile(folder)):
        return []
    spoilt = damaged_in(source) if run.record.state == "complete" else ()
    folder.mkdir(exist_ok=True)
    for path in _files(source, origin):
        if path.name not in spoilt:
            _copied(path, folder / path.name)
    if run.measurements:
        lines = "".join(each.model_dump_json() + "\n" for _, each in run.measurements)
        _written(folder / _METRICS, lines.encode())
    _synced(folder)
    return [f"{origin.place.label}: {source.name}/{name} is damaged, and was left there" for name in spoilt]


def _files(source: Path, origin: Training) -> list[Path]:
    """What comes along: all but the checkpoints that the ledger does not know, and what W&B's client keeps."""
    known = {name for _, name, _ in origin.run.checkpoints}
    return [
        path
        for path in sorted(source.iterdir())
        if path.is_file() and not path.is_symlink() and path.suffix != _PARTIAL and path.name != _METRICS
        if not path.name.startswith(_CHECKPOINT) or path.stem in known
    ]


def _bring_beside(merged: Merged, into: Path) -> None:
    for origin in merged.origins.values():
        for path in (origin.place.folder / name for name in _BESIDE):
            if path.is_file() and not (into / path.name).exists():
                _copied(path, into / path.name)


def _copied(source: Path, path: Path) -> None:
    """Copy a file, and look whether what is there now is what was there."""
    try:
        _written(path, source.read_bytes())
        is_same = sha256_of(path) == sha256_of(source)
    except OSError as error:
        raise RunError(f"cannot copy {source}: {error.strerror}", place=str(path), hint=_AGAIN) from error
    if not is_same:
        raise RunError(f"{source} was damaged on its way", place=str(path), hint=_AGAIN)


_AGAIN = "when the disk is well, the same command goes on"


def _written(path: Path, content: bytes) -> None:
    partial = path.with_name(path.name + _PARTIAL)
    with partial.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    partial.replace(path)


def _synced(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _moved(scratch: Path, folder: Path) -> None:
    try:
        scratch.rename(folder)
    except OSError as error:
        message = f"cannot put the sweep at {folder}: {error.strerror}"
        raise InputError(message, hint="merge into a new folder, or move away what is there") from error
    _synced(folder.parent)
