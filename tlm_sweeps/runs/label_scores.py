"""How well labels are told apart: accuracy with its interval, and macro-F1. Counts only; it knows no model."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from statistics import NormalDist, fmean

from tlm_sweeps.runs.record import LabelScores


def label_scores(told: Sequence[int], labels: Sequence[int], n_labels: int) -> LabelScores:
    """Scores of what was told of examples.

    Args:
        told: the label that each example is given.
        labels: the one that it has.
        n_labels: of the set, those without an example included.

    Raises:
        ValueError: there are no examples, or not as many labels as answers.

    >>> label_scores([0, 0, 1, 1], [0, 1, 1, 1], 2).macro_f1  # F1 of 2/3 and 4/5
    0.7333333333333334
    """
    pairs = list(zip(told, labels, strict=True))
    n_correct = sum(answer == label for answer, label in pairs)
    interval = binomial_interval(n_correct, len(pairs))
    return LabelScores(
        n=len(pairs),
        n_correct=n_correct,
        accuracy=n_correct / len(pairs),
        interval=interval,
        macro_f1=fmean(_f1s(told, labels, n_labels)),
    )


def binomial_interval(n_correct: float, n: int, confidence: float = 0.95) -> tuple[float, float]:
    """Wilson's score interval of a share (Wilson 1927); it stays within 0 and 1, and has a width at both ends.

    Args:
        n_correct: of the examples; a fraction where it is a mean over seeds.
        n: examples.
        confidence: how often it holds the true share.

    Raises:
        ValueError: of no examples there is no share.

    >>> [round(each, 4) for each in binomial_interval(8, 10)]
    [0.4902, 0.9433]
    """
    if n == 0:
        raise ValueError("there are no examples")
    share, z = n_correct / n, NormalDist().inv_cdf((1 + confidence) / 2)
    middle = (share + z**2 / (2 * n)) / (1 + z**2 / n)
    half = z / (1 + z**2 / n) * math.sqrt(share * (1 - share) / n + z**2 / (4 * n**2))
    return max(0.0, middle - half), min(1.0, middle + half)


def _f1s(told: Sequence[int], labels: Sequence[int], n_labels: int) -> list[float]:
    """F1 of each label: 2 · hits / (told + there), 0 where it is neither."""
    told_count, there_count = Counter(told), Counter(labels)
    hits = Counter(label for answer, label in zip(told, labels, strict=True) if answer == label)
    either = [told_count[label] + there_count[label] for label in range(n_labels)]
    return [2 * hits[label] / either[label] if either[label] else 0.0 for label in range(n_labels)]
