"""The W&B sweeps that were launched from a runs folder. What agents do for them is W&B's to know, not this folder's."""

from __future__ import annotations

from pathlib import Path

from tlm_sweeps.errors import InputError
from tlm_sweeps.runs.folders import sweep_folder, sweep_names
from tlm_sweeps.search.wandb.launched import FILE, LaunchedSweep, read_launched
from tlm_sweeps.tracking.wandb_paths import SweepPath


def launched_sweep(runs: Path, name: str) -> LaunchedSweep | None:
    """The W&B sweep that was launched under a name; None for a sweep that was searched here, uploaded or not.

    Raises:
        InputError: when it cannot be read.
    """
    folder = sweep_folder(runs, name)
    if name in sweep_names(runs):
        return None
    found = read_launched(folder)
    return found if found is not None and found.made_by == "launch" else None


def launched_names(runs: Path) -> tuple[str, ...]:
    """The names of the launched sweeps, also of those that cannot be read."""
    return tuple(sorted(path.parent.name for path in runs.glob(f"*/{FILE}") if _is_launched(runs, path.parent.name)))


def folder_of(runs: Path, path: SweepPath) -> Path | None:
    """The folder of the sweep that became this one at W&B, launched or uploaded; None where there is none."""
    for file in sorted(runs.glob(f"*/{FILE}")):
        try:
            found = read_launched(file.parent)
        except InputError:  # whoever names that sweep is told
            continue
        if found is not None and SweepPath(found.entity, found.project, found.id) == path:
            return file.parent
    return None


def _is_launched(runs: Path, name: str) -> bool:
    try:
        return launched_sweep(runs, name) is not None
    except InputError:
        return True
