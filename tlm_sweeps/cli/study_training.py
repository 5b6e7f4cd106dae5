"""What is missing of a study's tables, trained: what it will take is said first, then one sweep after the other."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tlm_sweeps.cli.following import follow
from tlm_sweeps.cli.options import device_of, workers_of
from tlm_sweeps.errors import InputError

if TYPE_CHECKING:
    from tlm_sweeps.report.sources import SweepResults
    from tlm_sweeps.spec.loading import LoadedSweep
    from tlm_sweeps.spec.sweep import SweepSpec
    from tlm_sweeps.studies.published import Study
    from tlm_sweeps.studies.remaining import Remaining


@dataclass(frozen=True)
class Machinery:
    """How to train, as given after the options of the same names."""

    workers: str
    device: str
    stack: int | None
    runs_dir: Path | None
    data_dir: Path | None


@dataclass(frozen=True)
class _Sweep:
    loaded: LoadedSweep
    left: Remaining
    workers: int


def train_missing(
    study: Study, machinery: Machinery, *, argv: tuple[str, ...], specs: Path | None, seeds: int | None
) -> None:
    """Train what a study's sweeps still lack; nothing is started for those that lack nothing.

    Args:
        study: with the tables that are wanted.
        machinery: how.
        argv: the command, for the records and for going on after an interrupt.
        specs: folder of the specs.
        seeds: instead of the specs' own.

    Raises:
        InputError: before anything is trained.
        typer.Exit: when it was interrupted; the same command goes on.
    """
    from tlm_sweeps.studies.choosing import specs_of

    by_table = {
        key: [_looked_at(loaded, machinery) for loaded in specs] for key, specs in specs_of(study, specs, seeds).items()
    }
    _say_costs(study, by_table, machinery)
    for each in (sweep for sweeps in by_table.values() for sweep in sweeps if sweep.left.runs):
        follow(
            each.loaded.spec,
            each.loaded,
            argv=argv,
            workers=machinery.workers,
            device=machinery.device,
            stack=machinery.stack,
            runs_dir=machinery.runs_dir,
            data_dir=machinery.data_dir,
            json=False,
        )


def _looked_at(loaded: LoadedSweep, machinery: Machinery) -> _Sweep:
    """A sweep with what is left of it."""
    from tlm_sweeps import api
    from tlm_sweeps.cli.locating import located
    from tlm_sweeps.compute.crew import crew_for
    from tlm_sweeps.compute.machine import this_machine
    from tlm_sweeps.corpora.facts import facts_reader
    from tlm_sweeps.runs.folders import runs_folder, sweep_names
    from tlm_sweeps.studies.remaining import remaining

    spec = loaded.spec
    asked, facts_of = workers_of(machinery.workers), facts_reader(machinery.data_dir)
    with located(loaded):
        planned = api.plan(spec, data_dir=machinery.data_dir)
        workers = crew_for(spec, facts_of, this_machine(), asked=asked).workers
    is_begun = spec.name in sweep_names(runs_folder(machinery.runs_dir))
    begun = api.results(spec.name, machinery.runs_dir) if is_begun else None
    left = remaining(spec, planned, begun.records if begun else (), workers)
    if begun and left.runs:
        _ensure_no_fewer_seeds(spec, begun)
    return _Sweep(loaded, left, workers)


def _ensure_no_fewer_seeds(spec: SweepSpec, begun: SweepResults) -> None:
    """A sweep that has begun with many seeds cannot be finished for a few of them."""
    from tlm_sweeps.compute.planning import seeds_of

    asked, there = seeds_of(spec), seeds_of(begun.spec)
    if set(asked) < set(there):
        message = f"`{spec.name}` was begun with {len(there)} seeds, and not all runs of {len(asked)} of them are over"
        raise InputError(message, place="--seeds", hint=f"`--seeds {len(there)}` goes on with it")


def _say_costs(study: Study, by_table: dict[str, list[_Sweep]], machinery: Machinery) -> None:
    from tlm_sweeps.compute.gpus import gpus
    from tlm_sweeps.console.reproduction_view import cost_line
    from tlm_sweeps.console.streams import say
    from tlm_sweeps.studies.remaining import together

    on_gpus = device_of(machinery.device) != "cpu" and bool(gpus())
    for table in study.tables:
        sweeps = by_table[table.key]
        left = together(each.left for each in sweeps)
        say(cost_line(table, left, max(each.workers for each in sweeps), on_gpus=on_gpus))
