"""Memory of the worker that trains a run: an estimate from the spec, fitted to what real workers took.

How close it is: docs/decisions/0008-workers.md, and a test that asks workers.
"""

from __future__ import annotations

from typing import assert_never

from tlm_sweeps.compute.encoder_facts import PassageFacts, TaskFacts
from tlm_sweeps.compute.encoder_likeness import image_channels, like
from tlm_sweeps.compute.facts import TextFacts
from tlm_sweeps.compute.goals import goal_of, n_params, outcomes_of, targets_per_window
from tlm_sweeps.spec.encoders import BertModel
from tlm_sweeps.spec.experiment import ExperimentSpec
from tlm_sweeps.spec.models import (
    AttentionModel,
    BlockModel,
    LinearModel,
    MlpModel,
    TransformerModel,
    depth_of,
    ffn_width_of,
    width_of,
)

LOGITS_AT_ONCE = 2**24
"""Most logits of a batch that are held at a time (64 MiB of float32); more are made and used in parts."""
WORKER_BYTES = 210 * 2**20
"""A worker with torch loaded and a model of no size."""
SHARED_BYTES = 170 * 2**20
"""Of it, what all workers of a machine hold together: code, and what was imported before they were forked."""

_FLOAT_BYTES = 4
_COPIES_WHILE_TRAINING = 5
"""Weights, gradients, Adam's two moments, and the best weights so far."""
_COPIES_AT_THE_END = 7
"""Besides, the last weights and those that are being written."""
_LOGITS_KEPT = 4
"""Logits, their log-softmax, and the gradients of both."""


def memory_bytes(experiment: ExperimentSpec, facts: TextFacts) -> int:
    """Most memory that a worker holds while it trains this experiment, in bytes.

    Resident memory, with what workers share. Of one run: a stack on a GPU is not meant.
    """
    weights = n_params(experiment.model, facts.vocabulary_size, goal_of(experiment, facts))
    training = _COPIES_WHILE_TRAINING * weights + _held_between_passes(experiment, facts)
    floats = max(training, _COPIES_AT_THE_END * weights)
    return round(WORKER_BYTES + _FLOAT_BYTES * floats + _corpus_bytes(facts))


def _held_between_passes(experiment: ExperimentSpec, facts: TextFacts) -> float:
    """float32 numbers of a batch that the forward pass keeps for the backward pass, and that pass's own."""
    model, batch, vocabulary_size = experiment.model, experiment.training.batch_size, facts.vocabulary_size
    positions = batch * model.context
    match model:
        case LinearModel():
            return 3.5 * positions * width_of(model) + _logits(batch, vocabulary_size)
        case MlpModel():
            return 2 * positions * width_of(model) + 6 * batch * model.hidden + _logits(batch, vocabulary_size)
        case AttentionModel() | TransformerModel():
            is_last = experiment.training.predict == "last"
            share = 0.5 if experiment.training.precision == "bf16" else 1.0
            blocks = (depth_of(model) - is_last) * share * _block(model) + 2 * is_last * share * width_of(model)
            ends = share * (14 * width_of(model) + 1.5 * ffn_width_of(model))
            mixing = (depth_of(model) - is_last) * _attention_weights(experiment, model)
            scored = batch if is_last else positions
            return positions * (blocks + ends + mixing) + _logits(scored, vocabulary_size)
        case BertModel():
            return _held_by_encoder(experiment, model, facts)
        case _:
            assert_never(model)


def _held_by_encoder(experiment: ExperimentSpec, model: BertModel, facts: TextFacts) -> float:
    """As a transformer's that predicts last positions; each image of a convolution is held four times.

    A guess: no worker's memory was fitted yet.
    """
    batch, width, alike = experiment.training.batch_size, width_of(model), like(model)
    share = 0.5 if experiment.training.precision == "bf16" else 1.0
    blocks = model.depth * share * _block(alike) + model.depth * _attention_weights(experiment, alike)
    ends = share * (14 * width + 4 * width * image_channels(model))
    goal = goal_of(experiment, facts)
    logits = _logits(batch * targets_per_window(model, goal), outcomes_of(goal, facts.vocabulary_size))
    return batch * model.context * (blocks + ends) + logits


def _block(model: BlockModel) -> float:
    """Numbers a position that a block keeps."""
    width, dropped = width_of(model), model.dropout_at if model.dropout > 0 else ()
    masks = 2 * width * (("residual" in dropped) + ("ffn" in dropped))
    return 9.5 * width + (4 if model.activation == "swiglu" else 2) * ffn_width_of(model) + masks


def _attention_weights(experiment: ExperimentSpec, model: BlockModel) -> float:
    """float32 numbers a position of a block's scores and softmax, where no kernel avoids holding them."""
    scores = model.heads * model.context
    if model.dropout > 0 and "attention" in model.dropout_at:
        return 5 * scores
    if experiment.training.precision == "bf16":
        return 1.1 * model.heads * (model.context + 64) / 2  # keys beyond a group of queries are left out
    return 0


def _logits(rows: int, vocabulary_size: int) -> int:
    """A large vocabulary's are made a quarter of `LOGITS_AT_ONCE` at a time (`training.loss`)."""
    whole = rows * vocabulary_size
    return _LOGITS_KEPT * (whole if whole <= LOGITS_AT_ONCE else LOGITS_AT_ONCE // 4)


def _corpus_bytes(facts: TextFacts) -> int:
    """Token ids in the cache's smallest type: pages of files, which all workers share."""
    size = 1 if facts.vocabulary_size <= 2**8 else 2 if facts.vocabulary_size <= 2**16 else 4
    length = facts.length if isinstance(facts, PassageFacts | TaskFacts) else 1
    return size * length * (facts.n_train + facts.n_valid + facts.n_test)
