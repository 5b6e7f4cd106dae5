"""The equal-FLOP question: for the same total of pre-training FLOPs, the best committee or the best single model?

Validation chooses on either side; test is read for the two that were chosen, and for no other.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tlm_sweeps.committees.scoring import Difference, Shares, difference

TOLERANCE = 0.01
"""By how much of the total a side may be over it: runs spend 99 to 100 % of their budgets, not just these."""


@dataclass(frozen=True, eq=False)
class Contender:
    """A committee of some size, or a single model, as a mean over the committees or seeds that there are."""

    name: str
    pretraining_flops: float
    """Behind one committee, or one model."""
    valid_nll: float
    """Nats per example: the lowest is chosen."""
    valid_accuracy: float
    test_right: Shares
    """Of each test example, the share of committees or seeds that get it right."""

    @property
    def test_accuracy(self) -> float:
        """Mean over examples and over committees or seeds."""
        return float(self.test_right.mean())


@dataclass(frozen=True, eq=False)
class Contest:
    """Both sides at one total. A side is None where the total pays for none of its contenders."""

    total_flops: float
    committee: Contender | None
    single: Contender | None
    difference: Difference | None
    """Committee less single model, on test."""


def contest(
    committees: Sequence[Contender], singles: Sequence[Contender], total_flops: float, tolerance: float = TOLERANCE
) -> Contest:
    """The best of each side that costs no more than the total, and how far apart they are.

    Args:
        committees: of any sizes and rules.
        singles: of any depth and length of training.
        total_flops: pre-training FLOPs that either side may have behind it.
        tolerance: share of the total that is overlooked.
    """
    committee = best_within(committees, total_flops, tolerance)
    single = best_within(singles, total_flops, tolerance)
    apart = difference(committee.test_right, single.test_right) if committee and single else None
    return Contest(total_flops, committee, single, apart)


def best_within(contenders: Sequence[Contender], total_flops: float, tolerance: float = TOLERANCE) -> Contender | None:
    """The one with the lowest validation NLL of those that cost no more; then the cheapest, then the first."""
    paid = [each for each in contenders if each.pretraining_flops <= total_flops * (1 + tolerance)]
    return min(paid, key=lambda each: (each.valid_nll, each.pretraining_flops), default=None)
