"""Which W&B sweep a sweep of this machine became: `runs/<name>/wandb-sweep.json`, so that it becomes only one."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from tlm_sweeps.errors import InputError
from tlm_sweeps.spec.sweep import SweepSpec

FILE = "wandb-sweep.json"


class LaunchedSweep(BaseModel):
    """A sweep that W&B's server has."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str
    """W&B's, 8 characters."""
    entity: str
    project: str
    base_url: str
    """Of the server."""
    url: str
    """Of its page."""
    fingerprint: str
    """Of the spec."""
    spec: SweepSpec
    """As it was launched."""
    made_by: Literal["launch", "sync"] = "launch"
    """`launch`: agents work for it; `sync`: for runs that were searched on this machine."""
    has_scheduler: bool = False
    """Whether a local scheduler drives it."""
    created_at: str
    """UTC, ISO 8601."""

    @property
    def path(self) -> str:
        """As agents are told it: `entity/project/id`."""
        return f"{self.entity}/{self.project}/{self.id}"


def read_launched(folder: Path) -> LaunchedSweep | None:
    """What a sweep's folder says; None when it has not become a W&B sweep.

    Raises:
        InputError: when the file is there and is not what was written.
    """
    path = folder / FILE
    try:
        return LaunchedSweep.model_validate_json(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError):  # what is no folder, others say
        return None
    except (OSError, ValidationError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not what was written there"
        hint = "move the file away; the sweep is then launched anew"
        raise InputError(f"which W&B sweep this is cannot be read: {reason}", place=str(path), hint=hint) from error


def ensure_not_launched(folder: Path) -> None:
    """Refuse to search on this machine what agents search for W&B.

    Raises:
        InputError: when the sweep of this folder was launched.
    """
    known = read_launched(folder)
    if known is not None and known.made_by == "launch":
        hint = f"`tlm-sweeps agent {known.path}` works for it; to search here, name the sweep anew: `--set name=…`"
        raise InputError(f"sweep `{folder.name}` was launched as {known.path}", place=str(folder / FILE), hint=hint)


def trained_in(folder: Path) -> Path:
    """Where the runs of a sweep lie: of a launched one, where this machine's agents trained."""
    known = read_launched(folder)
    agents = (
        folder.with_name(f"{folder.name}-{known.id}") if known is not None and known.made_by == "launch" else folder
    )
    return agents if agents.is_dir() else folder


def write_launched(folder: Path, launched: LaunchedSweep) -> None:
    """Remember the W&B sweep, whole or not at all.

    Raises:
        InputError: when the folder cannot be written.
    """
    path = folder / FILE
    try:
        folder.mkdir(parents=True, exist_ok=True)
        new = path.with_suffix(".new")
        text = launched.model_dump_json(indent=2, exclude_unset=True)
        with new.open("w", encoding="utf-8") as file:
            file.write(text + "\n")
            file.flush()
            os.fsync(file.fileno())
        new.replace(path)
    except OSError as error:
        hint = "name a folder that you may write with --runs-dir"
        raise InputError(f"cannot write `{path}`: {error.strerror}", hint=hint) from error
