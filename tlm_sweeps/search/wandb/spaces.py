"""What W&B's server is to propose: the settings that fit the budget, one by one, or one parameter for each field.

Settings are listed wherever the space is finite and nothing has to be learned between proposals: W&B's `grid` then
hands out each exactly once. Its `random` draws with replacement, so a random search of a finite space is drawn here;
its `bayes` proposes what does not fit as well, and gets the fields themselves.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from tlm_sweeps.compute.planning import (
    BUDGET,
    PlannedTrial,
    SweepPlan,
    budgets,
    seeds_of,
    takes_cells_in_order,
    trials_at_each_budget,
    trials_wanted,
)
from tlm_sweeps.errors import InputError
from tlm_sweeps.search.wandb.offer import BASELINE, SEED, SETTING
from tlm_sweeps.search.wandb.sweep_config import MOST_VALUES, Listed, Parameter, listed, parameter_of
from tlm_sweeps.spec.fingerprint import canonical_json
from tlm_sweeps.spec.sweep import SweepSpec

Way = Literal["cells", "fields", "scheduler"]
"""Settings are listed; each searched field is a parameter; or a local scheduler proposes."""


@dataclass(frozen=True)
class Space:
    """What is proposed, in W&B's words."""

    way: Way
    method: Literal["grid", "random", "bayes", "custom"]
    parameters: dict[str, Parameter]
    runs: int
    """At most so many runs, all seeds counted."""
    notes: tuple[str, ...]
    """What a user should know: which way and why, and what is left out."""


def space_of(spec: SweepSpec, plan: SweepPlan) -> Space:
    """The space of a sweep whose server proposes.

    Args:
        spec: its engine is of kind wandb.
        plan: of the whole space where that is finite and small enough, else of a sample.

    Raises:
        InputError: when W&B would have to hold more settings than it can.
    """
    if plan.whole and (takes_cells_in_order(spec) or spec.engine.sampler == "random"):
        return _finite(spec, plan)
    if takes_cells_in_order(spec):
        raise _too_large("the grid has too many cells to be planned one by one")
    return _fields(spec, plan)


def scheduled(spec: SweepSpec) -> Space:
    """The space of a sweep that a local scheduler drives: nothing is left to W&B's server."""
    note = "a local Optuna study proposes, and only settings that fit the budget"
    most = max(1, trials_wanted(spec) or 0) * len(seeds_of(spec))  # the scheduler proposes the baselines too
    return Space("scheduler", "custom", {}, most, (note,))


def setting_text(planned: PlannedTrial) -> str:
    """A setting as the value of one parameter: canonical JSON, a baseline by its name."""
    if planned.baseline is None:
        return canonical_json(planned.settings)
    budget = {BUDGET: planned.settings[BUDGET]} if BUDGET in planned.settings else {}
    return canonical_json({BASELINE: planned.baseline} | budget)


def _finite(spec: SweepSpec, plan: SweepPlan) -> Space:
    """A grid, or a random search of a finite space."""
    fit = tuple(_distinct(plan.feasible))
    chosen = tuple(_chosen(spec, fit))
    if len(chosen) > MOST_VALUES:
        raise _too_large(f"{len(chosen):,} settings fit the budget")
    if not chosen:
        reason = next((f"; the first: {trial.reason}" for trial in plan.trials), "")
        raise InputError(f"no setting of the search space is feasible{reason}", place="search")
    seeds = seeds_of(spec)
    parameters: dict[str, Parameter] = {SEED: Listed(values=seeds)} if len(seeds) > 1 else {}
    runs = len(chosen) * len(seeds)
    if len(chosen) == len(plan.trials) and not spec.baselines and spec.search:
        note = f"every setting fits the budget ({len(chosen):,}): each searched field is a parameter of W&B's grid"
        return Space("fields", "grid", parameters | _each_listed(spec), runs, (note,))
    cells = Listed(values=tuple(map(setting_text, chosen)))
    return Space("cells", "grid", {SETTING: cells} | parameters, runs, (_why_listed(spec, plan, fit, chosen),))


