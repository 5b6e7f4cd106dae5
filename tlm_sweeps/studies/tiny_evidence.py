"""What the scaled second study's runs measured: accuracies by seed, token overlaps, what pre-training has cost."""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping
from dataclasses import dataclass

from tlm_sweeps.report.certainty import Estimate, estimate
from tlm_sweeps.report.sources import SweepResults
from tlm_sweeps.runs.record import Record
from tlm_sweeps.studies.arms import Arm
from tlm_sweeps.studies.sides import measure
from tlm_sweeps.studies.tiny_arms import Task, deep

SHARED_TEXTS = {
    "test in train": "n_test_seen",
    "validation in train": "n_valid_seen",
    "test in validation": "n_test_in_valid",
    "test in one passage of pre-training": "n_test_in_passages",
}
"""Where a text of a task may be a second time, and the field of `compute.encoder_facts.TaskFacts` that counts it."""


@dataclass(frozen=True)
class Accuracies:
    """Test accuracies of an arm's complete runs."""

    label: str
    by_seed: Mapping[int, float]
    """Shares between 0 and 1."""
    records: tuple[Record, ...]
    """The runs that have them."""
    n_asked: int
    n_failed: int
    n_infeasible: int
    """Those whose pre-training failed among them."""
    missing: str
    """Why nothing may be judged yet; empty where it may."""

    @property
    def estimate(self) -> Estimate | None:
        """Mean over seeds with its 95 % interval; None without a run."""
        return estimate(list(self.by_seed.values())) if self.by_seed else None

    @property
    def pretraining_flops(self) -> float | None:
        """Matmul FLOPs behind a run's first weights, mean; None where a run began with random ones."""
        spent = [each.started_from.train_flops.get("matmul") for each in self.records if each.started_from]
        known = [flops for flops in spent if flops is not None]
        return statistics.fmean(known) if known and len(known) == len(self.records) else None

    @property
    def steps(self) -> tuple[int, ...]:
        """Steps of fine-tuning that its runs took, each number once."""
        return tuple(sorted({each.steps for each in self.records if each.steps is not None}))

    @property
    def epochs(self) -> float | None:
        """Passes of fine-tuning over the labelled examples, mean; None where no run says."""
        known = [each.epochs for each in self.records if each.epochs is not None]
        return statistics.fmean(known) if known else None

    @property
    def train_nll(self) -> float | None:
        """Nats per example at the end of fine-tuning, mean: near ln of the labels, a run has hardly learnt."""
        known = [each.train_nll for each in self.records if each.train_nll is not None]
        return statistics.fmean(known) if known else None

    @property
    def one_example(self) -> float:
        """Share of the test examples that one is; 0 without a run."""
        return max((1 / each.test_scores.n for each in self.records if each.test_scores), default=0.0)

    def overlap(self, measure_name: str) -> float | None:
        """Overlap of the task's tokens with the pre-training passages; None where no run says.

        Args:
            measure_name: a field of `compute.encoder_facts.TokenOverlap`.
        """
        known = {each.provenance.corpus.get("overlap", {}).get(measure_name) for each in self.records}
        return next(iter(known)) if len(known) == 1 else None


def accuracies(arm: Arm, sweeps: Mapping[str, SweepResults]) -> Accuracies:
    """What an arm's runs say, as far as there are any.

    Raises:
        InputError: when two runs of one seed answer to the arm.
    """
    measured = measure(arm, sweeps)
    scored = [record for record in measured.records if record.test_scores is not None]
    by_seed = {each.seed: each.test_scores.accuracy for each in scored if each.test_scores is not None}
    missing = measured.missing or measured.unfinished
    if not missing and not by_seed:
        missing = f"no run of {arm.sweep} has test scores for {arm.label}"
    lost = measured.n_failed, measured.n_infeasible
    return Accuracies(arm.label, by_seed, tuple(scored), measured.n_asked, *lost, missing)


def shared_texts(task: Task, sweeps: Mapping[str, SweepResults]) -> dict[str, int | None]:
    """How many texts of a task are also elsewhere, by where; None where the records do not say.

    Those in passages are counted in the text of the longest pre-training.

    Raises:
        InputError: when two runs of one seed answer to an arm.
    """
    facts = [each.provenance.corpus for each in accuracies(deep(task), sweeps).records]
    return {words: facts[0].get(name) if facts else None for words, name in SHARED_TEXTS.items()}


def slopes(by_size: Mapping[int, Mapping[int, float]]) -> dict[int, float]:
    """Least-squares slope over log2 of the size, by seed that every size has: per doubling.

    >>> slopes({1: {0: 0.5}, 4: {0: 0.7}, 16: {0: 0.9}})
    {0: 0.1}
    """
    common = set.intersection(*(set(each) for each in by_size.values()))
    xs = [math.log2(size) for size in by_size]
    return {seed: round(_slope(xs, [each[seed] for each in by_size.values()]), 12) for seed in sorted(common)}


def _slope(xs: list[float], ys: list[float]) -> float:
    return statistics.linear_regression(xs, ys).slope
