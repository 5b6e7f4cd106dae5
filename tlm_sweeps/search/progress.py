"""What a sweep looks like from outside while it runs: one frozen picture after another."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tlm_sweeps.runs.record import Record, State


@dataclass(frozen=True)
class RunningRun:
    """A run in flight."""

    run_id: str
    trial: int
    settings: dict[str, object]
    baseline: str | None
    seed: int
    share: float
    """Of its steps."""
    val_nll: float | None
    """At its last evaluation."""


@dataclass(frozen=True)
class SweepProgress:
    """A sweep at one moment."""

    sweep: str
    trials_over: int
    trials_wanted: int | None
    """None when only exhausting the space will tell."""
    running: tuple[RunningRun, ...]
    best: Record | None
    """The complete run of lowest validation NLL."""
    spent_flops: int
    """In the budget's account, by ended runs and runs in flight, lost work included."""
    total_flops: int | None
    """The pool, or what the wanted trials will spend."""
    states: dict[State, int]
    elapsed_seconds: float
    remaining_seconds: float | None
    news: tuple[Record, ...]
    """Runs that ended since the last picture."""


def planned_total(wanted: int | None, trials: Sequence[tuple[Record, ...]]) -> int | None:
    """What the wanted trials will spend, if the rest is like those known so far."""
    costs = [sum(record.budget_flops or 0 for record in records) for records in trials]
    return round(wanted * sum(costs) / len(costs)) if wanted and costs and all(costs) else None