def _distinct(trials: Iterable[PlannedTrial]) -> Iterator[PlannedTrial]:
    """Without those that would train the same experiment again; a baseline comes before the cell that equals it."""
    known: set[str] = set()
    for trial in trials:
        if trial.fingerprint not in known:
            known.add(trial.fingerprint)
            yield trial


def _chosen(spec: SweepSpec, fit: Sequence[PlannedTrial]) -> Iterator[PlannedTrial]:
    """The baselines, and at each budget as many settings as are wanted: in order for a grid, else a seeded draw."""
    yield from (trial for trial in fit if trial.baseline is not None)
    wanted = trials_at_each_budget(spec)
    for flops in budgets(spec):
        cells = [trial for trial in fit if trial.baseline is None and trial.budget_flops == flops]
        if not takes_cells_in_order(spec):
            random.Random(f"{spec.engine.seed} {flops}").shuffle(cells)
        yield from cells[:wanted]


def _why_listed(spec: SweepSpec, plan: SweepPlan, fit: Sequence[PlannedTrial], chosen: Sequence[PlannedTrial]) -> str:
    """Such as: 5 settings are listed, 1 of a baseline, and W&B's grid hands out each once: 2 do not fit the budget."""
    baselines = sum(trial.baseline is not None for trial in chosen)
    drawn = "" if takes_cells_in_order(spec) else f" (drawn with seed {spec.engine.seed})"
    beside = f", {baselines:,} of baselines" if baselines else ""
    left_out = {
        "infeasible": len(plan.trials) - len(plan.feasible),
        "the same experiment as another": len(plan.feasible) - len(fit),
        "more than `engine.trials` asks for": len(fit) - len(chosen),
    }
    less = ", ".join(f"{count:,} {why}" for why, count in left_out.items() if count)
    seeds = len(seeds_of(spec))
    often = "once" if seeds == 1 else f"with {seeds} seeds"
    listing = f"W&B gets a list of settings: {len(chosen):,}{drawn}{beside}, each to be trained {often}"
    return listing + (f"; left out: {less}" if less else "")


def _fields(spec: SweepSpec, plan: SweepPlan) -> Space:
    """W&B's own search: bayes, or random in a space that cannot be listed."""
    method = "random" if spec.engine.sampler == "random" else "bayes"
    parameters = {name: parameter_of(name, dimension) for name, dimension in spec.search.items()}
    tried = [trial for trial in plan.trials if trial.baseline is None]
    unfit = sum(not trial.feasible for trial in tried)
    notes = [f"each searched field is a parameter, and W&B's {method} proposes: it knows no budget"]
    if unfit:
        of_what = f"the {len(tried):,} settings" if plan.whole else f"{len(tried):,} settings that were drawn"
        notes.append(
            f"{unfit:,} of {of_what} do not fit the budget: such a proposal ends at once and costs nothing, but counts "
            "as a run; `scheduler: optuna` or a finite `method: grid` proposes only what fits"
        )
    if spec.baselines:
        notes.append(f"the baselines are left out ({', '.join(spec.baselines)}): W&B's {method} has no place for them")
    return Space("fields", method, parameters | _budgets_listed(spec), _most_runs(spec), tuple(notes))


def _each_listed(spec: SweepSpec) -> dict[str, Parameter]:
    each: dict[str, Parameter] = {name: listed(name, dimension) for name, dimension in spec.search.items()}
    return each | _budgets_listed(spec)


def _budgets_listed(spec: SweepSpec) -> dict[str, Parameter]:
    flops = [each for each in budgets(spec) if each is not None]
    return {BUDGET: Listed(values=tuple(flops))} if len(flops) > 1 else {}


def _most_runs(spec: SweepSpec) -> int:
    """Runs of the search without its baselines, all seeds counted."""
    baselines = len(spec.baselines) * len(budgets(spec))
    return max(1, (trials_wanted(spec) or 0) - baselines) * len(seeds_of(spec))


def _too_large(what: str) -> InputError:
    hint = "write `method: random` and `trials: 200` under `engine`, or give fewer choices"
    return InputError(f"{what}; a W&B sweep lists at most {MOST_VALUES:,}", place="search", hint=hint)
