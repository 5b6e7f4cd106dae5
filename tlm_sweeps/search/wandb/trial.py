"""One offer of W&B's server, trained: a sweep of a single trial, with the coordinator, workers and ledger of any other.

Its ledger lies in a folder by W&B's run id, so whoever gets the run again on this machine, now or after a crash, goes
on from its checkpoint; the ledger's lock says whether somebody is at it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from tlm_sweeps.compute.planning import BUDGET, FactsOf, PlannedTrial, budgets, plan_trial, seeds_of
from tlm_sweeps.runs.ledger import Ledger, Proposal
from tlm_sweeps.runs.record import Measurement, Provenance, Record
from tlm_sweeps.search.coordinator import Coordinator
from tlm_sweeps.search.pool import LocalPool
from tlm_sweeps.search.wandb.offer import Offer
from tlm_sweeps.spec.fingerprint import canonical_json, fingerprint
from tlm_sweeps.spec.identity import identity
from tlm_sweeps.spec.sweep import SweepSpec
from tlm_sweeps.tracking.tracked_run import WandbPlace
from tlm_sweeps.tracking.wandb_paths import SweepPath

_OFFER = "offer"
_UNTOLD = "untold"


@dataclass(frozen=True)
class OfferedTrial:
    """An offer with what becomes of it here."""

    offer: Offer
    path: SweepPath
    planned: PlannedTrial
    config: Mapping[str, Any] = field(default_factory=dict)
    """What its runs' configs say besides: the proposal's parameters, by which the server knows what it has proposed,
    and who trains it."""
    claim: Mapping[str, Any] = field(default_factory=dict)
    """What its first run's config says instead, where it claims a part of the sweep's total."""

    def claiming(self, claim: Mapping[str, Any]) -> OfferedTrial:
        """The same with a claim."""
        return replace(self, claim=claim)

    @property
    def spec(self) -> SweepSpec:
        """The sweep as far as this trial is concerned: told to W&B's server, judged and totalled by it and not here."""
        given = self.offer.carried.spec
        update: dict[str, Any] = {
            "tracking": given.tracking.model_copy(
                update={"wandb": "online", "entity": self.path.entity, "project": self.path.project}
            ),
            "engine": given.engine.model_copy(update={"pruner": "none"}),
        }
        if self.offer.seed is not None:
            update["seeds"] = (self.offer.seed,)
        if given.budget is not None:
            update["budget"] = given.budget.model_copy(update={"total": None})
        return given.model_copy(update=update)


def offered_trial(offer: Offer, path: SweepPath, facts_of: FactsOf, config: Mapping[str, Any]) -> OfferedTrial:
    """Match an offer to its budget, as every engine's proposals are.

    Args:
        offer: of the server.
        path: of its sweep.
        facts_of: reads a corpus's facts.
        config: what its first run's config says besides.
    """
    settings = dict(offer.settings)
    if len(budgets(offer.carried.spec)) == 1:
        settings.pop(BUDGET, None)
    planned = plan_trial(offer.carried.spec, settings, facts_of, baseline=offer.baseline)
    return OfferedTrial(offer, path, planned, config)


class Given:
    """The proposals of a sweep of one trial: the trial, once. See `Proposals` for the protocol."""

    foresees = False

    def __init__(self, trial: OfferedTrial, ledger: Ledger) -> None:
        """Begin, or go on where the trial's ledger stands."""
        self.trial = trial
        self.refused = ""
        """Why the trial must not be trained although it fits its own budget."""
        self._is_proposed = bool(ledger.proposals())

    def next(self, pool_left: int | None) -> tuple[Proposal, PlannedTrial] | None:  # noqa: ARG002 - the protocol's
        """The trial; None once it has been proposed."""
        if self._is_proposed:
            return None
        self._is_proposed = True
        planned = self.trial.planned
        fits = planned.feasible and not self.refused
        proposal = Proposal(
            number=0,
            budget_flops=planned.budget_flops,
            baseline=planned.baseline,
            settings=planned.settings,
            verdict="trial" if fits else "infeasible",
            reason=self.refused or planned.reason,
            fingerprint=planned.fingerprint,
            sampler_state={},
        )
        return proposal, planned

    def unbegun(self, pool_left: int | None) -> None:
        """Nothing: the one trial is begun, or refused for its own reason."""

    def report(self, proposal: Proposal, share: float, measurement: Measurement) -> bool:  # noqa: ARG002 - the protocol's
        """Nobody judges here: W&B's server says `stop`."""
        return False

    def tell(self, proposal: Proposal, records: tuple[Record, ...]) -> None:
        """W&B's server has been told by the run itself."""

    def trials_wanted(self) -> int | None:
        """One."""
        return 1

    def name_of(self, proposal: Proposal) -> str:  # noqa: ARG002 - the protocol's
        """By W&B's run id, which no other machine uses."""
        return f"{self.trial.offer.carried.spec.name}-{self.trial.offer.run_id}"

    def place_of(self, record: Record) -> WandbPlace | None:
        """Under the sweep; the first seed has the id that the server gave, further ones are grouped with it."""
        return place_of(self.trial, record)


def place_of(trial: OfferedTrial, record: Record) -> WandbPlace:
    """Where a run of an offered trial belongs at W&B."""
    offer = trial.offer
    is_first = record.seed == seeds_of(trial.spec)[0]
    return WandbPlace(
        sweep_id=trial.path.sweep_id,
        is_numbered=False,
        run_id=offer.run_id if is_first else f"{offer.run_id}-s{record.seed}",
        group=f"{offer.carried.spec.name}-{fingerprint(record.settings)[:8]}",
        config=(trial.claim or trial.config) if is_first else trial.config,
    )


def coordinated(
    given: Given, ledger: Ledger, pool: LocalPool, facts_of: FactsOf, provenance: Provenance, device: str
) -> Coordinator:
    """The coordinator of a trial, ready to run; it has taken the trial up where its ledger stands."""
    spec, carried = given.trial.spec, given.trial.offer.carried
    ledger.set_meta(
        {
            "spec": spec.model_dump_json(exclude_unset=True),
            "fingerprint": carried.fingerprint,
            "corpora": canonical_json(carried.corpora),
            "created_at": ledger.meta("created_at") or datetime.now(UTC).isoformat(timespec="seconds"),
            "argv": canonical_json(list(provenance.argv)),
        }
    )
    return Coordinator(
        spec, ledger, pool, facts_of, provenance, identity(carried.spec), devices=(device,), proposals=given
    )


def keep_offer(ledger: Ledger, run_id: str, args: Mapping[str, Any] | None) -> None:
    """Remember what was offered, for whoever takes the trial up after a crash; None: nobody shall."""
    ledger.set_meta({_OFFER: json.dumps(None if args is None else {"run_id": run_id, "args": args})})


def kept_offer(ledger: Ledger) -> tuple[str, dict[str, Any]] | None:
    """What was offered: W&B's run id and the proposal's arguments."""
    kept = json.loads(ledger.meta(_OFFER) or "null")
    return None if kept is None else (kept["run_id"], kept["args"])


def keep_untold(ledger: Ledger, *, is_untold: bool) -> None:
    """Remember whether W&B may lack something of the trial's runs."""
    ledger.set_meta({_UNTOLD: "yes" if is_untold else "no"})


def is_untold(ledger: Ledger) -> bool:
    """Whether W&B may lack something of the trial's runs."""
    return ledger.meta(_UNTOLD) == "yes"
