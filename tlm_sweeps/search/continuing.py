"""Whether a sweep that has begun may go on by a spec: what is another one's, and what it may have gained since.

In a chain a sweep that has more seeds by now than its spec asks for goes on with those that it has.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from tlm_sweeps.compute.planning import seeds_of
from tlm_sweeps.runs.ledger import is_begun, reading
from tlm_sweeps.spec.difference import difference
from tlm_sweeps.spec.identity import may_gain_seeds
from tlm_sweeps.spec.loading import LoadedSweep
from tlm_sweeps.spec.sweep import SweepSpec

_MAY_CHANGE = ("question", "tracking", "after")
"""What has no bearing on any result. The files that a sweep is after may move: what its runs began with is theirs."""


def changes_since(begun: SweepSpec, wanted: SweepSpec) -> list[str]:
    """What makes a spec another sweep's than the one that has begun under its name, a line a field; empty: nothing.

    More trials, a larger total or a first one and, where none is steered by a result, more seeds are the same sweep's.
    """
    update: dict[str, object] = {field: getattr(wanted, field) for field in _MAY_CHANGE}
    if _grows(begun.engine.trials, wanted.engine.trials):
        update["engine"] = begun.engine.model_copy(update={"trials": wanted.engine.trials})
    if begun.budget and wanted.budget and _bounds(begun.budget.total, wanted.budget.total):
        update["budget"] = begun.budget.model_copy(update={"total": wanted.budget.total})
    if may_gain_seeds(begun) and _begins_with(seeds_of(begun), seeds_of(wanted)):
        update["seeds"] = wanted.seeds
    return difference(begun.model_copy(update=update), wanted)


def seeds_hint(begun: SweepSpec, wanted: SweepSpec) -> str:
    """How seeds may be added, where seeds were changed."""
    if seeds_of(begun) == seeds_of(wanted):
        return ""
    if may_gain_seeds(begun):
        there = ", ".join(map(str, seeds_of(begun)))
        return "" if _begins_with(seeds_of(begun), seeds_of(wanted)) else f"let `seeds` begin with {there}; or "
    return "seeds can be added to a grid or random search by Optuna with `pruner: none`, which no result steers; "


def _begins_with(old: tuple[int, ...], new: tuple[int, ...]) -> bool:
    return new[: len(old)] == old


def _grows(old: int | None, new: int | None) -> bool:
    return old is not None and new is not None and new >= old


def _bounds(old: int | None, new: int | None) -> bool:
    return (old is None and new is not None) or _grows(old, new)


def with_seeds_begun(loaded: LoadedSweep, runs: Path) -> LoadedSweep:
    """A chain in which no sweep has fewer seeds than it has begun with: where more are there, nothing is to do."""
    after = tuple(with_seeds_begun(each, runs) for each in loaded.after)
    return replace(loaded, spec=_with_seeds_begun(loaded.spec, runs / loaded.spec.name), after=after)


def _with_seeds_begun(spec: SweepSpec, folder: Path) -> SweepSpec:
    if not is_begun(folder):
        return spec
    with reading(folder) as ledger:
        kept = ledger.meta("spec")
    begun = spec if kept is None else SweepSpec.model_validate_json(kept)
    has_more = may_gain_seeds(begun) and _begins_with(seeds_of(spec), seeds_of(begun))
    return spec.model_copy(update={"seeds": begun.seeds}) if has_more else spec
