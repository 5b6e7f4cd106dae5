"""The record of a run before it is trained: everything about it that is known by then."""

from __future__ import annotations

from collections.abc import Sequence

from tlm_sweeps.compute.planning import FactsOf, PlannedTrial
from tlm_sweeps.runs.ledger import Proposal
from tlm_sweeps.runs.provenance import with_corpus
from tlm_sweeps.runs.record import Provenance, Record
from tlm_sweeps.spec.sweep import SweepSpec


def planned_runs(
    spec: SweepSpec,
    proposal: Proposal,
    planned: PlannedTrial,
    seeds: Sequence[int],
    facts_of: FactsOf,
    provenance: Provenance,
    name: str,
) -> tuple[Record, ...]:
    """The waiting runs of a feasible proposal, one for each of these seeds; the other arguments as below."""
    facts = facts_of(planned.matched.experiment) if planned.matched else None
    origin = with_corpus(provenance, facts) if facts else provenance
    return tuple(planned_record(spec, proposal, planned, seed, origin, name) for seed in seeds)


def planned_record(
    spec: SweepSpec, proposal: Proposal, planned: PlannedTrial, seed: int, provenance: Provenance, name: str
) -> Record:
    """A waiting run of a feasible proposal, or the only record that an infeasible one gets.

    Args:
        spec: the sweep.
        proposal: with its verdict.
        planned: the proposal's plan.
        seed: of the run.
        provenance: of the run.
        name: what the trial's runs are called, before their seed.
    """
    matched, cost = planned.matched, planned.cost
    experiment = matched.experiment if matched else planned.experiment
    return Record(
        run_id=f"{name}-s{seed}",
        sweep=spec.name,
        trial=proposal.number,
        seed=seed,
        state="waiting" if proposal.verdict == "trial" else "infeasible",
        reason=proposal.reason,
        baseline=proposal.baseline,
        settings=proposal.settings,
        spec=experiment.model_dump(mode="json") if experiment else {},
        fingerprint=proposal.fingerprint,
        n_params=cost.n_params if cost else None,
        n_params_non_embedding=cost.n_params_non_embedding if cost else None,
        budget_flops=proposal.budget_flops,
        account=spec.budget.account if spec.budget else "matmul",
        epochs_asked=matched.epochs_asked if matched else None,
        provenance=provenance,
    )
