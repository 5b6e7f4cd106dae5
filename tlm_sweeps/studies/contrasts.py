"""Contrasts: the first side has the lower NLL than the second. Paired over seeds, tested, corrected, judged.

The rule (docs/decisions/0014-claims.md), written down before any contrast was computed: over the seeds that both
sides have, the mean of second − first (test NLL, nats per target), its 95 % t-interval, and the p of the two-sided
paired t-test, corrected by Holm (1979) over the contrasts that are asked together. `holds`: corrected p < 0.05 and
the difference is positive; `reversed`: corrected p < 0.05 and it is negative; `not run`: fewer than three common
seeds, a run that is asked for has not ended, or, where the sides are said to spend the same, they do not; else `within
noise`. A contrast that is not run counts as p = 1 in the correction.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from tlm_sweeps.report.certainty import Estimate, estimate
from tlm_sweeps.report.sources import SweepResults
from tlm_sweeps.spec.sweep import Account
from tlm_sweeps.studies.sides import Measured, Side, measure

Verdict = Literal["holds", "reversed", "within noise", "not run"]
LEVEL = 0.05
FEWEST_SEEDS = 3
SAME_FLOPS_WITHIN = 0.05
"""Largest relative difference of what two sides have spent that is called equal."""


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
    """Of the two-sided paired t-test; None where nothing may be judged."""
    corrected_p: float | None
    """By Holm, over the contrasts that were asked together."""
    missing: str = ""
    """Why it is not run; empty where it is."""

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


def compare_all(
    contrasts: Sequence[Contrast], sweeps: Mapping[str, SweepResults], equal: Account | None = None
) -> tuple[Compared, ...]:
    """Judge the contrasts that are asked together.

    Args:
        contrasts: what is asked.
        sweeps: by name.
        equal: both sides of a contrast must have spent the same FLOPs in this account.

    Raises:
        InputError: when two runs of one seed answer to an arm.
    """
    pairs = [(measure(each.first, sweeps), measure(each.second, sweeps)) for each in contrasts]
    missing = [_missing(first, second, equal) for first, second in pairs]
    differences = [_differences(first, second) for first, second in pairs]
    ps = [None if why else paired_p(list(each.values())) for each, why in zip(differences, missing, strict=True)]
    found = zip(contrasts, pairs, differences, ps, holm(ps), missing, strict=True)
    return tuple(
        Compared(asked, first, second, each, p, corrected, why)
        for asked, (first, second), each, p, corrected, why in found
    )


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


def _missing(first: Measured, second: Measured, equal: Account | None) -> str:
    """Why two sides cannot be judged; empty where they can."""
    n = len(first.nlls.keys() & second.nlls.keys())
    return (
        first.missing
        or second.missing
        or first.unfinished
        or second.unfinished
        or (f"{n} common seed{'' if n == 1 else 's'} are too few" if n < FEWEST_SEEDS else "")
        or (_unequal(first, second, equal) if equal else "")
    )


def _unequal(first: Measured, second: Measured, account: Account) -> str:
    """Why two sides cannot be said to have spent the same; empty where they have."""
    spent = [flops for flops in (first.train_flops(account), second.train_flops(account)) if flops]
    if len(spent) < 2:
        return f"what {first.label} and {second.label} have spent ({account}) is not known"
    ratio = max(spent) / min(spent)
    if ratio <= 1 + SAME_FLOPS_WITHIN:
        return ""
    return f"{first.label} and {second.label} have not spent the same: {ratio:.3g} times the {account} FLOPs"


def _differences(first: Measured, second: Measured) -> dict[int, float]:
    common = sorted(first.nlls.keys() & second.nlls.keys())
    return {seed: second.nlls[seed] - first.nlls[seed] for seed in common}
