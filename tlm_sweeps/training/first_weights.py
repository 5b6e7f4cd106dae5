"""A run that begins with an encoder that another run has trained; whatever stands on it stays as the seed drew it."""

from __future__ import annotations

import hashlib

import torch
from safetensors import SafetensorError
from safetensors.torch import load as tensors_from_bytes
from torch import Tensor

from tlm_sweeps.errors import RunError
from tlm_sweeps.models.encoder import Encoder
from tlm_sweeps.training.job import FirstWeights
from tlm_sweeps.training.state import RunState, live_weights, set_weights

ENCODER = "encoder."
"""What the names of an encoder's weights begin with, in every model that has one."""


class UnusableWeights(RunError):
    """Weights to begin with that are gone, damaged, others than were named, or of another shape."""


def begin_with(state: RunState, weights: FirstWeights) -> None:
    """Put an encoder's parameters and running statistics in the place of those that were drawn.

    Args:
        state: before its first step.
        weights: a file by parameter name, as `checkpoint.save_model` writes it.

    Raises:
        UnusableWeights: the file is gone, or not the one that was named, or of another shape.
    """
    encoder = state.module.get_submodule(ENCODER.removesuffix("."))
    if not isinstance(encoder, Encoder):
        raise TypeError(f"no encoder: {type(encoder).__name__}")
    found = {
        name.removeprefix(ENCODER): each.to(state.device)
        for name, each in _verified(weights).items()
        if name.startswith(ENCODER)
    }
    if _shapes(found) != _shapes(live_weights(encoder)):
        hint = "start from a run whose `model` is this one's"
        raise UnusableWeights(
            "the weights are not those of an encoder of this shape", place=str(weights.path), hint=hint
        )
    set_weights(encoder, found)


def _verified(weights: FirstWeights) -> dict[str, Tensor]:
    place = str(weights.path)
    try:
        content = weights.path.read_bytes()
    except OSError as error:
        raise UnusableWeights(f"the weights to start from cannot be read: {error.strerror}", place=place) from error
    sha256 = hashlib.sha256(content).hexdigest()
    if sha256 != weights.sha256:
        message = f"the weights to start from have changed: their sha256 is {sha256[:12]}…, not {weights.sha256[:12]}…"
        raise UnusableWeights(message, place=place, hint="put the file back, or start a sweep of another name from it")
    try:
        return tensors_from_bytes(content)
    except SafetensorError as error:
        raise UnusableWeights(f"the weights to start from are damaged: {error}", place=place) from error


def _shapes(weights: dict[str, Tensor]) -> dict[str, torch.Size]:
    return {name: each.shape for name, each in weights.items()}
