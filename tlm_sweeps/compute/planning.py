"""The plan: every setting of a sweep with its verdict and cost, before anything is spent."""

from __future__ import annotations

import itertools
import math
import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from tlm_sweeps.compute.collecting import without_collecting
from tlm_sweeps.compute.facts import TextFacts
from tlm_sweeps.compute.footprint import evaluation_flops, predicted_seconds
from tlm_sweeps.compute.goals import goal_of, n_params, n_params_non_embedding, targets_per_window
from tlm_sweeps.compute.matching import Matched, match_budget
from tlm_sweeps.compute.memory import memory_bytes
from tlm_sweeps.compute.rates import Machine
from tlm_sweeps.compute.steps import evaluation_steps
from tlm_sweeps.errors import InputError, Problem
from tlm_sweeps.spec.composition import composer
from tlm_sweeps.spec.contradictions import contradictions
from tlm_sweeps.spec.experiment import ExperimentSpec, TrainingSpec
from tlm_sweeps.spec.fingerprint import fingerprint
from tlm_sweeps.spec.space import Choices, Range
from tlm_sweeps.spec.sweep import SweepSpec

BUDGET = "budget.flops"
"""The name under which the budget stands among a trial's settings when a sweep has several."""

_DEFAULT_TRIALS = 20
MOST_PLANNED = 20_000
"""Cells of a finite space that are planned one by one; a larger space is sampled."""

_OF_NO_COST = ("learning_rate", "betas", "weight_decay", "schedule")
"""Training fields that change neither FLOPs nor bytes nor seconds: settings that differ in these only cost alike."""
_OF_COST = tuple(name for name in TrainingSpec.model_fields if name not in _OF_NO_COST)

FactsOf = Callable[[ExperimentSpec], TextFacts]
"""What is known of the text that an experiment reads."""


@dataclass(frozen=True)
class Cost:
    """What a feasible trial's run is and takes."""

    n_params: int
    n_params_non_embedding: int
    evaluation_flops: int
    memory_bytes: int
    predicted_seconds: float
    positions: int
    targets: int


@dataclass(frozen=True)
class PlannedTrial:
    """One setting with its verdict."""

    settings: dict[str, Any]
    baseline: str | None
    budget_flops: int | None
    experiment: ExperimentSpec | None
    """As composed, before matching; None when the setting is no valid experiment at all."""
    matched: Matched | None
    """None when infeasible."""
    cost: Cost | None
    problem: Problem | None
    """Why it is infeasible."""

    @property
    def feasible(self) -> bool:
        """Whether it can be trained within its budget."""
        return self.matched is not None

    @property
    def reason(self) -> str:
        """Why it is infeasible, in a sentence; empty when it is not."""
        return self.problem.message if self.problem else ""

    @property
    def fingerprint(self) -> str:
        """Identity of what would be trained, whatever led to it; of the settings when infeasible."""
        return fingerprint(self.matched.experiment if self.matched else self.settings)


@dataclass(frozen=True)
class SweepPlan:
    """All trials that were planned."""

    trials: tuple[PlannedTrial, ...]
    whole: bool
    """Whether `trials` is the whole space, or a sample of it."""
    seeds: tuple[int, ...]

    @property
    def feasible(self) -> tuple[PlannedTrial, ...]:
        """The trials that can be trained."""
        return tuple(trial for trial in self.trials if trial.feasible)


def plan_sweep(spec: SweepSpec, facts_of: FactsOf, *, sample: int = 50, machine: Machine | None = None) -> SweepPlan:
    """Plan the baselines and every setting of a finite space, or a seeded sample of an infinite or huge one.

    Raises:
        InputError: when the text cannot be had; a setting that cannot be is only infeasible.
    """
    ensure_text(spec, facts_of)
    settings: list[tuple[str | None, dict[str, Any]]] = list(baseline_settings(spec))
    size = space_size(spec)
    whole = size is not None and size <= MOST_PLANNED
    settings += [(None, cell) for cell in (cells(spec) if whole else draws(spec, sample))]
    plan_one = _planner(spec, facts_of, _cost_reader(machine or Machine()))
    with without_collecting():
        trials = tuple(plan_one(each, name) for name, each in settings)
    _ensure_corpus(trials)
    return SweepPlan(trials, whole, seeds_of(spec))


