"""What the runs of a sweep cost, and have spent by any step: arithmetic on their plans, which it keeps while needed."""

from __future__ import annotations

from collections.abc import Iterable

from tlm_sweeps.compute.counting import TrainFlops
from tlm_sweeps.compute.forecast import forecast
from tlm_sweeps.compute.matching import flops_after
from tlm_sweeps.compute.planning import FactsOf, PlannedTrial, plan_sweep, plan_trial
from tlm_sweeps.runs.ledger import Ledger, Proposal
from tlm_sweeps.runs.record import Record
from tlm_sweeps.search.affording import is_ceiling
from tlm_sweeps.search.roster import Roster
from tlm_sweeps.spec.chaining import account_of, total_of
from tlm_sweeps.spec.sweep import Account, SweepSpec

_FORESEEN = "foreseen_flops"


class Spending:
    """The plans of a sweep's trials, and what follows from them. FLOPs are training's, in the budget's account."""

    def __init__(
        self, spec: SweepSpec, facts_of: FactsOf, proposals: Iterable[Proposal], pool: int | None = None
    ) -> None:
        """Begin with the proposals that there are; they are planned when they are asked for.

        `pool` is what a total that other sweeps share has for this one; by default its total is its own.
        """
        self.account: Account = account_of(spec)
        self.total = total_of(spec) if pool is None else pool
        """Of the whole sweep; None without one."""
        self._spec = spec
        self._facts_of = facts_of
        self._proposals = {proposal.number: proposal for proposal in proposals}
        self._plans: dict[int, PlannedTrial] = {}

    def add(self, proposal: Proposal, planned: PlannedTrial) -> None:
        """One more proposal, with its plan."""
        self._proposals[proposal.number] = proposal
        if proposal.verdict == "trial":
            self._plans[proposal.number] = planned

    def forget(self, trial: int) -> None:
        """Drop the plan of a trial that is over: nobody asks again, and 10,000 plans are 90 MB."""
        self._plans.pop(trial, None)

    def proposal(self, trial: int) -> Proposal:
        """The proposal of a trial."""
        return self._proposals[trial]

    def plan(self, trial: int) -> PlannedTrial:
        """The plan of a trial."""
        if trial not in self._plans:
            proposal = self._proposals[trial]
            self._plans[trial] = plan_trial(self._spec, proposal.settings, self._facts_of, baseline=proposal.baseline)
        return self._plans[trial]

    def flops_by(self, record: Record, step: int) -> TrainFlops:
        """What a run has spent after so many steps, in every account."""
        matched = self.plan(record.trial).matched
        if matched is None:
            return TrainFlops(0, 0, 0)
        return flops_after(matched.experiment, self._facts_of(matched.experiment), matched.steps, step)

    def by(self, record: Record, step: int) -> int:
        """What a run has spent after so many steps."""
        return self.flops_by(record, step).of(self.account)

    def steps_of(self, record: Record) -> int:
        """Optimizer steps of the whole run."""
        matched = self.plan(record.trial).matched
        return matched.steps.total if matched else 1

    def whole(self, record: Record) -> int:
        """What a run spends from its beginning to its end."""
        return self.by(record, self.steps_of(record))

    def left(self, spent_flops: int, unfinished: Iterable[tuple[Record, ...]]) -> int | None:
        """FLOPs of the total that are neither spent nor claimed by a run that waits or trains; None without a total.

        Args:
            spent_flops: charged so far.
            unfinished: the records of trials that are not over.
        """
        if self.total is None:
            return None
        claimed = sum(self.whole(each) for records in unfinished for each in records if is_open(each))
        return self.total - spent_flops - claimed


def is_open(record: Record) -> bool:
    """Whether a run waits or trains."""
    return record.state in ("waiting", "running")


def foresight(spec: SweepSpec, facts_of: FactsOf) -> dict[str, str]:
    """What a ledger keeps of the plan of a sweep whose budget is a ceiling: FLOPs that the whole of it will spend."""
    if not is_ceiling(spec):
        return {}
    found = forecast(spec, plan_sweep(spec, facts_of), workers=1)
    return {_FORESEEN: str(found.train_flops)} if found else {}


def expected_flops(spec: SweepSpec, ledger: Ledger, runs: Roster, wanted: int | None) -> int | None:
    """What the wanted trials of a sweep will spend: their budgets, or what was foreseen where these are ceilings.

    None where nobody knows.
    """
    if not is_ceiling(spec):
        return runs.planned_flops(wanted)
    foreseen = ledger.meta(_FORESEEN)
    return int(foreseen) if foreseen else None
