"""From runs to trials: means over seeds, the leaderboard, and the trials that cannot be ranked yet."""

from __future__ import annotations

import math
import statistics
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tlm_sweeps.compute.planning import seeds_of
from tlm_sweeps.report.certainty import Comparison, Estimate, compare, estimate
from tlm_sweeps.report.naming import group_of, label_of
from tlm_sweeps.report.sources import SweepResults
from tlm_sweeps.runs.record import Record
from tlm_sweeps.spec.sweep import Account


@dataclass(frozen=True)
class TrialResult:
    """One setting, over the seeds that it was trained with. Means are over complete runs; NLLs are nats per target."""

    trial: int
    settings: Mapping[str, Any]
    baseline: str | None
    label: str
    group: str
    """Model family, or the baseline: what one colour stands for."""
    budget_flops: int | None
    records: tuple[Record, ...]
    """All its runs, by seed."""
    states: Mapping[str, int]
    """Runs in each state."""
    ranked: bool
    """Whether every seed of the sweep is complete: only then is it compared with others."""
    val_nll_by_seed: Mapping[int, float]
    val_nll: Estimate | None
    """None while no run is complete."""
    test_nll: Estimate | None
    spent_flops: float | None
    """Training FLOPs of a complete run, mean, in the budget's account."""
    n_params: int | None
    epochs: float | None
    """As run, mean."""

    @property
    def n_seeds(self) -> int:
        """Seeds that are complete."""
        return len(self.val_nll_by_seed)

    @property
    def spent_share(self) -> float | None:
        """Share of the run's budget that was spent."""
        if not self.budget_flops or self.spent_flops is None:
            return None
        return self.spent_flops / self.budget_flops

    @property
    def nll(self) -> float:
        """Mean validation NLL of a ranked trial."""
        if self.val_nll is None:
            raise ValueError(f"trial {self.trial} has no complete run")
        return self.val_nll.mean


def trial_results(results: SweepResults) -> list[TrialResult]:
    """Every trial in the order of its number, ranked or not."""
    by_trial: defaultdict[int, list[Record]] = defaultdict(list)
    for record in results.records:
        by_trial[record.trial].append(record)
    seeds = frozenset(seeds_of(results.spec))
    return [_trial_result(by_trial[trial], seeds, results.account) for trial in sorted(by_trial)]


def leaderboard(results: SweepResults) -> list[TrialResult]:
    """Trials whose seeds are all complete: budgets rising, within each the lowest mean validation NLL first."""
    ranked = [trial for trial in trial_results(results) if trial.ranked]
    return sorted(ranked, key=lambda trial: (trial.budget_flops or 0, trial.nll, trial.trial))


def by_budget(ranked: Iterable[TrialResult]) -> dict[int | None, list[TrialResult]]:
    """The trials of each budget, in the order given."""
    found: dict[int | None, list[TrialResult]] = {}
    for trial in ranked:
        found.setdefault(trial.budget_flops, []).append(trial)
    return found


def unranked(results: SweepResults) -> list[TrialResult]:
    """Trials that some seed is missing from. Infeasible ones, which cost nothing, are listed elsewhere."""
    return [trial for trial in trial_results(results) if not trial.ranked and set(trial.states) != {"infeasible"}]


def lead_over(leader: TrialResult, other: TrialResult) -> Comparison | None:
    """How much better the leader is than another trial, over their common seeds."""
    return compare(leader.val_nll_by_seed, other.val_nll_by_seed)


def indistinguishable(ranked: Sequence[TrialResult]) -> list[TrialResult]:
    """Trials of one budget whose difference from its leader is within noise; the leader is not among them."""
    leads = [(trial, lead_over(ranked[0], trial)) for trial in ranked[1:]]
    return [trial for trial, lead in leads if lead and lead.verdict == "within noise"]


def is_scored(record: Record) -> bool:
    """Whether a run is complete and has a validation NLL that can be compared."""
    return record.state == "complete" and record.val_nll is not None and math.isfinite(record.val_nll)


def spent_by(record: Record, account: Account) -> int | None:
    """Training FLOPs that a run has spent, in one account."""
    return record.train_flops.get(account) if record.train_flops else None


def _trial_result(found: Sequence[Record], seeds: frozenset[int], account: Account) -> TrialResult:
    records = tuple(sorted(found, key=lambda record: record.seed))
    scored = [record for record in records if is_scored(record)]
    val_nlls = {record.seed: record.val_nll for record in scored if record.val_nll is not None}
    first = scored[0] if scored else records[0]
    return TrialResult(
        trial=first.trial,
        settings=first.settings,
        baseline=first.baseline,
        label=label_of(first),
        group=group_of(first),
        budget_flops=first.budget_flops,
        records=records,
        states=Counter(record.state for record in records),
        ranked=len(scored) == len(records) and seeds <= val_nlls.keys(),
        val_nll_by_seed=val_nlls,
        val_nll=estimate(list(val_nlls.values())) if val_nlls else None,
        test_nll=_estimate_known(record.test_nll for record in scored),
        spent_flops=_mean_known(spent_by(record, account) for record in scored),
        n_params=first.n_params,
        epochs=_mean_known(record.epochs for record in scored),
    )


def _estimate_known(values: Iterable[float | None]) -> Estimate | None:
    known = [value for value in values if value is not None and math.isfinite(value)]
    return estimate(known) if known else None


def _mean_known(values: Iterable[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return statistics.fmean(known) if known else None