def _ensure_corpus(trials: Sequence[PlannedTrial]) -> None:
    """Say once, with its hint, that the corpus is missing on which every setting rests."""
    problems = {trial.problem for trial in trials}
    missing = problems.pop() if len(problems) == 1 else None
    if missing is not None and missing.place.startswith("experiment.corpus"):
        raise InputError(missing.message, place=missing.place, hint=missing.hint)


def ensure_text(spec: SweepSpec, facts_of: FactsOf) -> None:
    """Ask for the text of the base experiment, unless the search decides which one it is.

    Raises:
        InputError: when it cannot be had.
    """
    if not any(decides_text(name) for name in spec.search):
        facts_of(spec.experiment)


def decides_text(name: str) -> bool:
    """Whether a field, by its dotted name, has a part in which text is read."""
    return name.startswith(("corpus.", "passages.", "task."))


def plan_trial(
    spec: SweepSpec,
    settings: Mapping[str, Any],
    facts_of: FactsOf,
    *,
    baseline: str | None = None,
    machine: Machine | None = None,
) -> PlannedTrial:
    """Compose one setting, match it to its budget and count its cost."""
    return _planner(spec, facts_of, partial(_cost, machine=machine or Machine()))(settings, baseline)


def _planner(
    spec: SweepSpec, facts_of: FactsOf, cost_of: Callable[[Matched, TextFacts], Cost]
) -> Callable[[Mapping[str, Any], str | None], PlannedTrial]:
    """A function that plans a setting under a baseline's name or none; what all settings share is made once."""
    composed, first_budget = composer(spec), budgets(spec)[0]

    def plan_one(settings: Mapping[str, Any], baseline: str | None) -> PlannedTrial:
        budget_flops = settings.get(BUDGET, first_budget)
        found: Matched | Problem
        experiment = None
        try:
            experiment = composed(settings)
            found = _match(spec, experiment, facts_of, budget_flops)
        except InputError as error:
            found = error.problems[0]
        if isinstance(found, Problem):
            return PlannedTrial(dict(settings), baseline, budget_flops, experiment, None, None, found)
        cost = cost_of(found, facts_of(found.experiment))
        return PlannedTrial(dict(settings), baseline, budget_flops, experiment, found, cost, None)

    return plan_one


def budgets(spec: SweepSpec) -> tuple[int | None, ...]:
    """The FLOP budgets of a run; (None,) where no budget is set."""
    if spec.budget is None:
        return (None,)
    return spec.budget.flops if isinstance(spec.budget.flops, tuple) else (spec.budget.flops,)


def seeds_of(spec: SweepSpec) -> tuple[int, ...]:
    """The seeds of every trial."""
    return spec.seeds if isinstance(spec.seeds, tuple) else tuple(range(spec.seeds))


def baseline_settings(spec: SweepSpec) -> Iterator[tuple[str, dict[str, Any]]]:
    """Each baseline at each budget, by name."""
    for flops, (name, settings) in itertools.product(budgets(spec), spec.baselines.items()):
        yield name, dict(settings) | _budget_setting(spec, flops)


def values_of(dimension: Choices | Range) -> tuple[Any, ...] | None:
    """All values of a dimension, or None when they are infinitely many."""
    return dimension.choices if isinstance(dimension, Choices) else dimension.values()


def space_size(spec: SweepSpec) -> int | None:
    """Number of cells of the space at all budgets (without a search: the one experiment); None when infinite."""
    sizes = [dimension.size() for dimension in spec.search.values()]
    known = [size for size in sizes if size is not None]
    return None if len(known) < len(sizes) else len(budgets(spec)) * math.prod(known)


def takes_cells_in_order(spec: SweepSpec) -> bool:
    """Whether a sweep walks through its cells: a grid, or no search at all."""
    return spec.engine.sampler == "grid" or not spec.search


def trials_at_each_budget(spec: SweepSpec) -> int | None:
    """Searched settings that are wanted at each budget; None for every cell."""
    if spec.engine.trials is None and takes_cells_in_order(spec):
        return None
    return spec.engine.trials or _DEFAULT_TRIALS


def trials_wanted(spec: SweepSpec, unusable: int = 0) -> int | None:
    """Trials of the whole sweep, baselines included; None when only exhausting the space will tell.

    Args:
        spec: the sweep.
        unusable: settings of the search that are known to be infeasible or the same as another.
    """
    wanted, size = trials_at_each_budget(spec), space_size(spec)
    limits = (wanted and wanted * len(budgets(spec)), size and max(0, size - unusable))
    known = [limit for limit in limits if limit is not None]
    return min(known) + sum(1 for _ in baseline_settings(spec)) if known else None


