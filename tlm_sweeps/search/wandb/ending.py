"""What W&B's client did not hear of a run, because its process was killed: the ledger knows."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, cast

from tlm_sweeps.runs.record import Measurement, Record
from tlm_sweeps.search.wandb.joining import JoinedRun
from tlm_sweeps.tracking.tracked_run import TrackedRun, point, summary

if TYPE_CHECKING:
    from tlm_sweeps.spec.sweep import Account


def as_recorded(kept: JoinedRun, record: Record, measurements: Sequence[Measurement]) -> JoinedRun:
    """A run with the points and the end that the ledger tells, where what the client kept is otherwise.

    The client's process may have died before training did, and another session have gone on; and a run that was paused
    may have been given up later.

    Args:
        kept: what the client kept.
        record: of a run that is over.
        measurements: all of its evaluations in order.
    """
    known = frozenset(kept.steps)
    missed = [each for each in measurements if each.step not in known]
    if kept.state == record.state and not missed:
        return kept
    run = TrackedRun(
        run_id=record.run_id,
        sweep=record.sweep,
        sweep_fingerprint="",
        trial=record.trial,
        seed=record.seed,
        settings=record.settings,
        spec=record.spec,
        budget_flops=record.budget_flops,
        account=cast("Account", record.account or "matmul"),
        n_params=record.n_params,
        folder=Path(),
    )
    exit_code = 0 if kept.sweep_id or record.state in {"complete", "pruned"} else 1
    points = [(each.step, point(run, each)) for each in missed]
    told = summary(run, record.model_dump(mode="json"), record.state)
    return kept.ending_so(points, {**_last_heard(run, measurements), **told}, exit_code)


def _last_heard(run: TrackedRun, measurements: Sequence[Measurement]) -> dict[str, float]:
    """What W&B's client writes into the summary with each point, of the last one."""
    return {"_step": measurements[-1].step, **point(run, measurements[-1])} if measurements else {}
