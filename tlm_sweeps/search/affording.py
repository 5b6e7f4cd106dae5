"""What trials need of a sweep's total before they are begun, and which of them wait because less is left."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass

from tlm_sweeps.compute.planning import FactsOf, PlannedTrial, plan_sweep, seeds_of, takes_cells_in_order
from tlm_sweeps.runs.ledger import Ledger
from tlm_sweeps.spec.chaining import account_of
from tlm_sweeps.spec.fingerprint import canonical_json
from tlm_sweeps.spec.sweep import SweepSpec

_UNBEGUN = "unbegun"


@dataclass(frozen=True)
class Unbegun:
    """What a sweep has not begun, since its total has not enough left."""

    trials: int | None
    """How many trials; None where only exhausting the space would tell."""
    needed_flops: int
    """Of the cheapest that is known of them, with all its seeds."""
    left_flops: int


class Means:
    """What is known of trials that wait for FLOPs: the key of each, and what it needs."""

    def __init__(self, spec: SweepSpec) -> None:
        """Begin with nobody waiting."""
        self._spec = spec
        self._waiting: dict[str, int] = {}

    def allow(self, key: str, budget_flops: int | None, pool_left: int | None) -> bool:
        """Whether a trial may fit what is left, as far as is known before it is planned.

        Where every run spends its budget, that is known; where the budget only bounds, after it was planned once.
        """
        if pool_left is None or budget_flops is None:
            return True
        if not is_ceiling(self._spec):
            self._waiting[key] = budget_flops * len(seeds_of(self._spec))
        if self._waiting.get(key, 0) > pool_left:
            return False
        self._waiting.pop(key, None)
        return True

    def pay(self, key: str, needed_flops: int, pool_left: int | None) -> bool:
        """Whether so much is left; if not, the trial waits until it is."""
        if pool_left is None or needed_flops <= pool_left:
            return True
        self._waiting[key] = needed_flops
        return False

    def short_of(self, pool_left: int | None) -> int | None:
        """The least that would begin one of those that wait; None when none waits for more than is left."""
        short = [needed for needed in self._waiting.values() if pool_left is not None and needed > pool_left]
        return min(short, default=None)


def keep_unbegun(ledger: Ledger, unbegun: Unbegun | None) -> None:
    """Write down what a sweep that has come to its end has not begun."""
    ledger.set_meta({_UNBEGUN: canonical_json(asdict(unbegun)) if unbegun else ""})


def unbegun_in(ledger: Ledger) -> Unbegun | None:
    """What a sweep had not begun when it last came to its end; None where it began all, or is on its way."""
    kept = ledger.meta(_UNBEGUN)
    return Unbegun(**json.loads(kept)) if kept else None


def is_ceiling(spec: SweepSpec) -> bool:
    """Whether runs spend less than their budget, which only bounds them."""
    return spec.budget is not None and spec.budget.match == "none"


def needed_flops(spec: SweepSpec, planned: PlannedTrial) -> int:
    """FLOPs of a total that must be left for a trial with all its seeds: its cost, or its budget where it spends that.

    0 for what cannot be trained.
    """
    if planned.matched is None:
        return 0
    cost = planned.matched.train_flops.of(account_of(spec))
    each = cost if is_ceiling(spec) or planned.budget_flops is None else planned.budget_flops
    return each * len(seeds_of(spec))


def least_flops(spec: SweepSpec, facts_of: FactsOf) -> int:
    """What a sweep needs at least: all of its runs where its spec tells which, else its cheapest known trial."""
    distinct = {each.fingerprint: each for each in plan_sweep(spec, facts_of).feasible}
    if takes_cells_in_order(spec) and spec.engine.trials is None:
        return sum(_costs(spec, distinct.values()))
    return cheapest_flops(spec, distinct.values())


def cheapest_flops(spec: SweepSpec, planned: Iterable[PlannedTrial]) -> int:
    """What must be left for the cheapest of these trials; 0 without any."""
    return min((needed_flops(spec, each) for each in planned if each.feasible), default=0)


def _costs(spec: SweepSpec, planned: Iterable[PlannedTrial]) -> Iterable[int]:
    account, seeds = account_of(spec), len(seeds_of(spec))
    return (each.matched.train_flops.of(account) * seeds for each in planned if each.matched)
