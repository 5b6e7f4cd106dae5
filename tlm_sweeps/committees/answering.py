"""Members that answer: their modules from the files that runs left, and one call from tokens to mean logits."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch
from jaxtyping import Float, Int
from safetensors import SafetensorError
from safetensors.torch import load
from torch import Tensor

from tlm_sweeps.committees.predictions import MODEL, WEIGHTS, read_description
from tlm_sweeps.errors import InputError
from tlm_sweeps.models.encoder_heads import Classifier
from tlm_sweeps.models.layers import Precision
from tlm_sweeps.training.seeding import first_weights
from tlm_sweeps.training.state import set_weights


def classifier_of(folder: Path) -> Classifier:
    """The module that a run ended with, ready to answer.

    Args:
        folder: of the run.

    Raises:
        InputError: a file is missing or damaged, or the weights are those of another shape.
    """
    model, experiment, task = read_description(folder / MODEL)
    precision: Precision = "bf16" if experiment.training.precision == "bf16" else "fp32"
    with first_weights(0):  # drawn apart from everybody's generator, and overwritten at once
        module = Classifier(model, task.vocabulary_size, len(task.labels), precision)
    path = folder / WEIGHTS
    hint = "leave this run out, or train it again in another runs folder"
    try:
        set_weights(module, load(path.read_bytes()))
    except OSError as error:
        message = f"{path.name} of the run cannot be read: {error.strerror}"
        raise InputError(message, place=str(path), hint=hint) from error
    except (SafetensorError, ValueError, RuntimeError) as error:
        said = str(error).partition("\n")[0]
        message = f"{path.name} of the run is damaged or of another model: {said}"
        raise InputError(message, place=str(path), hint=hint) from error
    return module.eval()


@torch.inference_mode()
def summed_logits(modules: Sequence[Classifier], tokens: Int[Tensor, "b t"]) -> Float[Tensor, "b n"]:
    """The members' logits, one after the other, added up; the largest is what their mean logit tells.

    Args:
        modules: at least one.
        tokens: of windows without padding, which would cost the same.
    """
    is_real = torch.ones_like(tokens, dtype=torch.bool)
    first, *others = modules
    total = first.labels(tokens, is_real).float()
    for module in others:
        total += module.labels(tokens, is_real).float()
    return total
