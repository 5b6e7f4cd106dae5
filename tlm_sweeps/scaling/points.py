"""What laws are fitted to: runs with their size, their tokens, their FLOPs and their loss. It refuses to know files."""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from statistics import fmean

SAME_BUDGET = 1.05
"""Runs whose FLOPs lie closer than this factor to the next cheaper one's are one budget, where none is named."""
_WIDEST_BUDGET = 1.25
"""A chain of such runs that spans more than this factor is no budget."""
_LEAST_RUNS = 4
"""Fewer are no isoFLOP curve."""


@dataclass(frozen=True)
class Point:
    """One run."""

    n_params: float
    n_tokens: float
    """Trained on, repeats counted again."""
    train_flops: float
    nll: float
    """Nats per token, on text that was not trained on."""
    setting: str
    """What it is a repeat of: runs of one setting differ in their seed alone, and are resampled together."""
    budget_flops: float | None = None
    """What it was granted; None where runs stand on no isoFLOP curve."""
    label: str = ""
    """The setting in words."""


@dataclass(frozen=True)
class Setting:
    """The runs of one setting, as their mean."""

    name: str
    label: str
    n_params: float
    n_tokens: float
    train_flops: float
    nll: float
    budget_flops: float | None
    n_runs: int


def settings_of(points: Iterable[Point]) -> list[Setting]:
    """The settings in the order in which they first appear."""
    found: defaultdict[str, list[Point]] = defaultdict(list)
    for point in points:
        found[point.setting].append(point)
    return [_mean(name, runs) for name, runs in found.items()]


def by_budget(settings: Iterable[Setting]) -> dict[float, list[Setting]]:
    """The settings of each budget, budgets rising; those of none are left out."""
    found: defaultdict[float, list[Setting]] = defaultdict(list)
    for setting in settings:
        if setting.budget_flops is not None:
            found[setting.budget_flops].append(setting)
    return {budget: found[budget] for budget in sorted(found)}


def with_budgets(points: Sequence[Point]) -> tuple[Point, ...]:
    """The points with a budget each where their FLOPs form steps of several runs; those that name one keep it.

    >>> costs = (100.0, 101.0, 101.0, 102.0, 200.0)
    >>> made = with_budgets([Point(1, 1, cost, 2.0, str(cost)) for cost in costs])
    >>> [point.budget_flops for point in made]
    [101.0, 101.0, 101.0, 101.0, None]
    """
    unnamed = sorted(point.train_flops for point in points if point.budget_flops is None)
    steps: list[list[float]] = []
    for flops in unnamed:
        if steps and flops <= SAME_BUDGET * steps[-1][-1]:
            steps[-1].append(flops)
        else:
            steps.append([flops])
    curves = [step for step in steps if len(step) >= _LEAST_RUNS and step[-1] <= _WIDEST_BUDGET * step[0]]
    named = {flops: fmean((step[0], step[-1])) for step in curves for flops in step}
    return tuple(
        replace(point, budget_flops=named.get(point.train_flops)) if point.budget_flops is None else point
        for point in points
    )


def n_sizes(settings: Iterable[Setting]) -> int:
    """Sizes that differ by more than one part in a hundred."""
    return _n_apart(setting.n_params for setting in settings)


def n_amounts(settings: Iterable[Setting]) -> int:
    """Amounts of tokens that differ by more than one part in a hundred."""
    return _n_apart(setting.n_tokens for setting in settings)


def _n_apart(values: Iterable[float]) -> int:
    ordered = sorted(values)
    return bool(ordered) + sum(after > 1.01 * before for before, after in itertools.pairwise(ordered))


def _mean(name: str, runs: Sequence[Point]) -> Setting:
    first = runs[0]
    return Setting(
        name=name,
        label=first.label or name,
        n_params=first.n_params,
        n_tokens=fmean(run.n_tokens for run in runs),
        train_flops=fmean(run.train_flops for run in runs),
        nll=fmean(run.nll for run in runs),
        budget_flops=first.budget_flops,
        n_runs=len(runs),
    )
