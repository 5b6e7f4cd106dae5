"""What a step of a run minimises: the next token's NLL, that of masked pieces, or that of labels."""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor

from tlm_sweeps.compute.goals import next_token
from tlm_sweeps.models.encoder_heads import Classifier, MaskedLanguageModel
from tlm_sweeps.models.language_model import LanguageModel
from tlm_sweeps.training.examples import TrainingExamples
from tlm_sweeps.training.loss import label_nll, masked_nll, mean_nll
from tlm_sweeps.training.passages import TrainingPassages
from tlm_sweeps.training.state import RunState


def loss_of_step(state: RunState) -> Float[Tensor, ""]:
    """Nats per target of the batch whose turn it is, with gradients."""
    module, windows = state.module, state.windows  # of one experiment, so of one kind
    if isinstance(windows, TrainingPassages):
        assert isinstance(module, MaskedLanguageModel)
        return masked_nll(module, windows.batch(state.step))
    if isinstance(windows, TrainingExamples):
        assert isinstance(module, Classifier)
        return label_nll(module, windows.batch(state.step))
    assert isinstance(module, LanguageModel)
    inputs, targets = windows.batch(state.step)
    return mean_nll(module, inputs, targets, next_token(state.goal))
