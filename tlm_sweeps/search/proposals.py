"""Where a coordinator's trials come from: Optuna, by way of `proposing`, or W&B's server, by way of `wandb.offered`."""

from __future__ import annotations

from typing import Protocol

from tlm_sweeps.compute.planning import PlannedTrial
from tlm_sweeps.runs.ledger import Proposal
from tlm_sweeps.runs.record import Measurement, Record
from tlm_sweeps.search.affording import Unbegun
from tlm_sweeps.tracking.tracked_run import WandbPlace


class Proposals(Protocol):
    """The proposals of one sweep, in order, and what becomes of them."""

    @property
    def foresees(self) -> bool:
        """Whether what is proposed next does not depend on any result."""
        ...

    def next(self, pool_left: int | None) -> tuple[Proposal, PlannedTrial] | None:
        """The next proposal, whatever its verdict, with its plan; None when nothing is left to try.

        Args:
            pool_left: FLOPs of the sweep's total that nobody has claimed; None without a total.
        """
        ...

    def unbegun(self, pool_left: int | None) -> Unbegun | None:
        """What is not begun since it costs more than is left, once `next` has found nothing; None: nothing is."""
        ...

    def report(self, proposal: Proposal, share: float, measurement: Measurement) -> bool:
        """Pass a measurement of a trial's first run on; True when the trial should be pruned."""
        ...

    def tell(self, proposal: Proposal, records: tuple[Record, ...]) -> None:
        """A trial has ended: pass its value on."""
        ...

    def trials_wanted(self) -> int | None:
        """Trials in all, baselines included; None when only exhausting the space will tell."""
        ...

    def name_of(self, proposal: Proposal) -> str:
        """What the trial's runs are called, before their seed."""
        ...

    def place_of(self, record: Record) -> WandbPlace | None:
        """Where a run belongs at W&B; None where that follows from the run itself."""
        ...
