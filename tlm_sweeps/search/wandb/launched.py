"""Which W&B sweep a sweep of this machine became: `runs/<name>/wandb-sweep.json`, so that it becomes only one."""

from __future__ import annotations

import os
from pathlib import Path

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
    except FileNotFoundError:
        return None
    except (OSError, ValidationError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not what was written there"
        hint = "move the file away; the sweep is then launched anew"
        raise InputError(f"which W&B sweep this is cannot be read: {reason}", place=str(path), hint=hint) from error


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
