"""What is tried next: proposals made feasible and new, the baselines first.

The engine may put forward what does not fit the budget, or what was trained before; neither costs anything. An
infeasible proposal is kept as such, with its reason; a repeated one is kept as a duplicate, so that a resumed search
counts alike. When the sampler insists, a setting is drawn without it: an untried cell of a finite space.
"""

from __future__ import annotations

import math
import random
from collections.abc import Container, Iterator, Mapping, Sequence
from typing import Any

from tlm_sweeps.compute.planning import (
    BUDGET,
    FactsOf,
    PlannedTrial,
    baseline_settings,
    budgets,
    cells,
    draw,
    plan_trial,
    space_size,
    takes_cells_in_order,
    trials_at_each_budget,
    trials_wanted,
)
from tlm_sweeps.runs.ledger import Ledger, Proposal
from tlm_sweeps.runs.proposal import Verdict
from tlm_sweeps.runs.record import Measurement, Record
from tlm_sweeps.search.affording import Means, Unbegun, needed_flops
from tlm_sweeps.search.optuna_search import OptunaSearch, PastTrial
from tlm_sweeps.search.roster import Roster
from tlm_sweeps.search.trials import Ending, is_over, outcome_of
from tlm_sweeps.search.wandb.offline import place_of
from tlm_sweeps.spec.fingerprint import canonical_json
from tlm_sweeps.spec.sweep import SweepSpec
from tlm_sweeps.tracking.tracked_run import WandbPlace

_PATIENCE = 5
"""Useless proposals in a row before the sampler is passed over."""
_LIMIT = 1000
"""Useless proposals in a row before an infinite space counts as exhausted."""


