"""Whether the runs of a sweep can start from what they name, found out before anything is written."""

from __future__ import annotations

from collections.abc import Container, Iterator, Mapping, Sequence
from itertools import chain, islice
from pathlib import Path

from tlm_sweeps.compute.planning import (
    FactsOf,
    PlannedTrial,
    baseline_settings,
    budgets,
    cells,
    corners,
    draws,
    plan_trial,
    seeds_of,
    space_size,
    takes_cells_in_order,
)
from tlm_sweeps.errors import InputError, Problem
from tlm_sweeps.runs.ledger import is_begun, reading
from tlm_sweeps.runs.record import Record
from tlm_sweeps.search.origins import Origins, Unresolved
from tlm_sweeps.search.trials import is_over
from tlm_sweeps.spec.chaining import origins_named
from tlm_sweeps.spec.sweep import SweepSpec

_MOST_LOOKED_AT = 1_000
"""Settings of a space that are resolved beforehand; what another one cannot start from, its own run says."""
_DRAWS = 50
_MOST_SAID = 3
"""Problems of one sweep: those of many seeds are alike."""


def ensure_resolved(
    spec: SweepSpec,
    folder: Path,
    facts_of: FactsOf,
    before: Sequence[SweepSpec] = (),
    files: Mapping[str, str] | None = None,
) -> None:
    """Refuse a sweep whose runs cannot start from what they name, or did start from what has changed since.

    A run that is lost because the one before it failed is no reason: the others are trained. Nothing is asked of runs
    that are over.

    Args:
        spec: the sweep.
        folder: where it is, or will be, among the sweeps that it starts from.
        facts_of: reads a corpus's facts.
        before: sweeps that will have been run when this one begins.
        files: of the specs of these, by name, for hints.

    Raises:
        InputError: with the first mistakes, each once; places are dotted fields, or files of weights.
    """
    if not origins_named(spec):
        return
    to_come = {each.name: _runs_to_come(each, facts_of) for each in before}
    origins, records = Origins(folder.parent, facts_of, to_come, files), _records(folder)
    if changed := _changed(origins, records):
        raise InputError.of(changed)
    found = [each for each in _found(spec, origins, records, facts_of) if not _is_to_come(each, to_come)]
    wrong = {each.problem: each for each in found if isinstance(each, Unresolved)}
    mistakes = [problem for problem, each in wrong.items() if each.why != "lost"]
    if mistakes or (wrong and all(isinstance(each, Unresolved) for each in found)):
        raise InputError.of([*(mistakes or wrong)][:_MOST_SAID])


def _is_to_come(found: object, to_come: Container[str]) -> bool:
    return isinstance(found, Unresolved) and found.why == "open" and found.sweep in to_come


def _runs_to_come(spec: SweepSpec, facts_of: FactsOf) -> tuple[Record, ...]:
    """All runs that a sweep will have, where its spec alone tells: none where results, or chance, decide."""
    size = space_size(spec)
    is_known = size is not None and size <= _MOST_LOOKED_AT and takes_cells_in_order(spec) and len(budgets(spec)) == 1
    if not is_known or spec.engine.trials is not None:
        return ()
    planned = {each.fingerprint: (number, each) for number, each in reversed([*enumerate(_planned(spec, facts_of))])}
    return tuple(
        _to_come(spec, number, each, seed)
        for number, each in sorted(planned.values(), key=lambda numbered: numbered[0])
        if each.feasible
        for seed in seeds_of(spec)
    )


def _to_come(spec: SweepSpec, number: int, planned: PlannedTrial, seed: int) -> Record:
    return Record(
        run_id=f"{spec.name}-{number:04d}-s{seed}",
        sweep=spec.name,
        trial=number,
        seed=seed,
        state="waiting",
        settings=planned.settings,
        spec=planned.matched.experiment.model_dump(mode="json") if planned.matched else {},
        fingerprint=planned.fingerprint,
    )


def _records(folder: Path) -> tuple[Record, ...]:
    if not is_begun(folder):
        return ()
    with reading(folder) as ledger:
        return ledger.records()


def _changed(origins: Origins, records: tuple[Record, ...]) -> list[Problem]:
    begun = {each.started_from.sha256: each.started_from for each in records if each.started_from}
    return [problem for each in begun.values() if (problem := origins.change_since(each)) is not None]


def _found(spec: SweepSpec, origins: Origins, records: tuple[Record, ...], facts_of: FactsOf) -> Iterator[object]:
    """What every run that is known and not over would begin with."""
    over = {(each.fingerprint, each.seed) for each in records if is_over((each,))}
    for planned in _planned(spec, facts_of):
        experiment = planned.matched.experiment if planned.matched else None
        for seed in seeds_of(spec) if experiment else ():
            if experiment is not None and (planned.fingerprint, seed) not in over:
                yield origins.of(experiment, seed)


def _planned(spec: SweepSpec, facts_of: FactsOf) -> Iterator[PlannedTrial]:
    for name, settings in baseline_settings(spec):
        yield plan_trial(spec, settings, facts_of, baseline=name)
    is_finite = space_size(spec) is not None
    searched = cells(spec) if is_finite else chain(corners(spec), draws(spec, _DRAWS))
    for settings in islice(searched, _MOST_LOOKED_AT):
        yield plan_trial(spec, settings, facts_of)
