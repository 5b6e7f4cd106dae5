"""What a user names, found: a study, the specs that train its tables, the folder that keeps its records."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import tlm_sweeps
from tlm_sweeps.errors import InputError, did_you_mean
from tlm_sweeps.report.sources import SweepResults
from tlm_sweeps.spec.loading import LoadedSweep, load_sweep
from tlm_sweeps.studies.kept import read_kept
from tlm_sweeps.studies.published import Study, Table
from tlm_sweeps.studies.tradeoffs import TRADEOFFS

STUDIES = (TRADEOFFS,)
"""All whose published numbers are here."""


def study_of(name: str, tables: Sequence[str] = ()) -> Study:
    """A study by its name, with some of its tables or all.

    Raises:
        InputError: for a name or a table that does not exist.
    """
    for study in STUDIES:
        if study.name == name:
            return study.only(tables)
    names = [study.name for study in STUDIES]
    raise InputError(f"no study `{name}` is known", place="STUDY", hint=did_you_mean(name, names))


def specs_of(study: Study, folder: Path | None = None, seeds: int | None = None) -> dict[str, list[LoadedSweep]]:
    """The sweeps that train each table, by the table's key.

    Args:
        study: whose tables.
        folder: where the specs are; default `sweeps/<study>` here, else beside the checkout that the package runs from.
        seeds: instead of the specs' own.

    Raises:
        InputError: when a spec is not found, cannot be read, or is of another sweep.
    """
    place = folder or _specs_folder(study)
    overrides = [] if seeds is None else [f"seeds={seeds}"]
    return {table.key: [_spec(table, place / name, overrides) for name in table.specs] for table in study.tables}


def kept_sweeps(study: Study, folder: Path) -> dict[str, SweepResults]:
    """The kept sweeps of a study, by name.

    Args:
        study: whose.
        folder: holds a folder of the study's name, or is that folder.

    Raises:
        InputError: when no records are kept there, or cannot be read.
    """
    own = folder / study.name
    place = own if own.is_dir() else folder
    sweeps = read_kept(place)
    if not any(name in sweeps for name in study.sweeps):
        hint = f"name a folder that `tlm-sweeps reproduce {study.name} --to FOLDER` has filled"
        raise InputError(f"no records of {study.name} are kept here", place=str(place), hint=hint)
    return sweeps


def _specs_folder(study: Study) -> Path:
    here = Path("sweeps") / study.name
    checkout = Path(tlm_sweeps.__file__).parents[1] / "sweeps" / study.name
    for folder in (here, checkout):
        if folder.is_dir():
            return folder
    hint = "run this in a checkout of the repository, or name the folder of the specs with --specs"
    raise InputError(f"the specs of {study.name} are not found", place=str(here), hint=hint)


def _spec(table: Table, path: Path, overrides: Sequence[str]) -> LoadedSweep:
    loaded = load_sweep(path, overrides)
    if loaded.spec.name not in table.sweeps:
        hint = f"call it {' or '.join(table.sweeps)}, or name another folder with --specs"
        raise InputError(
            f"`{loaded.spec.name}` trains nothing of table {table.key}", place=loaded.place("name"), hint=hint
        )
    return loaded
