"""Windows, steps and epochs of a run: how they follow from each other.

An epoch is a number of windows; its last batch is smaller when the batch size does not divide it, as in the study.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from tlm_sweeps.compute.encoder_counting import Labels, MaskedTokens
from tlm_sweeps.compute.encoder_facts import PassageFacts, TaskFacts
from tlm_sweeps.compute.facts import TextFacts
from tlm_sweeps.compute.goals import Goal, goal_of
from tlm_sweeps.spec.experiment import ExperimentSpec


@dataclass(frozen=True)
class Steps:
    """The course of a run in optimizer steps.

    >>> steps = Steps(batch_size=64, windows_per_epoch=100, total=3)
    >>> [steps.windows_after(step) for step in range(4)]
    [0, 64, 100, 164]
    """

    batch_size: int
    windows_per_epoch: int
    total: int
    """Optimizer steps of the whole run."""

    @property
    def per_epoch(self) -> int:
        """Steps of one whole epoch."""
        return -(-self.windows_per_epoch // self.batch_size)

    def windows_after(self, step: int) -> int:
        """Windows trained on in the first `step` steps."""
        epochs, rest = divmod(step, self.per_epoch)
        return epochs * self.windows_per_epoch + rest * self.batch_size

    def epochs_after(self, step: int) -> float:
        """Epochs trained in the first `step` steps."""
        return self.windows_after(step) / self.windows_per_epoch

    def within(self, windows: int) -> int:
        """Most steps that together train on at most `windows` windows: the inverse of `windows_after`."""
        epochs, rest = divmod(windows, self.windows_per_epoch)
        return epochs * self.per_epoch + rest // self.batch_size


def windows_per_epoch(experiment: ExperimentSpec, facts: TextFacts) -> int:
    """Windows that count as one epoch; 0 when the train split is too short for one.

    With replacement: as the spec says, by default one pass of positions. Shuffled: the disjoint windows that fit
    whatever the offset (0 ≤ offset < context) at which the pass begins. Passages and examples: all of them, once.
    """
    if isinstance(facts, PassageFacts | TaskFacts):
        return facts.n_train
    training, context = experiment.training, experiment.model.context
    if training.windows == "shuffled":
        return max(0, (facts.n_train - 1) // context - 1)
    return training.windows_per_epoch or (facts.n_train // context if facts.n_train > context else 0)


def evaluation_steps(experiment: ExperimentSpec, steps: Steps) -> tuple[int, ...]:
    """After how many steps a run is evaluated: evenly by the spec's share, or after each epoch; always at the end.

    A share of less than one step means every step.
    """
    every = experiment.evaluation.every
    if every == "epoch":
        return (*range(steps.per_epoch, steps.total, steps.per_epoch), steps.total)
    if every * steps.total <= 1:
        return tuple(range(1, steps.total + 1))
    shares = range(1, math.ceil(1 / every))
    return tuple(sorted({min(round(share * every * steps.total), steps.total) for share in shares} | {steps.total}))


@dataclass(frozen=True)
class EvaluationWindows:
    """Which windows of a split are scored: `count` of them, `stride` tokens (or passages, or examples) apart."""

    count: int
    stride: int
    score: Goal


def evaluation_windows(experiment: ExperimentSpec, facts: TextFacts | None, n_tokens: int) -> EvaluationWindows:
    """The windows on which a split is scored; `count` is 0 when it is too short for one.

    Args:
        experiment: which windows, and what they are scored on.
        facts: as `goal_of` takes them.
        n_tokens: of the split; its passages, where pieces are masked, or its examples.
    """
    evaluation, context = experiment.evaluation, experiment.model.context
    score = goal_of(experiment, facts, evaluation.score)
    if isinstance(score, MaskedTokens | Labels):
        return EvaluationWindows(min(n_tokens, evaluation.windows or n_tokens), 1, score)
    stride = evaluation.stride or (1 if score == "last" else context)
    whole = max(0, (n_tokens - context - 1) // stride + 1)
    return EvaluationWindows(min(whole, evaluation.windows or whole), stride, score)
