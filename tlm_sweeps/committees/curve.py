"""Accuracy against committee size: the mean over committees of each size, and how far they are apart."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tlm_sweeps.committees.combining import RULES, Logits, Rule, combined
from tlm_sweeps.committees.scoring import Labels, Shares, nll_nats
from tlm_sweeps.committees.subsets import Subsets, subsets

MOST_SUBSETS = 250
"""Committees of a size that are looked at; all of them up to 9 members, and most sizes of 10."""


@dataclass(frozen=True, eq=False)
class Examined:
    """Logits of all members for one set of examples, and the right labels."""

    logits: Logits
    labels: Labels


@dataclass(frozen=True, eq=False)
class SizePoint:
    """All that was seen of the committees of one size under one rule."""

    rule: Rule
    size: int
    committees: Subsets
    valid_accuracies: tuple[float, ...]
    """Of each committee, in the order of `committees.chosen`."""
    valid_nll: float
    """Mean over committees, nats per example; this is what chooses."""
    test_accuracies: tuple[float, ...]
    test_nll: float
    test_right: Shares
    """Of each test example, the share of the committees that get it right."""

    @property
    def test_accuracy(self) -> float:
        """Mean over committees."""
        return float(np.mean(self.test_accuracies))

    @property
    def valid_accuracy(self) -> float:
        """Mean over committees."""
        return float(np.mean(self.valid_accuracies))

    @property
    def test_spread(self) -> float | None:
        """Standard deviation over committees, which share members: no standard error. None of a single one."""
        return float(np.std(self.test_accuracies, ddof=1)) if len(self.test_accuracies) > 1 else None


def size_curve(
    valid: Examined, test: Examined, sizes: Sequence[int], *, most: int = MOST_SUBSETS, seed: int = 0
) -> list[SizePoint]:
    """The points of every rule at every size; the rules see the same committees.

    Args:
        valid: of the members in some order.
        test: of the members in the same order.
        sizes: each 1 to the number of members.
        most: committees of a size that are looked at.
        seed: of the sample where there are more.
    """
    found = []
    for size in sizes:
        committees = subsets(len(test.logits), size, most, seed)
        found += [_point(valid, test, rule, size, committees) for rule in RULES]
    return found


def _point(valid: Examined, test: Examined, rule: Rule, size: int, committees: Subsets) -> SizePoint:
    judged = [_judged(valid, members, rule) for members in committees.chosen]
    told = [_judged(test, members, rule) for members in committees.chosen]
    return SizePoint(
        rule=rule,
        size=size,
        committees=committees,
        valid_accuracies=tuple(float(right.mean()) for right, _ in judged),
        valid_nll=float(np.mean([nll for _, nll in judged])),
        test_accuracies=tuple(float(right.mean()) for right, _ in told),
        test_nll=float(np.mean([nll for _, nll in told])),
        test_right=np.mean([right for right, _ in told], axis=0),
    )


def _judged(examined: Examined, members: tuple[int, ...], rule: Rule) -> tuple[Shares, float]:
    answers, shares = combined(examined.logits[list(members)], rule)
    return (answers == examined.labels).astype(np.float64), nll_nats(shares, examined.labels)
