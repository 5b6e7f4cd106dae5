"""What a whole sweep will take, from the plan of its settings: trials, FLOPs, hours. An estimate, and named so."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from statistics import fmean

from tlm_sweeps.compute.planning import PlannedTrial, SweepPlan, trials_wanted
from tlm_sweeps.spec.sweep import Account, SweepSpec


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
    workers: int


def forecast(spec: SweepSpec, plan: SweepPlan, workers: int) -> Forecast | None:
    """What the sweep will spend if the settings it tries cost what the planned ones do on average.

    Args:
        spec: the sweep.
        plan: its settings, or a sample of them.
        workers: runs at a time, a core each.

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
    seconds = len(plan.seeds) * _total(_seconds, searched, tried, baselines)
    pool = spec.budget.total if spec.budget else None
    share = min(1.0, pool / flops) if pool else 1.0
    runs = (tried + len(baselines)) * len(plan.seeds)
    return Forecast(tried + len(baselines), runs, round(flops * share), seconds * share / min(workers, runs), workers)


def _total(
    cost: Callable[[PlannedTrial], float], searched: list[PlannedTrial], tried: int, baselines: list[PlannedTrial]
) -> float:
    of_searched = tried * fmean(map(cost, searched)) if searched else 0.0
    return of_searched + sum(map(cost, baselines))


def _flops(trial: PlannedTrial, account: Account) -> int:
    return trial.matched.train_flops.of(account) if trial.matched else 0


def _seconds(trial: PlannedTrial) -> float:
    return trial.cost.predicted_seconds if trial.cost else 0.0
