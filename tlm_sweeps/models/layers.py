"""Layers that compute in the type of what they are given, from weights that stay float32.

So one cast, after the embedding, decides the precision of a whole model: in bfloat16 each weight is cast once a step,
where it is used, and its gradient comes back as float32. In float32 the casts do nothing and cost nothing.
"""

from __future__ import annotations

from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

Precision = Literal["fp32", "bf16"]
"""What a model computes in."""


class Dense(nn.Linear):
    """`nn.Linear`, in the type of its input."""

    def forward(self, input: Float[Tensor, "*b i"]) -> Float[Tensor, "*b o"]:  # noqa: A002 - its name in torch
        """Input times Wᵀ, plus b."""
        return dense(input, self.weight, self.bias)


class LayerNorm(nn.LayerNorm):
    """`nn.LayerNorm` in the type of its input; mean and variance are taken in float32 whatever that is."""

    def forward(self, input: Float[Tensor, "*b d"]) -> Float[Tensor, "*b d"]:  # noqa: A002 - its name in torch
        """Normalised over the last dimension."""
        bias = None if self.bias is None else self.bias.to(input.dtype)
        return functional.layer_norm(input, self.normalized_shape, self.weight.to(input.dtype), bias, self.eps)


class RMSNorm(nn.RMSNorm):
    """`nn.RMSNorm` in the type of its input."""

    def forward(self, x: Float[Tensor, "*b d"]) -> Float[Tensor, "*b d"]:
        """Divided by the root mean square over the last dimension."""
        return functional.rms_norm(x, self.normalized_shape, self.weight.to(x.dtype), self.eps)


def dense(x: Float[Tensor, "*b i"], weight: Float[Tensor, "o i"], bias: Float[Tensor, " o"] | None) -> Tensor:
    """A linear layer from its weights, in the type of its input: (*b, o)."""
    return functional.linear(x, weight.to(x.dtype), None if bias is None else bias.to(x.dtype))


def lowered(x: Float[Tensor, "*b d"], precision: Precision) -> Float[Tensor, "*b d"]:
    """Activations in the type that the rest of the model computes in.

    A table's rows are looked up and added up before this, in float32: the gradient of a frequent token is a sum of
    thousands of terms, which bfloat16 would lose.
    """
    return x.to(torch.bfloat16) if precision == "bf16" else x
