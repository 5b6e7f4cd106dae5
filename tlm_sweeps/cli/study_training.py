"""What is missing of a study's tables, trained: what it will take is said first, then one sweep after the other."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from tlm_sweeps.cli.following import follow
from tlm_sweeps.cli.machinery import Machinery
from tlm_sweeps.cli.options import device_of, workers_of
from tlm_sweeps.cli.study_keeping import kept_when_stopped
from tlm_sweeps.errors import InputError
from tlm_sweeps.search.remote_asking import number_of

if TYPE_CHECKING:
    from tlm_sweeps.report.sources import SweepResults
    from tlm_sweeps.spec.loading import LoadedSweep
    from tlm_sweeps.spec.sweep import SweepSpec
    from tlm_sweeps.studies.kept import Run
    from tlm_sweeps.studies.published import Study
    from tlm_sweeps.studies.remaining import Remaining


@dataclass(frozen=True)
class _Sweep:
    loaded: LoadedSweep
    left: Remaining
    workers: int
    runs: frozenset[Run]
    """That can be complete in the end."""


def train_missing(
    study: Study,
    machinery: Machinery,
    *,
    argv: tuple[str, ...],
    specs: Path | None,
    seeds: int | None,
    keep_in: Path | None = None,
) -> None:
    """Train what a study's sweeps still lack; nothing is started for those that lack nothing.

    Args:
        study: with the tables, claims and questions that are wanted.
        machinery: how.
        argv: the command, for the records and for going on after an interrupt.
        specs: folder of the specs.
        seeds: instead of the specs' own.
        keep_in: folder where the records will be kept; when training stops before its end, they are kept by then.

    Raises:
        InputError: before anything is trained.
        typer.Exit: when it was interrupted; the same command goes on.
    """
    from tlm_sweeps.studies.choosing import specs_of
    from tlm_sweeps.studies.kept import ensure_none_lost

    sweeps = [_looked_at(loaded, machinery) for loaded in specs_of(study, specs, seeds)]
    for each in sweeps:
        if keep_in is not None:
            ensure_none_lost(each.loaded.spec.name, each.runs, keep_in)
    _ensure_startable(sweeps, machinery)
    for each in sweeps:
        _say_cost(each.loaded.spec.name, each.left, each.workers, machinery)
    with kept_when_stopped(study, keep_in, machinery.runs_dir):
        for each in sweeps:
            if each.left.runs:
                follow(each.loaded.spec, each.loaded, machinery, argv=argv, json=False)


def _ensure_startable(sweeps: Sequence[_Sweep], machinery: Machinery) -> None:
    """Refuse sweeps that could not start from what they name, before an earlier one is trained for nothing.

    Raises:
        InputError: a sweep starts from what is neither there nor trained before it.
    """
    from tlm_sweeps.cli.locating import located
    from tlm_sweeps.corpora.texts import facts_reader
    from tlm_sweeps.runs.folders import runs_folder, sweep_folder
    from tlm_sweeps.search.resolving import ensure_resolved

    facts_of, runs = facts_reader(machinery.data_dir), runs_folder(machinery.runs_dir)
    specs = [each.loaded.spec for each in sweeps]
    for number, each in enumerate(sweeps):
        if each.left.runs:
            with located(each.loaded):
                ensure_resolved(specs[number], sweep_folder(runs, specs[number].name), facts_of, specs[:number])


def _looked_at(loaded: LoadedSweep, machinery: Machinery) -> _Sweep:
    """A sweep with what is left of it.

    Raises:
        InputError: when it cannot be gone on with.
    """
    from tlm_sweeps import api
    from tlm_sweeps.cli.locating import located
    from tlm_sweeps.compute.crew import crew_for
    from tlm_sweeps.compute.machine import this_machine
    from tlm_sweeps.corpora.texts import facts_reader
    from tlm_sweeps.runs.folders import runs_folder
    from tlm_sweeps.studies.kept import complete_runs
    from tlm_sweeps.studies.remaining import planned_runs, remaining

    spec = loaded.spec
    begun = _begun(spec, runs_folder(machinery.runs_dir))
    asked, facts_of = number_of(workers_of(machinery.workers)), facts_reader(machinery.data_dir)
    with located(loaded):
        planned = api.plan(spec, data_dir=machinery.data_dir)
        workers = crew_for(spec, facts_of, this_machine(), asked=asked).workers
    records = begun.records if begun else ()
    left = remaining(spec, planned, records, workers)
    if begun and left.runs:
        _ensure_no_fewer_seeds(spec, begun)
    return _Sweep(loaded, left, workers, planned_runs(planned) | complete_runs(records))


def _begun(spec: SweepSpec, runs: Path) -> SweepResults | None:
    """What a sweep has left by now; None where it has not been begun.

    Raises:
        InputError: when it was begun as another one, or is W&B's to search.
    """
    from tlm_sweeps import api
    from tlm_sweeps.runs.folders import sweep_folder, sweep_names
    from tlm_sweeps.search.wandb.launched import ensure_not_launched

    folder = sweep_folder(runs, spec.name)
    ensure_not_launched(folder)
    if spec.name not in sweep_names(runs):
        return None
    begun = api.results(spec.name, runs)
    _ensure_same_sweep(spec, begun.spec, folder)
    return begun


def _ensure_same_sweep(spec: SweepSpec, begun: SweepSpec, folder: Path) -> None:
    """A sweep that has begun by another spec would be refused when its turn comes, hours later.

    Fewer seeds are another matter: nothing may be left to train of them.
    """
    from tlm_sweeps.compute.planning import seeds_of
    from tlm_sweeps.search.continuing import changes_since

    is_fewer = set(seeds_of(spec)) < set(seeds_of(begun))
    if changes := changes_since(begun, spec.model_copy(update={"seeds": begun.seeds}) if is_fewer else spec):
        listed = "\n  ".join(changes)
        raise InputError(
            f"sweep `{spec.name}` was begun with another spec:\n  {listed}",
            place=str(folder),
            hint=f"name another folder of sweeps with --runs-dir, or move `{folder}` away",
        )


def _ensure_no_fewer_seeds(spec: SweepSpec, begun: SweepResults) -> None:
    """A sweep that has begun with many seeds cannot be finished for a few of them."""
    from tlm_sweeps.compute.planning import seeds_of

    asked, there = seeds_of(spec), seeds_of(begun.spec)
    if set(asked) < set(there):
        message = f"`{spec.name}` was begun with {len(there)} seeds, and not all runs of {len(asked)} of them are over"
        raise InputError(message, place="--seeds", hint=f"`--seeds {len(there)}` goes on with it")


def _say_cost(sweep: str, left: Remaining, workers: int, machinery: Machinery) -> None:
    from tlm_sweeps.compute.gpus import gpus
    from tlm_sweeps.console.reproduction_view import cost_line
    from tlm_sweeps.console.streams import say

    on_gpus = device_of(machinery.device) != "cpu" and bool(gpus())
    say(cost_line(sweep, left, workers, on_gpus=on_gpus))


def train_again(
    sweeps: Mapping[str, SweepResults], run_id: str, machinery: Machinery, *, argv: tuple[str, ...], json: bool
) -> None:
    """Train a run again, after saying what that will take, and say how far it is from what was kept.

    Args:
        sweeps: those that the run may be of, by name.
        run_id: which run; `any`: one at random.
        machinery: how.
        argv: the command, for the record.
        json: whether stdout gets one document.

    Raises:
        InputError: when there is no such run.
        typer.Exit: with 1 when the two are not the same.
    """
    from tlm_sweeps import api
    from tlm_sweeps.console.following import plain_view
    from tlm_sweeps.console.reproduction_view import again_line
    from tlm_sweeps.console.streams import show, write_json
    from tlm_sweeps.studies.again import ANY, Again, drawn, made_again
    from tlm_sweeps.studies.remaining import remaining

    results, record = drawn(sweeps, None if run_id == ANY else run_id)
    spec = made_again(results, record)
    _say_cost(spec.name, remaining(spec, api.plan(spec, data_dir=machinery.data_dir), (), 1), 1, machinery)
    with tempfile.TemporaryDirectory(prefix="tlm-sweeps-") as folder:
        pictures = api.iter_sweep(
            spec,
            runs_dir=folder,
            data_dir=machinery.data_dir,
            workers=1,
            device=device_of(machinery.device),
            argv=argv,
            retries=machinery.retries,
        )
        with closing(pictures), plain_view(resumes=False) as show_picture:
            for picture in pictures:
                show_picture(picture)
        again = Again(record, api.results(spec.name, folder).records[0])
    if json:
        write_json(again.document())
    else:
        show(again_line(again))
    if not again.is_same:
        raise typer.Exit(1)
