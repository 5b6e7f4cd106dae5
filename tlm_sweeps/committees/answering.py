"""Members that answer: their modules from the files that runs left, and one call from tokens to mean logits."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import assert_never

import torch
from jaxtyping import Float, Int
from safetensors import SafetensorError
from safetensors.torch import load
from torch import Tensor

from tlm_sweeps.committees.document import Blocks
from tlm_sweeps.committees.predictions import MODEL, WEIGHTS, read_description
from tlm_sweeps.errors import InputError
from tlm_sweeps.models.encoder_heads import Classifier
from tlm_sweeps.models.layers import Precision
from tlm_sweeps.runs.file_sums import is_as_written
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
        content = path.read_bytes()
        if not is_as_written(path, content):
            message = f"{path.name} of the run is damaged: its sha256 is another than when it was written"
            raise InputError(message, place=str(path), hint=hint)
        set_weights(module, load(content))
    except OSError as error:
        message = f"{path.name} of the run cannot be read: {error.strerror}"
        raise InputError(message, place=str(path), hint=hint) from error
    except (SafetensorError, ValueError, RuntimeError) as error:
        said = str(error).partition("\n")[0]
        message = f"{path.name} of the run is damaged or of another model: {said}"
        raise InputError(message, place=str(path), hint=hint) from error
    return module.eval()


@torch.inference_mode()
def summed_logits(
    modules: Sequence[Classifier], tokens: Int[Tensor, "b t"], blocks: Blocks = "trimmed"
) -> Float[Tensor, "b n"]:
    """The members' logits, one after the other, added up; the largest is what their mean logit tells.

    Args:
        modules: at least one.
        tokens: of windows without padding, which would cost the same.
        blocks: how much of the last block is computed; the logits are the same.
    """
    first, *others = modules
    total = _logits(first, tokens, blocks)
    for module in others:
        total += _logits(module, tokens, blocks)
    return total


def _logits(module: Classifier, tokens: Int[Tensor, "b t"], blocks: Blocks) -> Float[Tensor, "b n"]:
    is_real = torch.ones_like(tokens, dtype=torch.bool)
    match blocks:
        case "whole":
            return module.labels_by_whole_blocks(tokens, is_real).float()
        case "trimmed":
            return module.labels(tokens, is_real).float()
        case _:
            assert_never(blocks)
