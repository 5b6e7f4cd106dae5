"""Next tokens drawn one after the other from what a language model says of a window. It knows no texts and no runs."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from tlm_sweeps.errors import InputError
from tlm_sweeps.models.language_model import LanguageModel


@dataclass(frozen=True)
class Drawing:
    """How next tokens are chosen."""

    tokens: int = 200
    """How many follow."""
    temperature: float = 1.0
    """What logits are divided by; 0 always takes the likeliest token."""
    top_k: int | None = None
    """Only so many of the likeliest tokens are drawn from; all when left out."""
    seed: int = 0

    def __post_init__(self) -> None:
        if not (math.isfinite(self.temperature) and self.temperature >= 0):
            hint = "write a number from 0 (always the likeliest) on; 1 draws as the model says"
            raise InputError(f"{self.temperature} is no temperature", place="--temperature", hint=hint)


@torch.inference_mode()
def continued(
    module: LanguageModel, start: Int[Tensor, "b t"], context: int, drawing: Drawing
) -> Int[Tensor, "b tokens"]:
    """What follows each row of tokens.

    Every token is drawn by what the model says at the end of the last `context` tokens before it, which are placed
    from 0 on, as the windows of training are.

    Args:
        module: in evaluation mode, on the CPU.
        start: at least one token a row; `context` of them for a model that has seen full windows only.
        context: most tokens that the model sees.
        drawing: how to choose; rows draw from one stream.
    """
    stream = torch.Generator().manual_seed(drawing.seed)
    tokens = start
    for _ in range(drawing.tokens):
        logits = module(tokens[:, -context:], "last").float()
        tokens = torch.cat((tokens, drawn(logits, drawing, stream)[:, None]), dim=1)
    return tokens[:, start.shape[1] :]


def drawn(logits: Float[Tensor, "b v"], drawing: Drawing, stream: torch.Generator) -> Int[Tensor, " b"]:
    """One token for each row of logits; of equally likely ones at temperature 0 the first."""
    if drawing.temperature == 0:
        return logits.argmax(1)
    # From the largest down: at a low temperature the others underflow to 0, and nothing overflows.
    scaled = (logits - logits.amax(1, keepdim=True)).double() / drawing.temperature
    if drawing.top_k is not None and drawing.top_k < logits.shape[1]:
        kept, places = scaled.topk(drawing.top_k)
        chosen = torch.multinomial(kept.softmax(1), 1, generator=stream)
        return places.gather(1, chosen)[:, 0]
    return torch.multinomial(scaled.softmax(1), 1, generator=stream)[:, 0]