def cells(spec: SweepSpec) -> Iterator[dict[str, Any]]:
    """Every cell of a finite space, budget by budget, in the order of the spec."""
    axes = [values_of(dimension) or () for dimension in spec.search.values()]
    for flops in budgets(spec):
        for values in itertools.product(*axes):
            yield dict(zip(spec.search, values, strict=True)) | _budget_setting(spec, flops)


def draws(spec: SweepSpec, count: int, *, seed: int = 0) -> Iterator[dict[str, Any]]:
    """A seeded uniform sample of the space, alternating between budgets."""
    random_ = random.Random(seed)
    for _, flops in zip(range(count), itertools.cycle(budgets(spec)), strict=False):
        yield draw(spec, random_) | _budget_setting(spec, flops)


def corners(spec: SweepSpec) -> Iterator[dict[str, Any]]:
    """Two settings at each budget: every dimension at its first or low end, and at its last or high end."""
    for flops in budgets(spec):
        for end in (0, -1):
            yield {name: _ends(each)[end] for name, each in spec.search.items()} | _budget_setting(spec, flops)


def draw(spec: SweepSpec, random_: random.Random) -> dict[str, Any]:
    """One setting of the space, uniformly (in the logarithm where the range is one)."""
    return {name: _drawn(dimension, random_) for name, dimension in spec.search.items()}


def _ends(dimension: Choices | Range) -> tuple[Any, Any]:
    if isinstance(dimension, Choices):
        return dimension.choices[0], dimension.choices[-1]
    number = int if dimension.integer else float
    return number(dimension.low), number(dimension.high)


def _drawn(dimension: Choices | Range, random_: random.Random) -> Any:
    if isinstance(dimension, Choices):
        return random_.choice(dimension.choices)
    if dimension.log:
        drawn = math.exp(random_.uniform(math.log(dimension.low), math.log(dimension.high)))
        return round(drawn) if dimension.integer else min(max(drawn, dimension.low), dimension.high)
    size = dimension.size()
    if size is None:
        return random_.uniform(dimension.low, dimension.high)
    number = int if dimension.integer else float
    return number(dimension.low) + random_.randrange(size) * number(dimension.step or 1)


def _budget_setting(spec: SweepSpec, flops: int | None) -> dict[str, Any]:
    return {BUDGET: flops} if len(budgets(spec)) > 1 else {}


def _match(
    spec: SweepSpec, experiment: ExperimentSpec, facts_of: FactsOf, budget_flops: int | None
) -> Matched | Problem:
    if wrong := contradictions(experiment):
        return wrong[0]
    matched = match_budget(experiment, facts_of(experiment), spec.budget, budget_flops)
    if isinstance(matched, Problem) or experiment.model.width is not None:
        return matched
    wrong = contradictions(matched.experiment)  # A width that was open is judged only now.
    return wrong[0] if wrong else matched


def _cost_reader(machine: Machine) -> Callable[[Matched, TextFacts], Cost]:
    """A function that counts what costs alike once: 0.06 ms for 1.5 ms, in a space of 20,000 cells."""
    known: dict[tuple[Any, ...], Cost] = {}

    def cost_of(matched: Matched, facts: TextFacts) -> Cost:
        experiment = matched.experiment
        training = (getattr(experiment.training, name) for name in _OF_COST)
        key = (experiment.model, *training, experiment.evaluation, matched.steps, facts)
        cost = known.get(key)
        if cost is None:
            cost = known[key] = _cost(matched, facts, machine)
        return cost

    return cost_of


def _cost(matched: Matched, facts: TextFacts, machine: Machine) -> Cost:
    experiment, steps = matched.experiment, matched.steps
    windows, goal = steps.windows_after(steps.total), goal_of(experiment, facts)
    return Cost(
        n_params=n_params(experiment.model, facts.vocabulary_size, goal),
        n_params_non_embedding=n_params_non_embedding(experiment.model, facts.vocabulary_size, goal),
        evaluation_flops=evaluation_flops(experiment, facts, len(evaluation_steps(experiment, steps))),
        memory_bytes=memory_bytes(experiment, facts),
        predicted_seconds=predicted_seconds(facts, matched, machine),
        positions=windows * experiment.model.context,
        targets=windows * targets_per_window(experiment.model, goal),
    )
