"""The Slurm job of a sweep as its folder knows it: `runs/<sweep>/slurm/job.json`, so that there is only one."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from tlm_sweeps.errors import InputError

FOLDER = "slurm"
"""Inside a sweep's folder: the job's script and specs, its output, and what is known of it."""
_FILE = "job.json"
JOB_FILE = f"{FOLDER}/{_FILE}"


class SlurmJob(BaseModel):
    """A job that was submitted."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str | None = None
    """Slurm's number; None when nobody heard it: `sbatch` was still busy when this process ended."""
    name: str
    """Of the job, in Slurm's lists."""
    comment: str
    """By which Slurm's job is known to be this one: a controller that lost its state gives numbers anew."""
    user: str
    """Who submitted it, by name."""
    submitted_at: str
    """UTC, ISO 8601."""
    requeue: bool
    script: str
    output: str
    """File of what the job says."""
    argv: tuple[str, ...]
    """The command that submitted it, which goes on with the sweep."""


def slurm_folder(folder: Path) -> Path:
    """Where all that concerns the job lies.

    Args:
        folder: of the sweep.
    """
    return folder / FOLDER


def read_job(folder: Path) -> SlurmJob | None:
    """The job that a sweep was submitted as; None when it never was.

    Args:
        folder: of the sweep.

    Raises:
        InputError: when the file is there and is not what was written.
    """
    path = slurm_folder(folder) / _FILE
    try:
        return SlurmJob.model_validate_json(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, ValidationError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not what was written there"
        hint = "see with `squeue --me` that no job of this sweep is there, and move the file away"
        raise InputError(f"which Slurm job this is cannot be read: {reason}", place=str(path), hint=hint) from error


def write_job(folder: Path, job: SlurmJob) -> None:
    """Remember the job, whole or not at all, and on disk before this returns."""
    write_whole(slurm_folder(folder) / _FILE, job.model_dump_json(indent=2) + "\n")


def forget_job(folder: Path) -> None:
    """Know of no job any more."""
    (slurm_folder(folder) / _FILE).unlink()


def job_names(runs: Path) -> tuple[str, ...]:
    """The sweeps of a folder that were submitted, by name."""
    return tuple(sorted(path.parent.parent.name for path in runs.glob(f"*/{JOB_FILE}")))


def write_whole(path: Path, text: str) -> None:
    """Put a text into a file, in one go."""
    new = path.with_name(f"{path.name}.new")
    with new.open("w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    new.replace(path)
    _sync(path.parent)


@contextmanager
def writable(folder: Path) -> Iterator[None]:
    """What is written inside goes wrong as an error for people.

    Raises:
        InputError: when the sweep's folder cannot be written.
    """
    try:
        yield
    except OSError as error:
        hint = "name a folder that you may write with --runs-dir"
        raise InputError(f"cannot write to {folder}: {error.strerror}", hint=hint) from error


def _sync(folder: Path) -> None:
    opened = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)
