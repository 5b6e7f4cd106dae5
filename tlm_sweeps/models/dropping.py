"""Dropout, faster on a CPU than torch's own: the kept are chosen by 16 random bits each instead of a float each.

Measured in docs/performance.md. It knows no places; a model says where it drops.
"""

from __future__ import annotations

from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

_LEVELS = 2**16
"""Shares are whole multiples of 1/65,536 on a CPU: 0.1 is 0.100006."""
_DRAWN = torch.int64
"""What the generator makes at a time: four choices."""


def dropped(x: Float[Tensor, "*b d"], share: float) -> Float[Tensor, "*b d"]:
    """Each element 0 with the probability `share`, else divided by what is kept, so that the mean stays.

    Drawn from torch's global generator of the device.
    """
    if share == 0:
        return x
    return _Dropped.apply(x, share) if x.device.type == "cpu" else functional.dropout(x, share)


class Dropout(nn.Module):
    """`dropped` while training, nothing else."""

    def __init__(self, share: float) -> None:
        super().__init__()
        self.share = share

    def forward(self, x: Float[Tensor, "*b d"]) -> Float[Tensor, "*b d"]:
        """What is kept of x."""
        return dropped(x, self.share) if self.training else x


class _Dropped(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, share: float) -> Tensor:
        n_dropped = min(round(share * _LEVELS), _LEVELS - 1)
        drawn = torch.empty(-(-x.numel() // 4), dtype=_DRAWN).random_(torch.iinfo(_DRAWN).min, None)
        choices = drawn.view(torch.int16)[: x.numel()].view(x.shape)
        is_kept = choices >= n_dropped - _LEVELS // 2
        factors = is_kept.to(x.dtype).mul_(_LEVELS / (_LEVELS - n_dropped))
        ctx.save_for_backward(factors)
        return x * factors

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None]:
        (factors,) = ctx.saved_tensors
        return grads[0] * factors, None
