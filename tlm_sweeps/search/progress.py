"""What a sweep looks like from outside while it runs: one frozen picture after another."""

from __future__ import annotations

from dataclasses import dataclass

from tlm_sweeps.runs.record import Record, State
from tlm_sweeps.search.affording import Unbegun
from tlm_sweeps.search.roster import Roster
from tlm_sweeps.spec.sweep import SweepSpec


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
    complaints: tuple[str, ...] = ()
    """What has gone wrong with telling W&B since the last picture; each reason once. No result is affected."""
    untold: int = 0
    """Runs of which W&B does not know all."""
    precision: str = "fp32"
    """What runs compute in that do not say so themselves: `auto` has been settled."""
    unbegun: Unbegun | None = None
    """What the total had not enough left for when the sweep last ran to its end."""


def picture(
    spec: SweepSpec,
    runs: Roster,
    *,
    running: tuple[RunningRun, ...],
    trials_wanted: int | None,
    expected_flops: int | None,
    spent_flops: int,
    flops_per_second: float,
    elapsed_seconds: float,
    news: tuple[Record, ...],
    complaints: tuple[str, ...] = (),
    untold: int = 0,
    pool: int | None = None,
    unbegun: Unbegun | None = None,
) -> SweepProgress:
    """A sweep at this moment, from its runs, what is in flight, its pool, and what the wanted trials should spend."""
    is_done = runs.trials_over == trials_wanted
    to_spend = None if is_done else min((each for each in (pool, expected_flops) if each), default=None)
    return SweepProgress(
        sweep=spec.name,
        trials_over=runs.trials_over,
        trials_wanted=trials_wanted,
        running=running,
        best=runs.best,
        spent_flops=spent_flops,
        total_flops=pool or expected_flops,
        states=runs.states,
        elapsed_seconds=elapsed_seconds,
        remaining_seconds=_seconds(to_spend - spent_flops, flops_per_second) if to_spend else None,
        news=news,
        complaints=complaints,
        untold=untold,
        precision=spec.experiment.training.precision,
        unbegun=unbegun,
    )


def _seconds(flops: int, flops_per_second: float) -> float | None:
    return max(0, flops) / flops_per_second if flops_per_second > 0 else None
