"""The convolutional front end of the shallow encoders of *Tiny language models* (arXiv 2507.14871).

It sees a window as an image, tokens × hidden, with its padding; it knows no tokens and no attention.
"""

from __future__ import annotations

from itertools import pairwise

from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from tlm_sweeps.spec.encoders import ConvolutionSpec


class ConvolutionalFront(nn.Module):
    """Convolutions of equal channels, then a 1 × 1 to one channel; each with batch norm and GELU. No residual.

    Weights begin as PyTorch makes them: batch norm takes their scale away. Batch norm counts padding like any other
    place, so windows must be padded alike in training and evaluation, and it keeps running statistics, which are no
    parameters but decide what the module computes in evaluation: whoever keeps its weights must keep its buffers.
    """

    def __init__(self, convolution: ConvolutionSpec) -> None:
        super().__init__()
        channels = (1, *(convolution.layers * (convolution.channels,)))
        stages = [_Stage(before, after, convolution.kernel) for before, after in pairwise(channels)]
        self.stages = nn.Sequential(*stages, _Stage(convolution.channels, 1, (1, 1)))

    def forward(self, x: Float[Tensor, "b t d"]) -> Float[Tensor, "b t d"]:
        """The window's image after all stages, as large as before."""
        return self.stages(x[:, None])[:, 0]


class _Stage(nn.Module):
    """Convolution → batch norm → GELU, on an image that keeps its size."""

    def __init__(self, before: int, after: int, kernel: tuple[int, int]) -> None:
        super().__init__()
        self.convolution = _SameConvolution(before, after, kernel)
        self.norm = nn.BatchNorm2d(after)  # its statistics are float32 whatever its input is

    def forward(self, x: Float[Tensor, "b c t d"]) -> Float[Tensor, "b e t d"]:
        return functional.gelu(self.norm(self.convolution(x)))


class _SameConvolution(nn.Conv2d):
    """`nn.Conv2d` in the type of its input, between as many zeros as keep the image's size.

    As torch's `padding="same"`, which warns of even kernels: these get one more row or column of zeros at the end.
    """

    def __init__(self, before: int, after: int, kernel: tuple[int, int]) -> None:
        along_tokens, along_hidden = kernel
        super().__init__(before, after, kernel, padding=((along_tokens - 1) // 2, (along_hidden - 1) // 2))
        self.at_the_end = (0, 1 - along_hidden % 2, 0, 1 - along_tokens % 2)

    def forward(self, input: Float[Tensor, "b c t d"]) -> Float[Tensor, "b e t d"]:  # noqa: A002 - its name in torch
        bias = None if self.bias is None else self.bias.to(input.dtype)
        image = functional.pad(input, self.at_the_end) if any(self.at_the_end) else input
        return self._conv_forward(image, self.weight.to(input.dtype), bias)
