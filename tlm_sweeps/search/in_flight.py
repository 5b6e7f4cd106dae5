"""A run that a worker is training, and the order that sent it there."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

from tlm_sweeps.compute.planning import PlannedTrial
from tlm_sweeps.runs.ledger import Lease, Ledger
from tlm_sweeps.runs.record import Record
from tlm_sweeps.search.messages import TrainOrder
from tlm_sweeps.search.origins import WEIGHTS
from tlm_sweeps.search.progress import RunningRun
from tlm_sweeps.spec.sweep import Account, TrackingSpec
from tlm_sweeps.tracking.tracked_run import PLANNED, WandbPlace

_CLAIM_SECONDS = 1.0
_LEAST_SECONDS = 0.05
"""Below this a speed is not worth the name."""


@dataclass
class InFlight:
    """A run under way."""

    worker: int
    lease: Lease
    record: Record
    step: int
    """Optimizer steps that are known to be done."""
    timed_at: float
    """When its speed was last taken: at the last claim, or when it was taken up."""
    timed_step: int
    claimed: bool = False
    share: float = 0.0
    val_nll: float | None = None

    def step_to_claim(self, now: float) -> int | None:
        """How far the run may be until the ledger is told again; None while it need not be told.

        Due at its first word, then once a second, for two seconds ahead at the speed since the last time.

        Args:
            now: on the monotonic clock, in seconds.
        """
        elapsed = now - self.timed_at
        if self.claimed and elapsed < _CLAIM_SECONDS:
            return None
        ahead = math.ceil(2 * _CLAIM_SECONDS * (self.step - self.timed_step) / max(elapsed, _LEAST_SECONDS))
        self.timed_at, self.timed_step, self.claimed = now, self.step, True
        return self.step + ahead

    def as_seen(self) -> RunningRun:
        """The run as a picture shows it."""
        record = self.record
        return RunningRun(
            run_id=record.run_id,
            trial=record.trial,
            settings=record.settings,
            baseline=record.baseline,
            seed=record.seed,
            share=self.share,
            val_nll=self.val_nll,
        )


def order_for(
    run: InFlight,
    planned: PlannedTrial,
    ledger: Ledger,
    *,
    device: str,
    judged: bool,
    account: Account,
    sweep_fingerprint: str,
    tracking: TrackingSpec,
    place: WandbPlace | None,
) -> TrainOrder:
    """All that a worker must know of a run."""
    record, matched, cost = run.record, planned.matched, planned.cost
    assert matched is not None and cost is not None  # noqa: PT018 - it was feasible when it became a run
    return TrainOrder(
        run_id=record.run_id,
        lease=run.lease.token,
        sweep=record.sweep,
        sweep_fingerprint=sweep_fingerprint,
        trial=record.trial,
        seed=record.seed,
        experiment=matched.experiment,
        steps=matched.steps.total,
        windows_per_epoch=matched.steps.windows_per_epoch,
        device=device,
        threads=record.provenance.threads,
        settings=record.settings,
        budget_flops=record.budget_flops,
        account=account,
        n_params=cost.n_params,
        folder=str((ledger.folder / record.run_id).resolve()),
        checkpoints=ledger.checkpoints(record.run_id),
        first_weights=_first_weights(record, ledger.folder.parent),
        judged=judged,
        tracking=tracking,
        place=place,
        provenance=record.provenance.model_dump(mode="json"),
        planned=record.model_dump(mode="json", include=set(PLANNED)),
    )


def _first_weights(record: Record, runs: Path) -> tuple[str, str] | None:
    origin = record.started_from
    return origin and (str((runs / origin.sweep / origin.run_id / WEIGHTS).resolve()), origin.sha256)
