"""The specs that a job reads: as they were when it was submitted, whatever becomes of their files, `--set` or stdin."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from tlm_sweeps.launching.job_record import write_whole
from tlm_sweeps.spec.loading import LoadedSweep
from tlm_sweeps.spec.sweep import SweepSpec
from tlm_sweeps.spec.yaml_writing import to_yaml

_FOLDER = "specs"


def copy_specs(spec: SweepSpec, loaded: LoadedSweep, folder: Path) -> Path:
    """Write the sweep's spec, and those of what it is after, as they are with all that was said on the command line.

    The files lie to each other as their originals do, so that what `after` names is found.

    Args:
        spec: to be searched: as loaded, or made from it.
        loaded: with the sweeps that it is after.
        folder: of the job.

    Returns:
        The file of the sweep's own spec.
    """
    texts = {_place(loaded): to_yaml(spec)} | dict(_texts_of_links(loaded))
    above = Path(os.path.commonpath([place.parent for place in texts]))
    for place, text in texts.items():
        copy = folder / _FOLDER / place.relative_to(above)
        copy.parent.mkdir(parents=True, exist_ok=True)
        write_whole(copy, text)
    return folder / _FOLDER / _place(loaded).relative_to(above)


def _texts_of_links(loaded: LoadedSweep) -> Iterator[tuple[Path, str]]:
    for link in loaded.links:
        yield _place(link), to_yaml(link.spec)


def _place(loaded: LoadedSweep) -> Path:
    """Where a spec's file is, links in its path not followed: `after` names files beside it."""
    return Path(os.path.abspath(loaded.source))  # noqa: PTH100 - `resolve` would follow links
