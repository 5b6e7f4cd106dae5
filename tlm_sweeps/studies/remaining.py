"""What is left to train of a sweep, and what it will take: runs that its plan has and its records lack."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tlm_sweeps.compute.forecast import makespan
from tlm_sweeps.compute.planning import SweepPlan
from tlm_sweeps.runs.record import Record, State
from tlm_sweeps.spec.sweep import SweepSpec
from tlm_sweeps.studies.kept import Run

_OVER: tuple[State, ...] = ("complete", "failed", "pruned", "infeasible")


@dataclass(frozen=True)
class Remaining:
    """Runs of a sweep that are still to be trained."""

    runs: int
    of_runs: int
    """All runs, those that are over included."""
    train_flops: int
    """Of the runs to be trained, in the account of the sweep's budget."""
    account: str
    seconds: float
    """Predicted, from the first of these runs to the end of the last."""


def remaining(spec: SweepSpec, plan: SweepPlan, records: Sequence[Record], workers: int) -> Remaining:
    """What is left of a sweep whose whole space is planned.

    A run that failed is over: the sweep would not train it again. What an interrupted run has already done is not
    taken off.

    Args:
        spec: the sweep.
        plan: every setting of it.
        records: what its ledger holds; empty before it has begun.
        workers: runs at a time.
    """
    over = {(record.fingerprint, record.seed) for record in records if record.state in _OVER}
    left = [trial for trial in plan.feasible for seed in plan.seeds if (trial.fingerprint, seed) not in over]
    account = spec.budget.account if spec.budget else "matmul"
    return Remaining(
        runs=len(left),
        of_runs=len(plan.feasible) * len(plan.seeds),
        train_flops=sum(trial.matched.train_flops.of(account) for trial in left if trial.matched),
        account=account,
        seconds=makespan((trial.cost.predicted_seconds for trial in left if trial.cost), workers),
    )


def planned_runs(plan: SweepPlan) -> frozenset[Run]:
    """Every run that a sweep whose whole space is planned can end with."""
    return frozenset((trial.fingerprint, seed) for trial in plan.feasible for seed in plan.seeds)
