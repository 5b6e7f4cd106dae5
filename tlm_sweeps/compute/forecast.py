"""What a whole sweep will take, from the plan of its settings: trials, FLOPs, hours. An estimate, and named so."""

from __future__ import annotations

import heapq
import random
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from statistics import fmean, median

from tlm_sweeps.compute.planning import PlannedTrial, SweepPlan, takes_cells_in_order, trials_wanted
from tlm_sweeps.compute.rates import Machine
from tlm_sweeps.spec.sweep import Account, SweepSpec

_SECONDS_TO_TRACK = {"off": 0.0, "offline": 0.2, "online": 2.0}
"""Of a run, by what W&B is told: beginning and ending its own process. Offline as computed here; online is a guess."""
SECONDS_OF_COMMAND = 1.5
"""Of the command: its own imports, checking the spec, the report at the end."""
_IMAGINED_TRIALS, _MOST_IMAGINED, _LEAST_IMAGINED = 100_000, 200, 20
"""A search whose settings nobody knows yet is imagined so often that there are about so many trials in all."""


@dataclass(frozen=True)
class Forecast:
    """A sweep as a whole."""

    trials: int
    """Baselines included."""
    runs: int
    """A run for each seed of a trial."""
    train_flops: int
    """In the budget's account, at most its total."""
    seconds: float
    """From the command to its end."""
    seconds_low: float
    seconds_high: float
    """Nine of ten sweeps lie between, as far as only which settings are tried is open; equal where nothing is."""
    workers: int


def forecast(
    spec: SweepSpec, plan: SweepPlan, workers: int, machine: Machine | None = None, *, cores: int | None = None
) -> Forecast | None:
    """What the sweep will spend if the settings it tries are like the planned ones.

    Args:
        spec: the sweep; what its pruner will save is not foreseen.
        plan: its settings, or a sample of them.
        workers: runs at a time.
        machine: the one that the plan's times are for.
        cores: that the workers share; by default each has its own.

    Returns:
        None when no setting is feasible, or nobody knows how many will be tried.
    """
    searched = [trial for trial in plan.feasible if trial.baseline is None]
    baselines = [trial for trial in plan.feasible if trial.baseline is not None]
    infeasible = sum(not trial.feasible and trial.baseline is None for trial in plan.trials)
    wanted = trials_wanted(spec, infeasible if plan.whole else 0)
    if not plan.feasible or wanted is None:
        return None
    tried = max(0, wanted - len(baselines)) if searched else 0
    account: Account = spec.budget.account if spec.budget else "matmul"
    flops = len(plan.seeds) * _total(lambda trial: _flops(trial, account), searched, tried, baselines)
    pool = spec.budget.total if spec.budget else None
    share = min(1.0, pool / flops) if pool else 1.0
    runs = (tried + len(baselines)) * len(plan.seeds)
    tracked = _SECONDS_TO_TRACK[spec.tracking.wandb]
    at_a_time = min(workers, cores or workers)
    once = (machine or Machine()).seconds_to_start + SECONDS_OF_COMMAND
    imagined = sorted(
        once + share * makespan((_seconds(trial) + tracked for trial in trials for _ in plan.seeds), at_a_time)
        for trials in _orders(spec, baselines, searched, tried)
    )
    low, high = imagined[len(imagined) // 20], imagined[-1 - len(imagined) // 20]
    return Forecast(
        trials=tried + len(baselines),
        runs=runs,
        train_flops=round(flops * share),
        seconds=median(imagined),
        seconds_low=low,
        seconds_high=high,
        workers=workers,
    )


def makespan(seconds: Iterable[float], workers: int) -> float:
    """When the last run ends, if each worker takes the next run as soon as it is idle.

    >>> makespan([3, 3, 3], workers=2), makespan([1, 1, 2], workers=2)
    (6, 3)
    """
    idle_at: list[float] = [0] * workers
    for each in seconds:
        heapq.heapreplace(idle_at, idle_at[0] + each)
    return max(idle_at)


def _orders(
    spec: SweepSpec, baselines: list[PlannedTrial], searched: list[PlannedTrial], tried: int
) -> Iterable[Sequence[PlannedTrial]]:
    """Trials in the order in which the sweep may take them: the one that it will, or many that it might."""
    if tried == len(searched) and takes_cells_in_order(spec):
        yield [*baselines, *searched]
        return
    draw = random.Random(0)
    times = min(_MOST_IMAGINED, max(_LEAST_IMAGINED, _IMAGINED_TRIALS // max(1, tried)))
    for _ in range(times if tried else 1):
        is_enough = tried <= len(searched)  # then none is tried twice
        chosen = draw.sample(searched, tried) if is_enough else draw.choices(searched, k=tried)
        yield [*baselines, *chosen]


def _total(
    cost: Callable[[PlannedTrial], float], searched: list[PlannedTrial], tried: int, baselines: list[PlannedTrial]
) -> float:
    of_searched = tried * fmean(map(cost, searched)) if searched else 0.0
    return of_searched + sum(map(cost, baselines))


def _flops(trial: PlannedTrial, account: Account) -> int:
    return trial.matched.train_flops.of(account) if trial.matched else 0


def _seconds(trial: PlannedTrial) -> float:
    return trial.cost.predicted_seconds if trial.cost else 0.0
