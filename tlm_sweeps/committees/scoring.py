"""How good the answers of a committee are, and how much better one side is than another on the same examples."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from tlm_sweeps.committees.combining import Probabilities, Told
from tlm_sweeps.report.certainty import CONFIDENCE
from tlm_sweeps.runs.label_scores import label_scores
from tlm_sweeps.runs.record import LabelScores

Labels = Int[np.ndarray, " n"]
Shares = Float[np.ndarray, " n"]
"""Of each example, the share of answers that are right: 0 or 1 of one answer, between them of a mean over several."""


def answer_scores(told: Told, labels: Labels, n_labels: int) -> LabelScores:
    """Accuracy and macro-F1 of answers, counted as those of a run are."""
    return label_scores(told.tolist(), labels.tolist(), n_labels)


def nll_nats(shares: Probabilities, labels: Labels) -> float:
    """Mean negative log of the probability of the right label, nats per example; infinite where one is 0."""
    right = shares[np.arange(len(labels)), labels]
    with np.errstate(divide="ignore"):
        return float(-np.log(right).mean())


@dataclass(frozen=True)
class Difference:
    """How much more of the same examples one side gets right than another, as a share of them."""

    difference: float
    """First less second: positive where the first is better."""
    interval: tuple[float, float]
    """95 %, paired over examples; members and seeds stay what they are, so it says nothing of other ones."""
    p: float | None
    """Exact McNemar test of no difference, two-sided; None where a side is a mean over several answers."""
    n_first_only: int | None
    """Examples that only the first gets right; None likewise."""
    n_second_only: int | None


def difference(first: Shares, second: Shares) -> Difference:
    """The paired difference of two accuracies on the same examples.

    The interval is mean ± t(n - 1) · s / √n of the differences by example; of two plain answers this is the Wald
    interval of matched pairs, at sets of hundreds of examples. McNemar (1947), exact: among the examples that one
    side alone gets right, each side would have half.

    Args:
        first: 1 where an answer is right and 0 where not, or the share of several answers that are.
        second: of the same examples.
    """
    from scipy.special import stdtrit

    apart = np.asarray(first, dtype=np.float64) - np.asarray(second, dtype=np.float64)
    mean, n = float(apart.mean()), len(apart)
    half = float(stdtrit(n - 1, (1 + CONFIDENCE) / 2) * apart.std(ddof=1)) / math.sqrt(n) if n > 1 else math.inf
    interval = (max(-1.0, mean - half), min(1.0, mean + half))
    if not (_is_plain(first) and _is_plain(second)):
        return Difference(mean, interval, None, None, None)
    only_first, only_second = int((apart > 0).sum()), int((apart < 0).sum())
    return Difference(mean, interval, _mcnemar(only_first, only_second), only_first, only_second)


def _is_plain(shares: Shares) -> bool:
    return bool(((shares == 0) | (shares == 1)).all())


def _mcnemar(only_first: int, only_second: int) -> float:
    from scipy.stats import binomtest

    apart = only_first + only_second
    return float(binomtest(only_first, apart).pvalue) if apart else 1.0
