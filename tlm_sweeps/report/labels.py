"""How well a trial tells the labels of test examples: over its seeds, with the interval of the examples."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import fmean

from tlm_sweeps.report.statistics import TrialResult, is_scored
from tlm_sweeps.runs.label_scores import binomial_interval


@dataclass(frozen=True)
class ToldRight:
    """Means over the seeds of a trial. All its seeds are judged on the same examples."""

    accuracy: float
    interval: tuple[float, float]
    """95 % by Wilson's score at that many examples: as if they, and not the seeds, were drawn anew."""
    macro_f1: float
    n_examples: int
    n_seeds: int

    @property
    def in_words(self) -> str:
        """A part of a sentence."""
        over = f", mean over {self.n_seeds} seeds" if self.n_seeds > 1 else ""
        return (
            f"{self.accuracy:.1%} of {self.n_examples:,} test examples are told right (95 % interval by the examples "
            f"{percents(self.interval)}{over}; macro-F1 {self.macro_f1:.3f})"
        )


def told_right(trial: TrialResult) -> ToldRight | None:
    """What the complete runs of a trial reach on test; None where they tell no labels apart."""
    scores = [each.test_scores for each in trial.records if is_scored(each) and each.test_scores is not None]
    if not scores:
        return None
    accuracy, n_examples = fmean(each.accuracy for each in scores), scores[0].n
    return ToldRight(
        accuracy=accuracy,
        interval=binomial_interval(accuracy * n_examples, n_examples),
        macro_f1=fmean(each.macro_f1 for each in scores),
        n_examples=n_examples,
        n_seeds=len(scores),
    )


def percents(interval: tuple[float, float]) -> str:
    """An interval of shares.

    >>> percents((0.4902, 0.9433))
    '49.0–94.3%'
    """
    low, high = (f"{100 * each:.1f}" for each in interval)
    return f"{low}–{high}%"
