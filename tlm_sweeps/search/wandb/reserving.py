"""A sweep's total, held over all its agents: what each run spent or may still spend is read from W&B before one starts.

W&B's server has no transactions, so an agent first publishes what it claims and reads everybody's claims afterwards.
Whoever reads last sees all of them: the total is never overspent. Two that claim the rest at the same moment may both
see too much; each then withdraws, waits a moment of its own, and claims again.
"""

from __future__ import annotations

import random
import re
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

from tlm_sweeps.compute.planning import seeds_of
from tlm_sweeps.runs.ledger import Ledger
from tlm_sweeps.search.wandb.service import ToldRun
from tlm_sweeps.search.wandb.trial import OfferedTrial
from tlm_sweeps.spec.sweep import Account, BudgetSpec

_CLAIMED = "claimed_flops"
_LOST = "lost_flops"
_RUNS = "claimed_runs"
_AGENT = "agent"
_ATTEMPTS = 3
_FURTHER_SEED = re.compile(r"(.+)-s\d+")


@dataclass(frozen=True)
class Claim:
    """What a trial may spend of the total."""

    run_id: str
    """W&B's, of the trial's first seed."""
    flops: int
    """From its beginning to its end, all seeds, in the budget's account."""
    runs: int
    """Its seeds."""
    lost: int = 0
    """Spent in vain by earlier attempts: it stays spent."""
    beside: Mapping[str, Any] = field(default_factory=dict)
    """What else the first run's config says: W&B's server replaces a config as a whole."""

    @property
    def config(self) -> dict[str, Any]:
        """The first run's config, with the claim."""
        return {**self.beside, _CLAIMED: self.flops + self.lost, _LOST: self.lost, _RUNS: self.runs}


class Claims(Protocol):
    """Where claims are published and read: a sweep at W&B."""

    def runs(self) -> Iterable[ToldRun]:
        """All runs of the sweep."""
        ...

    def publish(self, run_id: str, config: Mapping[str, Any]) -> None:
        """Give a run of the sweep a config."""
        ...


def claim_of(trial: OfferedTrial, ledger: Ledger, told: ToldRun | None) -> Claim:
    """What a feasible trial claims, with what earlier attempts, here or elsewhere, spent in vain.

    Args:
        trial: to be trained.
        ledger: of the trial, as its coordinator has taken it up.
        told: what W&B knows of its first run.
    """
    spec, matched = trial.spec, trial.planned.matched
    account: Account = spec.budget.account if spec.budget else "matmul"
    cost, seeds = matched.train_flops.of(account) if matched else 0, len(seeds_of(spec))
    records, every = ledger.records(), spec.experiment.evaluation.every
    agent = trial.config.get(_AGENT)
    if not records or (told is not None and told.config.get(_AGENT) not in (None, agent, ledger.meta(_AGENT))):
        # Somebody else has been at it since this ledger was last: what he said stays spent, and what he did after it.
        ledger.set_meta({_LOST: str(_lost_by(told, cost, every if every != "epoch" else 1.0))})
    ledger.set_meta({_AGENT: str(agent)})
    done = sum((record.train_flops or {}).get(account, 0) for record in records)
    lost = int(ledger.meta(_LOST) or 0) + max(0, ledger.spent_flops() - done)
    return Claim(trial.offer.run_id, seeds * cost, seeds, lost, trial.config)


def claimed(claims: Claims, claim: Claim, budget: BudgetSpec, wait_seconds: tuple[float, float] = (0.5, 3.0)) -> bool:
    """Claim what a trial may spend; whether the sweep's total holds it.

    Args:
        claims: everybody's.
        claim: this trial's.
        budget: the sweep's.
        wait_seconds: between which an agent waits that has withdrawn.

    Raises:
        RunError: when W&B's server cannot be asked.
    """
    if budget.total is None:
        return True
    moment = random.Random(claim.run_id)
    nothing = replace(claim, flops=0)
    for attempt in range(_ATTEMPTS):
        claims.publish(claim.run_id, claim.config)
        others = [run for run in claims.runs() if trial_of(run.run_id) != claim.run_id]
        if spent_or_claimed(others, budget.account) + claim.flops + claim.lost <= budget.total:
            return True
        claims.publish(claim.run_id, nothing.config)
        if attempt < _ATTEMPTS - 1:
            time.sleep(moment.uniform(*wait_seconds))
    return False


def spent_or_claimed(runs: Sequence[ToldRun], account: Account) -> int:
    """Training FLOPs that trials have spent, or may spend where one of their runs has not ended."""
    trials: dict[str, list[ToldRun]] = {}
    for run in runs:
        trials.setdefault(trial_of(run.run_id), []).append(run)
    return sum(_of_trial(trial, account) for trial in trials.values())


def trial_of(run_id: str) -> str:
    """W&B's id of a trial's first run, from that of any of its runs.

    >>> trial_of("ab12cd34-s1"), trial_of("ab12cd34")
    ('ab12cd34', 'ab12cd34')
    """
    further = _FURTHER_SEED.fullmatch(run_id)
    return further.group(1) if further else run_id


def _lost_by(run: ToldRun | None, budget_flops: int, evaluation_share: float) -> int:
    """What attempts of which nothing is left may have spent: at most up to the evaluation that they never told.

    Args:
        run: as W&B knows it; None when it knows nothing.
        budget_flops: of a run.
        evaluation_share: of the budget between two evaluations.
    """
    if run is None or run.ending is not None or _CLAIMED not in run.config:
        return 0
    told, ahead = _whole(run.summary.get("spent_flops")), round(evaluation_share * budget_flops)
    return _whole(run.config.get(_LOST)) + min(budget_flops, told + ahead)


def _of_trial(runs: Sequence[ToldRun], account: Account) -> int:
    lost = sum(_whole(run.config.get(_LOST)) for run in runs)
    spent = sum(_whole(run.summary.get(f"train_flops_{account}")) for run in runs) + lost
    wanted = max((_whole(run.config.get(_RUNS)) for run in runs), default=1)
    all_ended = len(runs) >= wanted and all(run.ending is not None for run in runs)
    # A trial that was stopped before its last seed began keeps its claim: too much is held, never too little.
    return spent if all_ended else max(spent, *(_whole(run.config.get(_CLAIMED)) for run in runs))


def _whole(value: Any) -> int:
    return round(value) if isinstance(value, int | float) and not isinstance(value, bool) else 0
