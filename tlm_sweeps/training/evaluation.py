"""Mean NLL of a model over windows or examples of a split. It changes nothing and charges nothing to the budget."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import torch
from jaxtyping import Float, Integer
from torch import Tensor
from torch.nn import functional

from tlm_sweeps.compute.goals import next_token, targets_per_window
from tlm_sweeps.compute.steps import EvaluationWindows, evaluation_windows
from tlm_sweeps.errors import InputError
from tlm_sweeps.models.build import TrainableModel
from tlm_sweeps.models.encoder_heads import Classifier, MaskedLanguageModel
from tlm_sweeps.models.language_model import LanguageModel
from tlm_sweeps.spec.experiment import ExperimentSpec
from tlm_sweeps.training.examples import Examples
from tlm_sweeps.training.loss import masked_nll, mean_nll
from tlm_sweeps.training.masking import MaskedWindows

Split = Integer[Tensor, " n"] | MaskedWindows | Examples
"""What a run is judged on: tokens in a row, masked passages, or labelled examples."""


@dataclass(frozen=True)
class Evaluation:
    """What an evaluation found."""

    nll: float
    """Nats per target."""
    windows: int
    targets: int
    accuracy: float | None = None
    """Share of the examples whose label has the largest logit; None where no labels are told apart."""
    logits: Float[Tensor, "n labels"] | None = field(default=None, compare=False)
    """float32, of every example in the order of the split; None likewise."""


def evaluate(module: TrainableModel, split: Split, experiment: ExperimentSpec) -> Evaluation:
    """NLL over what the experiment scores: so many windows or passages from the split's beginning, or all examples.

    Args:
        module: in either mode, to which it returns.
        split: on the module's device.
        experiment: says which windows, which of their positions, and whether the mean is over targets or over
            batches (the study's: the last batch, though smaller, counts as much as the others).

    Raises:
        InputError: the split is shorter than one window.
    """
    if isinstance(split, MaskedWindows):
        assert isinstance(module, MaskedLanguageModel)  # a run's text and its module are of one experiment
        return _evaluate_masked(module, split, experiment)
    if isinstance(split, Examples):
        assert isinstance(module, Classifier)  # the same
        return _evaluate_labels(module, split, experiment)
    assert isinstance(module, LanguageModel)  # the same
    return _evaluate_tokens(module, split, experiment)


def _evaluate_tokens(module: LanguageModel, tokens: Integer[Tensor, " n"], experiment: ExperimentSpec) -> Evaluation:
    windows = scored_windows(experiment, tokens)
    was_training = module.training
    module.eval()

    goal = next_token(windows.score)

    def nll_of(inputs: Tensor, targets: Tensor) -> Tensor:
        return mean_nll(module, inputs, targets, goal)

    nll = mean_over_windows(nll_of, tokens, windows, experiment).item()
    module.train(was_training)
    return Evaluation(nll, windows.count, windows.count * targets_per_window(experiment.model, goal))


@torch.inference_mode()
def _evaluate_masked(module: MaskedLanguageModel, windows: MaskedWindows, experiment: ExperimentSpec) -> Evaluation:
    was_training = module.training
    module.eval()
    batch_size = experiment.evaluation.batch_size or experiment.training.batch_size
    total, weight = torch.zeros((), dtype=torch.float64, device=windows.weights.device), 0.0
    for first in range(0, len(windows), batch_size):
        batch = windows.part(first, first + batch_size)
        batch_weight = 1.0 if experiment.evaluation.average == "batches" else batch.weights.sum().item()
        total = total + batch_weight * masked_nll(module, batch)
        weight += batch_weight
    module.train(was_training)
    return Evaluation((total / weight).item(), len(windows), int(windows.weights.sum()))


@torch.inference_mode()
def _evaluate_labels(module: Classifier, examples: Examples, experiment: ExperimentSpec) -> Evaluation:
    was_training = module.training
    module.eval()
    batch_size = experiment.evaluation.batch_size or experiment.training.batch_size
    batches = [examples.part(first, first + batch_size) for first in range(0, len(examples), batch_size)]
    logits = torch.cat([module(each.inputs, each.is_real).float() for each in batches])
    module.train(was_training)
    nlls = functional.cross_entropy(logits.double(), examples.labels, reduction="none")
    by_batch = torch.stack([each.mean() for each in nlls.split(batch_size)])
    nll = by_batch.mean() if experiment.evaluation.average == "batches" else nlls.mean()
    accuracy = (logits.argmax(1) == examples.labels).double().mean()
    return Evaluation(nll.item(), len(examples), len(examples), accuracy.item(), logits)


def scored_windows(experiment: ExperimentSpec, tokens: Integer[Tensor, " n"]) -> EvaluationWindows:
    """Which windows of a split the experiment scores: at least one.

    Raises:
        InputError: the split is shorter than one window.
    """
    windows, context = evaluation_windows(experiment, None, tokens.shape[0]), experiment.model.context
    if windows.count == 0:
        raise InputError(
            f"a split of {tokens.shape[0]} tokens is too short to evaluate on: one window needs {context + 1}",
            place="model.context",
            hint=f"use a context below {tokens.shape[0]}, or a longer text",
        )
    return windows


@torch.inference_mode()
def mean_over_windows(
    nll_of: Callable[[Tensor, Tensor], Tensor],
    tokens: Integer[Tensor, " n"],
    windows: EvaluationWindows,
    experiment: ExperimentSpec,
) -> Float[Tensor, "*k"]:
    """The mean, in float64, of what `nll_of` says of each batch of inputs and targets: for a model, or for several."""
    rows = tokens.unfold(0, experiment.model.context + 1, windows.stride)
    batch_size = experiment.evaluation.batch_size or experiment.training.batch_size
    total, weight = torch.zeros((), dtype=torch.float64, device=rows.device), 0
    for first in range(0, windows.count, batch_size):
        batch = rows[first : min(first + batch_size, windows.count)].long()
        targets = batch[:, -1:] if windows.score == "last" else batch[:, 1:]
        batch_weight = 1 if experiment.evaluation.average == "batches" else len(batch)
        total = total + batch_weight * nll_of(batch[:, :-1], targets)
        weight += batch_weight
    return total / weight
