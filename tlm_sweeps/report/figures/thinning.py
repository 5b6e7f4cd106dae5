"""Which trials a figure draws when there are more than an eye can tell apart or a page should hold."""

from __future__ import annotations

import random
from collections.abc import Collection, Sequence

from tlm_sweeps.report.frontier import RunCurve
from tlm_sweeps.report.statistics import TrialResult, by_budget

MOST_DRAWN = 200
"""Trials that are drawn as lines or dots of their own. 10,000 made a page of 50 MB, and a figure that is one blot."""


def drawn_trials(ranked: Sequence[TrialResult], curves: Sequence[RunCurve]) -> frozenset[int]:
    """Numbers of the trials that are drawn: the best of each budget, the baselines and a seeded sample of the others.

    Of trials that are not ranked, which only the frontier's figure has, as many again.
    """
    searched = [trial for trial in ranked if trial.baseline is None]
    always = {trials[0].trial for trials in by_budget(searched).values()}
    always |= {trial.trial for trial in ranked if trial.baseline is not None}
    rest = [trial.trial for trial in searched if trial.trial not in always]
    unranked = {curve.record.trial for curve in curves} - {trial.trial for trial in ranked}
    return frozenset(
        (*always, *_sample(rest, max(0, MOST_DRAWN - len(always))), *_sample(sorted(unranked), MOST_DRAWN))
    )


def thinning_note(ranked: Sequence[TrialResult], drawn: Collection[int]) -> str:
    """What a reader must know of a figure that leaves trials out; empty when it leaves out none."""
    left = sum(trial.trial in drawn for trial in ranked)
    if left == len(ranked):
        return ""
    return (
        f" Drawn are {left:,} of {len(ranked):,} ranked settings: the best, the baselines and a random sample; "
        "words, means and the frontier are of all."
    )


def _sample(numbers: Sequence[int], most: int) -> Sequence[int]:
    return numbers if len(numbers) <= most else random.Random(0).sample(numbers, most)
