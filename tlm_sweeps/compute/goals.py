"""What a window is scored on, and what that costs: here next-token models and encoders are counted alike."""

from __future__ import annotations

from typing import Literal

from tlm_sweeps.compute import counting, encoder_counting
from tlm_sweeps.compute.counting import Predict, TrainFlops
from tlm_sweeps.compute.encoder_counting import MaskedTokens
from tlm_sweeps.spec.encoders import BertModel
from tlm_sweeps.spec.experiment import ExperimentSpec
from tlm_sweeps.spec.families import ModelSpec
from tlm_sweeps.spec.masking import masked_places
from tlm_sweeps.spec.models import WindowModel

Goal = Predict | MaskedTokens
"""The last position of a window, all of them, or so many masked pieces."""


def goal_of(experiment: ExperimentSpec, score: Literal["last", "all"] | None = None) -> Goal:
    """What a window of an experiment is trained on; with `score`, what it is evaluated on where that differs."""
    predict = score or experiment.training.predict
    if predict == "masked":
        return MaskedTokens(masked_places(experiment.training.masking, experiment.model.context))
    return predict


def targets_per_window(model: WindowModel, goal: Goal) -> int:
    """Predictions that a window is asked for."""
    match goal:
        case MaskedTokens():
            return goal.places
        case "last":
            return 1
        case "all":
            return model.context


def n_params(model: ModelSpec, vocabulary_size: int) -> int:
    """Trainable parameters, of an encoder with the head that predicts pieces."""
    if isinstance(model, BertModel):
        return encoder_counting.n_params(model, vocabulary_size, _ANY_PIECE)
    return counting.n_params(model, vocabulary_size)


def n_params_non_embedding(model: ModelSpec, vocabulary_size: int) -> int:
    """Parameters without the tables that are only looked up in."""
    if isinstance(model, BertModel):
        return encoder_counting.n_params_non_embedding(model, vocabulary_size, _ANY_PIECE)
    return counting.n_params_non_embedding(model, vocabulary_size)


def forward_flops_per_window(model: ModelSpec, vocabulary_size: int, goal: Goal) -> int:
    """Matrix-multiply FLOPs of one window's forward pass."""
    if isinstance(model, BertModel):
        return encoder_counting.forward_flops_per_window(model, vocabulary_size, _masked(goal))
    return counting.forward_flops_per_window(model, vocabulary_size, next_token(goal))


def train_flops_per_window(model: ModelSpec, vocabulary_size: int, goal: Goal) -> TrainFlops:
    """Training FLOPs of one window (forward and backward) in the three accounts."""
    if isinstance(model, BertModel):
        return encoder_counting.train_flops_per_window(model, vocabulary_size, _masked(goal))
    return counting.train_flops_per_window(model, vocabulary_size, next_token(goal))


def next_token(goal: Goal) -> Predict:
    """The goal of a model that predicts what comes next.

    Raises:
        ValueError: it is none; the contradictions of an experiment are found before anything is counted.
    """
    if isinstance(goal, MaskedTokens):
        raise ValueError("a model that predicts the next token has no masked pieces")
    return goal


def _masked(goal: Goal) -> MaskedTokens:
    if not isinstance(goal, MaskedTokens):
        raise ValueError(f"an encoder predicts masked pieces, not `{goal}`")
    return goal


_ANY_PIECE = MaskedTokens(1)
"""The head has as many parameters however many places it is asked about."""
