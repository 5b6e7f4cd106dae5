"""More seeds for a sweep that has begun: the runs that its trials then lack wait beside those that were trained.

It never looks at a result: a sweep may grow so only where none steers it (`spec.identity.may_gain_seeds`). What is
missing is told from the ledger alone, so a kill between any two steps is mended by the next start.
"""

from __future__ import annotations

from tlm_sweeps.compute.planning import FactsOf, PlannedTrial, plan_trial, seeds_of
from tlm_sweeps.errors import InputError
from tlm_sweeps.runs.ledger import Ledger, Proposal
from tlm_sweeps.runs.planned import planned_runs
from tlm_sweeps.runs.record import Provenance
from tlm_sweeps.search.origins import Origins
from tlm_sweeps.search.proposing import trial_name
from tlm_sweeps.search.roster import Roster
from tlm_sweeps.search.spending import Spending
from tlm_sweeps.spec.chaining import total_of
from tlm_sweeps.spec.identity import may_gain_seeds
from tlm_sweeps.spec.sweep import SweepSpec
from tlm_sweeps.units import format_flops

Missing = tuple[Proposal, PlannedTrial, list[int]]
"""A trial, its plan, and the seeds that it has no run of."""


def ensure_seeds_fit(spec: SweepSpec, ledger: Ledger, facts_of: FactsOf, pool: int | None = None) -> None:
    """Refuse new seeds that the sweep's total cannot hold: trials without all seeds would rank nowhere.

    Raises:
        InputError: with the total that can.
    """
    missing = _missing(spec, ledger, facts_of)
    spending = Spending(spec, facts_of, ledger.proposals(), pool)
    left = spending.left(ledger.spent_flops(), Roster(ledger.records()).unfinished()) if missing else None
    needed = sum(
        planned.matched.train_flops.of(spending.account) * len(seeds)
        for _, planned, seeds in missing
        if planned.matched
    )
    if spending.total is not None and left is not None and needed > left:
        runs = sum(len(seeds) for _, _, seeds in missing)
        raise InputError(
            f"the new seeds make {runs} more runs of {format_flops(needed)} together, and of the total of "
            f"{format_flops(spending.total)} only {format_flops(max(0, left))} are left",
            place="budget.total",
            hint=f"a total that holds them: `--set budget.total={(total_of(spec) or spending.total) - left + needed}`",
        )


def add_missing_runs(spec: SweepSpec, ledger: Ledger, facts_of: FactsOf, provenance: Provenance) -> None:
    """Let the runs wait that trials of earlier starts lack.

    Args:
        spec: its precision settled.
        ledger: open for writing, and nobody trains yet.
        facts_of: reads a corpus's facts.
        provenance: of the new runs.
    """
    origins = Origins(ledger.folder.parent, facts_of)
    for proposal, planned, seeds in _missing(spec, ledger, facts_of):
        name = trial_name(spec, proposal)
        records = planned_runs(spec, proposal, planned, seeds, facts_of, provenance, name)
        ledger.add(origins.begun_from(records, planned))


def _missing(spec: SweepSpec, ledger: Ledger, facts_of: FactsOf) -> list[Missing]:
    """Trials that lack a seed of the spec, whatever became of their runs."""
    if not may_gain_seeds(spec):
        return []
    there, found = ledger.seeds(), []
    for proposal in ledger.proposals():
        lacking = [seed for seed in seeds_of(spec) if (proposal.number, seed) not in there]
        if proposal.verdict == "trial" and lacking:
            planned = plan_trial(spec, proposal.settings, facts_of, baseline=proposal.baseline)
            found.append((proposal, planned, lacking))
    return found
