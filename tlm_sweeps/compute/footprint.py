"""What a run asks of the machine: memory, and seconds on one core. Estimates, and named so."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import assert_never

from tlm_sweeps.compute.counting import forward_flops_per_window, n_params
from tlm_sweeps.compute.facts import CorpusFacts
from tlm_sweeps.compute.matching import Matched
from tlm_sweeps.compute.steps import evaluation_steps, evaluation_windows
from tlm_sweeps.spec.experiment import ExperimentSpec
from tlm_sweeps.spec.models import (
    AttentionModel,
    LinearModel,
    MlpModel,
    ModelSpec,
    TransformerModel,
    depth_of,
    ffn_width_of,
    width_of,
)

_FLOAT_BYTES = 4
LOGITS_AT_ONCE = 2**24
"""Most logits of a batch that are held at a time (64 MiB of float32); more are made and used in parts."""
_WORKER_BYTES = 400 * 2**20
"""A worker process with torch loaded and nothing else."""
_COPIES_OF_WEIGHTS = 5
"""Weights, gradients, Adam's two moments, and the best weights so far."""


@dataclass(frozen=True)
class Machine:
    """How fast one core trains: three rates whose costs add up. Defaults: one core of a 2023 server, fp32."""

    flops_per_second: float = 9e10
    """Matrix-multiply FLOP/s."""
    activations_per_second: float = 3.5e8
    """Activations written, read and differentiated a second."""
    params_per_second: float = 4e8
    """Parameters that the optimizer updates a second."""
    seconds_per_step: float = 8e-4
    """What a step costs whatever its size."""
    seconds_per_run: float = 0.4
    """Building the model, the last evaluation's bookkeeping, writing the result."""


def activations_per_window(model: ModelSpec, vocabulary_size: int, predict: str) -> int:
    """Numbers that the forward pass of one window keeps for the backward pass, roughly."""
    width, context = width_of(model), model.context
    match model:
        case LinearModel():
            return context * width + 3 * vocabulary_size
        case MlpModel():
            return context * width + 6 * model.hidden + 3 * vocabulary_size
        case AttentionModel() | TransformerModel():
            scored = context if predict == "all" else 1
            per_position = 12 * width + (4 if model.activation == "swiglu" else 3) * ffn_width_of(model)
            blocks = (depth_of(model) - 1) * context * per_position + scored * per_position + 2 * context * width
            return blocks + 3 * scored * vocabulary_size + 2 * context * width
        case _:
            assert_never(model)


def memory_bytes(experiment: ExperimentSpec, facts: CorpusFacts) -> int:
    """Memory of a worker that trains this experiment, roughly."""
    model, training = experiment.model, experiment.training
    weights = _COPIES_OF_WEIGHTS * n_params(model, facts.vocabulary_size)
    activations = training.batch_size * activations_per_window(model, facts.vocabulary_size, training.predict)
    corpus = 8 * (facts.n_train + facts.n_valid + facts.n_test)
    return _WORKER_BYTES + _FLOAT_BYTES * (weights + activations) + corpus


def evaluation_flops(experiment: ExperimentSpec, facts: CorpusFacts, evaluations: int) -> int:
    """Matrix-multiply FLOPs of so many evaluations on the valid split and one on the test split."""
    valid = evaluation_windows(experiment, facts.n_valid)
    test = evaluation_windows(experiment, facts.n_test)
    window = forward_flops_per_window(experiment.model, facts.vocabulary_size, valid.score)
    return window * (evaluations * valid.count + test.count)


def predicted_seconds(facts: CorpusFacts, matched: Matched, machine: Machine) -> float:
    """Seconds that a run takes on one core, evaluations included."""
    experiment, steps = matched.experiment, matched.steps
    model, predict = experiment.model, experiment.training.predict
    evaluations = len(evaluation_steps(experiment, steps))
    flops = matched.train_flops.matmul + evaluation_flops(experiment, facts, evaluations)
    windows = steps.windows_after(steps.total)
    activations = windows * activations_per_window(model, facts.vocabulary_size, predict)
    return (
        machine.seconds_per_run
        + steps.total * machine.seconds_per_step
        + flops / machine.flops_per_second
        + activations / machine.activations_per_second
        + steps.total * n_params(model, facts.vocabulary_size) / machine.params_per_second
    )


def cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