class Proposer:
    """The proposals of one sweep, in order. Each is kept in the ledger before the next is asked for."""

    def __init__(self, spec: SweepSpec, facts_of: FactsOf, ledger: Ledger | None, runs: Roster | None = None) -> None:
        """Rebuild the search from what the ledger remembers; `runs` are its records where they have been read.

        Without a ledger the search begins empty, and whoever remembers its trials enters them by `take`.
        """
        self._spec = spec
        self._facts_of = facts_of
        self._budgets = budgets(spec)
        self._searches = [OptunaSearch(spec, stream) for stream in range(len(self._budgets))]
        self._trials = [0] * len(self._budgets)
        self._exhausted = [False] * len(self._budgets)
        self._untried: dict[int, Iterator[dict[str, Any]]] = {}
        self._too_dear: dict[int, dict[str, dict[str, Any]]] = {}
        self._means = Means(spec)
        self._baselines = list(baseline_settings(spec))
        self._proposed: set[str] = set()
        self._trained: dict[str, int] = {}
        self._useless = [0] * len(self._budgets)
        self._unusable = 0
        self._number = 0
        if ledger is not None:
            self._remember(ledger, runs or Roster(ledger.records()))

    def next(self, pool_left: int | None) -> tuple[Proposal, PlannedTrial] | None:
        """The next proposal, whatever its verdict, with its plan.

        Args:
            pool_left: FLOPs of the sweep's total that nobody has claimed; None without a total.

        Returns:
            None when nothing is left to try, or no trial with all its seeds is sure to fit what is left.
        """
        for name, settings in self._baselines:
            key = canonical_json([name, settings])
            if self._means.allow(key, settings.get(BUDGET, self._budgets[0]), pool_left):
                planned = plan_trial(self._spec, settings, self._facts_of, baseline=name)
                if self._is_payable(planned, key, pool_left):
                    return self._judged(planned, {})
        passed: set[int] = set()
        while (stream := self._hungriest(pool_left, passed)) is not None:
            if (found := self._suggested(stream, pool_left)) is not None:
                return self._judged(*found)
            passed.add(stream)
        return None

    def unbegun(self, pool_left: int | None) -> Unbegun | None:
        """What costs more than is left, once `next` has found nothing."""
        needed = self._means.short_of(pool_left)
        if needed is None or pool_left is None:
            return None
        wanted, baselines = self.trials_wanted(), sum(1 for _ in baseline_settings(self._spec))
        searched = None if wanted is None else max(0, wanted - baselines - sum(self._trials))
        return Unbegun(None if searched is None else len(self._baselines) + searched, needed, pool_left)

    def take(self, settings: Mapping[str, Any], baseline: str | None = None) -> tuple[Proposal, PlannedTrial]:
        """Enter a trial that somebody else remembers: it is running from here on, until `end`.

        Raises:
            ValueError: for settings that the space does not hold.
        """
        planned = plan_trial(self._spec, settings, self._facts_of, baseline=baseline)
        if baseline is None:
            self._searches[self._budgets.index(planned.budget_flops)].take(self._number, settings)
        return self._judged(planned, {})

    def report(self, proposal: Proposal, share: float, measurement: Measurement) -> bool:
        """Pass a measurement of a trial's first run on; True when the trial should be pruned."""
        return self.judge(proposal, share, measurement.val_nll)

    def judge(self, proposal: Proposal, share: float, val_nll: float) -> bool:
        """Pass on how a trial does after a share of its budget; True when it should be pruned."""
        if proposal.baseline is not None:
            return False
        return self._search_of(proposal).report(proposal.number, round(100 * share), val_nll)

    def tell(self, proposal: Proposal, records: tuple[Record, ...]) -> None:
        """A trial has ended: pass its value on."""
        self.end(proposal, *outcome_of(self._spec, records))

    def end(self, proposal: Proposal, ending: Ending, values: Sequence[float] | None) -> None:
        """A trial has ended, in these words. Baselines are no part of the search."""
        if proposal.baseline is None:
            self._search_of(proposal).tell(proposal.number, ending, values)

    @property
    def foresees(self) -> bool:
        """Whether what is proposed next does not depend on any result: a grid, or a sampler that does not learn."""
        return self._walks() or self._spec.engine.sampler == "random"

    def trials_wanted(self) -> int | None:
        """Trials in all, baselines included; None when only exhausting the space will tell."""
        return trials_wanted(self._spec, self._unusable)

    def name_of(self, proposal: Proposal) -> str:
        """What the trial's runs are called, before their seed."""
        return trial_name(self._spec, proposal)

    def place_of(self, record: Record) -> WandbPlace | None:
        """Where a run belongs at W&B: in the offline sweep, where W&B is the engine; else it follows from the run."""
        return place_of(self._spec, record)

    def _wanted(self) -> float:
        """Trials wanted at each budget."""
        return trials_at_each_budget(self._spec) or math.inf

    def _walks(self) -> bool:
        return takes_cells_in_order(self._spec)

    def _is_payable(self, planned: PlannedTrial, key: str, pool_left: int | None) -> bool:
        """Whether enough is left for a trial with all its seeds; one that was trained before costs nothing."""
        needed = 0 if planned.fingerprint in self._trained else needed_flops(self._spec, planned)
        return self._means.pay(key, needed, pool_left)

    def _hungriest(self, pool_left: int | None, passed: Container[int]) -> int | None:
        """The budget with the fewest trials among those that want more and may be able to pay for it."""
        open_ = [
            stream
            for stream, count in enumerate(self._trials)
            if count < self._wanted() and not self._exhausted[stream] and stream not in passed
            if self._means.allow(str(stream), self._budgets[stream], pool_left)
        ]
        return min(open_, key=lambda stream: self._trials[stream], default=None)

    def _suggested(self, stream: int, pool_left: int | None) -> tuple[PlannedTrial, dict[str, Any]] | None:
        """A trial for a budget, from the sampler or an untried cell; None when there is none, or none to be paid."""
        if not self._walks() and self._useless[stream] < _PATIENCE:
            return self._sampled(stream, pool_left)
        if space_size(self._spec) is not None:
            planned = self._cell(stream, pool_left)
        else:
            planned = self._draw(stream, pool_left) if self._useless[stream] < _LIMIT else None
            self._exhausted[stream] = self._useless[stream] >= _LIMIT
        if planned is None:
            return None
        self._searches[stream].take(self._number, planned.settings)
        return planned, {}

    def _sampled(self, stream: int, pool_left: int | None) -> tuple[PlannedTrial, dict[str, Any]] | None:
        search, number = self._searches[stream], self._number
        suggestion = search.suggest(number)
        settings = suggestion.settings | self._budget_setting(stream)
        planned = plan_trial(self._spec, settings, self._facts_of)
        if self._is_payable(planned, str(stream), pool_left):
            return planned, suggestion.sampler_state
        search.tell(number, "failed", None)  # its number is the next one's; it is suggested again when more is left
        return None

    def _draw(self, stream: int, pool_left: int | None) -> PlannedTrial | None:
        random_ = random.Random(f"{self._spec.engine.seed} {stream} {self._number}")
        settings = draw(self._spec, random_) | self._budget_setting(stream)
        planned = plan_trial(self._spec, settings, self._facts_of)
        return planned if self._is_payable(planned, str(stream), pool_left) else None

    def _cell(self, stream: int, pool_left: int | None) -> PlannedTrial | None:
        """A cell of this budget that was not proposed yet: in order for a grid, else in a seeded shuffle.

        Those that cost more than is left wait for more, and the others go on.
        """
        waiting = self._too_dear.setdefault(stream, {})
        for key in waiting:
            if self._means.allow(key, self._budgets[stream], pool_left):
                return plan_trial(self._spec, waiting.pop(key), self._facts_of)
        for cell in self._fresh(stream):
            planned, key = plan_trial(self._spec, cell, self._facts_of), canonical_json(cell)
            if self._is_payable(planned, key, pool_left):
                return planned
            waiting[key] = cell
        self._exhausted[stream] = not waiting
        return None

    def _fresh(self, stream: int) -> Iterator[dict[str, Any]]:
        if stream not in self._untried:
            mine = [cell for cell in cells(self._spec) if cell.items() >= self._budget_setting(stream).items()]
            if not self._walks():
                random.Random(f"{self._spec.engine.seed} {stream}").shuffle(mine)
            self._untried[stream] = iter(mine)
        return (cell for cell in self._untried[stream] if canonical_json(cell) not in self._proposed)

    def _budget_setting(self, stream: int) -> dict[str, Any]:
        return {BUDGET: self._budgets[stream]} if len(self._budgets) > 1 else {}

    def _judged(self, planned: PlannedTrial, sampler_state: Mapping[str, Any]) -> tuple[Proposal, PlannedTrial]:
        """The proposal with its verdict; from here on it is known."""
        earlier = self._trained.get(planned.fingerprint)
        verdict: Verdict = "infeasible" if not planned.feasible else "duplicate" if earlier is not None else "trial"
        proposal = Proposal(
            number=self._number,
            budget_flops=planned.budget_flops,
            baseline=planned.baseline,
            settings=planned.settings,
            verdict=verdict,
            reason=f"the same experiment as trial {earlier}" if verdict == "duplicate" else planned.reason,
            fingerprint=planned.fingerprint,
            sampler_state=dict(sampler_state),
        )
        self._count(proposal)
        if proposal.baseline is None and verdict != "trial":
            self._search_of(proposal).tell(proposal.number, "failed", None)
        return proposal, planned

    def _count(self, proposal: Proposal) -> None:
        self._number = proposal.number + 1
        if proposal.verdict == "trial":
            self._trained[proposal.fingerprint] = proposal.number
        if proposal.baseline is not None:
            this = (proposal.baseline, proposal.settings.get(BUDGET))
            self._baselines = [each for each in self._baselines if (each[0], each[1].get(BUDGET)) != this]
            return
        self._proposed.add(canonical_json(proposal.settings))
        stream = self._budgets.index(proposal.budget_flops)
        if proposal.verdict == "trial":
            self._useless[stream] = 0
            self._trials[stream] += 1
        else:
            self._useless[stream] += 1
            self._unusable += 1

    def _search_of(self, proposal: Proposal) -> OptunaSearch:
        return self._searches[self._budgets.index(proposal.budget_flops)]

    def _remember(self, ledger: Ledger, runs: Roster) -> None:
        curves = ledger.val_nlls() if self._spec.engine.pruner != "none" else {}
        for proposal in ledger.proposals():
            self._count(proposal)
            if proposal.baseline is None:
                self._search_of(proposal).restore(_past(self._spec, proposal, runs.of_trial(proposal.number), curves))


def trial_name(spec: SweepSpec, proposal: Proposal) -> str:
    """What the runs of a trial are called, before their seed, wherever this machine proposes."""
    return f"{spec.name}-{proposal.number:04d}"


def _past(
    spec: SweepSpec,
    proposal: Proposal,
    records: tuple[Record, ...],
    curves: Mapping[str, Sequence[tuple[float, float]]],
) -> PastTrial:
    ending: Ending | None = "failed"
    values: tuple[float, ...] | None = None
    reports: dict[int, float] = {}
    if proposal.verdict == "trial":
        ending, values = outcome_of(spec, records) if is_over(records) else (None, None)
        measured = curves.get(records[0].run_id, ())
        reports = {round(100 * share): val_nll for share, val_nll in reversed(measured)}
        reports = dict(sorted(reports.items()))  # of those closer than a per cent, the first one counts
    return PastTrial(proposal.number, proposal.settings, proposal.sampler_state, ending, values, reports)
