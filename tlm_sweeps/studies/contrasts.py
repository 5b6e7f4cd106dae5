"""Contrasts: the first side has the lower NLL than the second. Paired over seeds, tested, corrected, judged.

The rule (docs/decisions/0014-claims.md), written down before any contrast was computed: over the seeds that both
sides have, the mean of second − first (test NLL, nats per target), its 95 % t-interval, and the p of the two-sided
paired t-test, corrected by Holm (1979) over the contrasts that are asked together. `holds`: corrected p < 0.05 and
the difference is positive; `reversed`: corrected p < 0.05 and it is negative; `not run`: fewer than three common
seeds; else `within noise`. A contrast that is not run counts as p = 1 in the correction.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from tlm_sweeps.report.certainty import Estimate, estimate
from tlm_sweeps.report.sources import SweepResults
from tlm_sweeps.studies.sides import Measured, Side, measure

Verdict = Literal["holds", "reversed", "within noise", "not run"]
LEVEL = 0.05
FEWEST_SEEDS = 3


@dataclass(frozen=True)
class Contrast:
    """Says: the first has the lower NLL."""

    first: Side
    second: Side
    at: str = ""
    """Where, when several of a kind are asked together: `1 TFLOPs`."""


@dataclass(frozen=True)
class Compared:
    """A contrast with what became of it."""

    contrast: Contrast
    first: Measured
    second: Measured
    differences: Mapping[int, float]
    """Second − first by common seed, nats per target: positive where the contrast is right."""
    p: float | None
    """Of the two-sided paired t-test; None with fewer than three common seeds."""
    corrected_p: float | None
    """By Holm, over the contrasts that were asked together."""

    @property
    def difference(self) -> Estimate | None:
        """Mean and 95 % interval, not corrected; None without a common seed."""
        return estimate(list(self.differences.values())) if self.differences else None

    @property
    def verdict(self) -> Verdict:
        """By the rule."""
        if self.corrected_p is None or self.difference is None:
            return "not run"
        if self.corrected_p >= LEVEL:
            return "within noise"
        return "holds" if self.difference.mean > 0 else "reversed"

    @property
    def missing(self) -> str:
        """Why it is not run; empty where it is."""
        if self.verdict != "not run":
            return ""
        return self.first.missing or self.second.missing or f"{len(self.differences)} common seeds are too few"


def compare_all(contrasts: Sequence[Contrast], sweeps: Mapping[str, SweepResults]) -> tuple[Compared, ...]:
    """Judge the contrasts that are asked together.

    Raises:
        InputError: when two runs of one seed answer to an arm.
    """
    pairs = [(measure(each.first, sweeps), measure(each.second, sweeps)) for each in contrasts]
    differences = [_differences(first, second) for first, second in pairs]
    ps = [paired_p(list(each.values())) for each in differences]
    found = zip(contrasts, pairs, differences, ps, holm(ps), strict=True)
    return tuple(Compared(asked, *pair, each, p, corrected) for asked, pair, each, p, corrected in found)


def paired_p(differences: Sequence[float]) -> float | None:
    """The p of the two-sided paired t-test that the mean difference is 0 (Student 1908).

    None with fewer than three.

    >>> round(paired_p([1.0, 2.0, 3.0]), 4)  # t = 2 · √3 / 1 = 3.4641, two degrees of freedom
    0.0742
    """
    n = len(differences)
    if n < FEWEST_SEEDS:
        return None
    mean, error = statistics.fmean(differences), statistics.stdev(differences) / math.sqrt(n)
    if error == 0:
        return 1.0 if mean == 0 else 0.0
    from scipy.special import stdtr

    return float(2 * stdtr(n - 1, -abs(mean / error)))


def holm(ps: Sequence[float | None]) -> list[float | None]:
    """p-values corrected so that the chance of any false one among them stays as it was for one (Holm 1979).

    Those that are not known count as 1 and stay unknown.

    >>> holm([0.01, 0.04, 0.03])  # 3 · 0.01, then 2 · 0.03, then the larger of 0.06 and 1 · 0.04
    [0.03, 0.06, 0.06]
    >>> holm([0.01, None])
    [0.02, None]
    """
    order = sorted((p, index) for index, p in enumerate(ps) if p is not None)
    corrected: list[float | None] = [None] * len(ps)
    largest = 0.0
    for rank, (p, index) in enumerate(order):
        largest = max(largest, min(1.0, (len(ps) - rank) * p))
        corrected[index] = largest
    return corrected


def _differences(first: Measured, second: Measured) -> dict[int, float]:
    common = sorted(first.nlls.keys() & second.nlls.keys())
    return {seed: second.nlls[seed] - first.nlls[seed] for seed in common}
