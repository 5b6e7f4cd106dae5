"""What a window is scored on, and what that costs: here next-token models and encoders are counted alike."""

from __future__ import annotations

from typing import Literal

from tlm_sweeps.compute import counting, encoder_counting
from tlm_sweeps.compute.counting import Predict, TrainFlops
from tlm_sweeps.compute.encoder_counting import Labels, MaskedTokens, Task
from tlm_sweeps.compute.encoder_facts import TaskFacts
from tlm_sweeps.compute.facts import TextFacts
from tlm_sweeps.spec.encoders import BertModel
from tlm_sweeps.spec.experiment import ExperimentSpec
from tlm_sweeps.spec.families import ModelSpec
from tlm_sweeps.spec.masking import masked_places
from tlm_sweeps.spec.models import WindowModel

Goal = Predict | MaskedTokens | Labels
"""The last position of a window, all of them, so many masked pieces, or one of so many labels."""


def goal_of(experiment: ExperimentSpec, facts: TextFacts | None, score: Literal["last", "all"] | None = None) -> Goal:
    """What a window of an experiment is trained on.

    Args:
        experiment: free of contradictions.
        facts: of what it reads, which know how many labels there are; None will do where there are none.
        score: what it is evaluated on, where that differs.
    """
    if isinstance(facts, TaskFacts):
        return Labels(len(facts.labels))
    predict = score or experiment.training.predict
    if predict == "masked":
        return MaskedTokens(masked_places(experiment.training.masking, experiment.model.context))
    if predict == "label":
        raise ValueError("how many labels there are is known of the task, which is not given")
    return predict


def targets_per_window(model: WindowModel, goal: Goal) -> int:
    """Predictions that a window is asked for."""
    match goal:
        case MaskedTokens():
            return goal.places
        case Labels() | "last":
            return 1
        case "all":
            return model.context


def outcomes_of(goal: Goal, vocabulary_size: int) -> int:
    """Logits of a prediction: one for each token or piece, or one for each label."""
    return goal.count if isinstance(goal, Labels) else vocabulary_size


def n_params(model: ModelSpec, vocabulary_size: int, goal: Goal) -> int:
    """Trainable parameters, of an encoder with the head for its goal."""
    if isinstance(model, BertModel):
        return encoder_counting.n_params(model, vocabulary_size, _of_encoder(goal))
    return counting.n_params(model, vocabulary_size)


def n_params_non_embedding(model: ModelSpec, vocabulary_size: int, goal: Goal) -> int:
    """Parameters without the tables that are only looked up in."""
    if isinstance(model, BertModel):
        return encoder_counting.n_params_non_embedding(model, vocabulary_size, _of_encoder(goal))
    return counting.n_params_non_embedding(model, vocabulary_size)


def forward_flops_per_window(model: ModelSpec, vocabulary_size: int, goal: Goal) -> int:
    """Matrix-multiply FLOPs of one window's forward pass."""
    if isinstance(model, BertModel):
        return encoder_counting.forward_flops_per_window(model, vocabulary_size, _of_encoder(goal))
    return counting.forward_flops_per_window(model, vocabulary_size, next_token(goal))


def train_flops_per_window(model: ModelSpec, vocabulary_size: int, goal: Goal) -> TrainFlops:
    """Training FLOPs of one window (forward and backward) in the three accounts."""
    if isinstance(model, BertModel):
        return encoder_counting.train_flops_per_window(model, vocabulary_size, _of_encoder(goal))
    return counting.train_flops_per_window(model, vocabulary_size, next_token(goal))


def next_token(goal: Goal) -> Predict:
    """The goal of a model that predicts what comes next.

    Raises:
        ValueError: it is none; the contradictions of an experiment are found before anything is counted.
    """
    if isinstance(goal, MaskedTokens | Labels):
        raise ValueError("a model that predicts the next token has neither masked pieces nor labels")
    return goal


def _of_encoder(goal: Goal) -> Task:
    if not isinstance(goal, MaskedTokens | Labels):
        raise ValueError(f"an encoder predicts masked pieces or labels, not `{goal}`")
    return goal
