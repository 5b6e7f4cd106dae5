"""BERT-style encoders as data: the shape of *Tiny language models* (arXiv 2507.14871), options and nothing else.

What an encoder is trained to do (predict masked pieces, tell labels apart) is no part of it.
"""

from __future__ import annotations

from typing import Literal

from tlm_sweeps.spec.fields import Count, Part, Positive, Rate
from tlm_sweeps.spec.models import WindowModel, width_of


class ConvolutionSpec(Part):
    """A convolutional front end: between embeddings and blocks a window is a one-channel image, tokens × width."""

    layers: Count = 2
    """Convolutions, each with batch norm and GELU, before the 1 × 1 that brings the channels back to one."""
    kernel: tuple[Count, Count] = (3, 3)
    """Size along the tokens, then along the hidden dimension. An even one reaches one further to the right."""
    channels: Count = 64
    """Output channels of every layer. With the study's 64, two 3 × 3 layers cost as much as four blocks (width 768)."""


class BertModel(WindowModel):
    """A bidirectional post-norm encoder (Devlin et al. 2019, arXiv 1810.04805), its options the study's."""

    kind: Literal["bert"]
    """The family."""
    depth: Count = 6
    """Number of blocks: 6 is the study's deep model, 1 its shallow one."""
    heads: Count = 12
    """Attention heads; must divide the width. The study's are 64 wide, so 12 of them make 768."""
    ffn_width: Count | None = None
    """Units in the feed-forward layer. Default: `ffn_ratio` × width."""
    ffn_ratio: Positive = 4.0
    """Feed-forward units as a multiple of the width, where `ffn_width` is left out."""
    dropout: Rate = 0.1
    """Share dropped while training: of embeddings, attention weights, each branch, and before a classifier."""
    convolution: ConvolutionSpec | None = None
    """Convolutions between the embeddings and the first block; none when left out."""


def encoder_ffn_width_of(model: BertModel) -> int:
    """Units of an encoder's feed-forward layer, for a model whose width is known."""
    return model.ffn_width if model.ffn_width is not None else max(1, round(model.ffn_ratio * width_of(model)))
