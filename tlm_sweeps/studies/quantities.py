"""Quantities: a number for each seed that is positive where a claim is right. Tested against 0, corrected, judged.

The rule (docs/decisions/0017-second-study.md), that of contrasts in other words: the mean over seeds, its 95 %
t-interval and the p of the two-sided t-test, corrected by Holm over what is asked together. `holds`: corrected p < 0.05
and the mean is positive; `reversed`: corrected p < 0.05 and it is negative, both by one test example at
least; `not run`: something is missing, or there are fewer than three seeds; else `within noise`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from tlm_sweeps.report.certainty import Estimate, estimate
from tlm_sweeps.studies.contrasts import FEWEST_SEEDS, LEVEL, Verdict, holm, paired_p

_ROUNDING = 1e-9
"""Relative: a mean of exactly one example is one."""


@dataclass(frozen=True)
class Quantity:
    """What is asked of every seed."""

    label: str
    """Which it is, where several are asked together: `ag-news`."""
    says: str
    """What it is, in words: `pre-trained − random`."""
    values: Mapping[int, float]
    """By seed. Accuracies are shares between 0 and 1."""
    margin: float = 0.0
    """What may be lacking: value + margin is tested."""
    missing: str = ""
    """Why nothing may be judged; empty where it may."""
    floor: float = 0.0
    """Smallest mean, with the margin, that is anything at all: one test example."""
    n_asked: int = 0
    """Seeds that are asked for."""

    @property
    def estimate(self) -> Estimate | None:
        """Mean and 95 % interval without the margin, not corrected; None without a seed."""
        return estimate(list(self.values.values())) if self.values else None


@dataclass(frozen=True)
class Judged:
    """A quantity with what became of it."""

    quantity: Quantity
    p: float | None
    """Of the two-sided t-test that value + margin is 0 in the mean; None where nothing may be judged."""
    corrected_p: float | None
    """By Holm, over the quantities that were asked together."""

    @property
    def verdict(self) -> Verdict:
        """By the rule."""
        found = self.quantity.estimate
        if self.corrected_p is None or found is None:
            return "not run"
        mean = found.mean + self.quantity.margin
        if self.corrected_p >= LEVEL or abs(mean) < self.quantity.floor * (1 - _ROUNDING):
            return "within noise"
        return "holds" if mean > 0 else "reversed"


def judge_quantities(asked: Sequence[Quantity]) -> tuple[Judged, ...]:
    """Judge quantities that are asked together.

    >>> gains = {0: 0.10, 1: 0.11, 2: 0.12}
    >>> [judged.verdict for judged in judge_quantities([Quantity("a", "gain", gains)])]
    ['holds']
    """
    found = [with_enough_seeds(each) for each in asked]
    ps = [None if each.missing else paired_p([value + each.margin for value in each.values.values()]) for each in found]
    return tuple(Judged(each, p, corrected) for each, p, corrected in zip(found, ps, holm(ps), strict=True))


def with_enough_seeds(quantity: Quantity) -> Quantity:
    """The quantity, with what is missing said where its seeds are too few to judge."""
    n = len(quantity.values)
    if quantity.missing or n >= FEWEST_SEEDS:
        return quantity
    few = f"{n} seed{'' if n == 1 else 's'} of {quantity.label} {'is' if n == 1 else 'are'} too few"
    return replace(quantity, missing=few)


def difference(first: Mapping[int, float], second: Mapping[int, float]) -> dict[int, float]:
    """First − second, by common seed.

    >>> difference({0: 3.0, 1: 5.0}, {1: 4.0})
    {1: 1.0}
    """
    return {seed: first[seed] - second[seed] for seed in sorted(first.keys() & second.keys())}


def first_reason(reasons: Iterable[str]) -> str:
    """The first thing that is missing; empty where nothing is."""
    return next((reason for reason in reasons if reason), "")
