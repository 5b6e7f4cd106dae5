"""How sure a number is: means with 95 % t-intervals, and the difference of two settings over common seeds."""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

CONFIDENCE = 0.95

Verdict = Literal["clear", "within noise", "cannot tell"]


@dataclass(frozen=True)
class Estimate:
    """A mean over seeds and the half width of its 95 % t-interval."""

    mean: float
    half_width: float | None
    """None where one value leaves nothing to estimate a spread from."""
    n: int

    @property
    def interval(self) -> tuple[float, float] | None:
        """Lower and upper end, or None with one seed."""
        if self.half_width is None:
            return None
        return self.mean - self.half_width, self.mean + self.half_width


def estimate(values: Sequence[float]) -> Estimate:
    """Mean ± t(n-1) · s / √n, the two-sided 95 % interval for a normal mean (Student 1908).

    >>> estimate([2.0])
    Estimate(mean=2.0, half_width=None, n=1)
    >>> round(estimate([1.0, 3.0]).half_width, 3)  # t = 12.706 with one degree of freedom, s / √n = 1
    12.706
    """
    n = len(values)
    mean = statistics.fmean(values)
    if n < 2:
        return Estimate(mean, None, n)
    return Estimate(mean, _t_quantile(n - 1) * statistics.stdev(values) / math.sqrt(n), n)


@dataclass(frozen=True)
class Comparison:
    """How much lower one setting's NLL is than another's, over the seeds that both were trained with.

    The interval is for this pair alone. It is not corrected for having picked the best of many settings.
    """

    difference: Estimate
    """Other minus better, nats per target: positive where the better one is better."""

    @property
    def verdict(self) -> Verdict:
        """Whether the interval leaves out a difference of 0; without an interval nobody can tell."""
        interval = self.difference.interval
        if interval is None:
            return "cannot tell"
        return "clear" if interval[0] > 0 or interval[1] < 0 else "within noise"


def compare(better: Mapping[int, float], other: Mapping[int, float]) -> Comparison | None:
    """Paired difference of two settings' NLLs by seed; None where they share no seed.

    >>> compare({0: 2.0, 1: 2.1}, {0: 2.5, 1: 2.6}).verdict
    'clear'
    >>> compare({0: 2.0}, {0: 2.5}).verdict
    'cannot tell'
    """
    common = sorted(better.keys() & other.keys())
    if not common:
        return None
    return Comparison(estimate([other[seed] - better[seed] for seed in common]))


def _t_quantile(degrees_of_freedom: int) -> float:
    from scipy.special import stdtrit

    return float(stdtrit(degrees_of_freedom, (1 + CONFIDENCE) / 2))
