"""How a position enters a model without being learned: rotation of queries and keys, or fixed sinusoids.

Only tables and their use; whether a model has them is for the model to say.
"""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

BASE = 10_000.0
"""Wavelengths run from 2π to 2π · BASE tokens, in both methods, as published."""


def rotation_table(context: int, head_width: int) -> Float[Tensor, "2 t half"]:
    """Cosine and sine of each position's angles: RoPE (Su et al. 2021, arXiv 2104.09864).

    Args:
        context: number of positions.
        head_width: size of a query or key vector; even.
    """
    half = head_width // 2
    rates = BASE ** -(torch.arange(half) / half)
    angles = torch.arange(context)[:, None] * rates
    return torch.stack((angles.cos(), angles.sin()))


def rotated(x: Float[Tensor, "*b t d"], table: Float[Tensor, "2 t half"]) -> Float[Tensor, "*b t d"]:
    """Queries or keys turned by their positions' angles: dimension i is paired with i + d/2 (half-split).

    It is computed in the table's float32: bfloat16 has too few digits for an angle.
    """
    cosine, sine = table
    first, second = x.chunk(2, dim=-1)
    return torch.cat((first * cosine - second * sine, first * sine + second * cosine), dim=-1).to(x.dtype)


def sinusoids(context: int, width: int) -> Float[Tensor, "t d"]:
    """Fixed position vectors, sines and cosines interleaved (Vaswani et al. 2017, arXiv 1706.03762, §3.5)."""
    rates = BASE ** -(torch.arange(0, width, 2) / width)
    angles = torch.arange(context)[:, None] * rates
    return torch.stack((angles.sin(), angles.cos()), dim=-1).flatten(1)[:, :width]
