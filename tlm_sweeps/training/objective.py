"""What a step of a run minimises: the next token's NLL, or that of masked pieces."""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor

from tlm_sweeps.compute.goals import goal_of, next_token
from tlm_sweeps.models.encoder_heads import MaskedLanguageModel
from tlm_sweeps.models.language_model import LanguageModel
from tlm_sweeps.training.loss import masked_nll, mean_nll
from tlm_sweeps.training.passages import TrainingPassages
from tlm_sweeps.training.state import RunState


def loss_of_step(state: RunState) -> Float[Tensor, ""]:
    """Nats per target of the batch whose turn it is, with gradients."""
    if isinstance(state.windows, TrainingPassages):
        assert isinstance(state.module, MaskedLanguageModel)  # a run's windows and its module are of one experiment
        return masked_nll(state.module, state.windows.batch(state.step))
    assert isinstance(state.module, LanguageModel)  # the same
    inputs, targets = state.windows.batch(state.step)
    return mean_nll(state.module, inputs, targets, next_token(goal_of(state.job.experiment)))
