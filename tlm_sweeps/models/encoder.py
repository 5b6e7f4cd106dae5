"""A BERT-style encoder (Devlin et al. 2019, arXiv 1810.04805): pieces of a window in, features of some places out.

It knows no task: heads are in `models.encoder_heads`. It does no more than `compute.encoder_counting` counts: the last
block asks only for the places that are wanted. Biases begin at 0, matrices and tables with a deviation of 0.02.
"""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn
from torch.nn import functional

from tlm_sweeps.compute.encoder_counting import TOKEN_TYPES
from tlm_sweeps.models.convolution import ConvolutionalFront
from tlm_sweeps.models.dropping import Dropout
from tlm_sweeps.models.layers import Dense, LayerNorm, Precision, dense, lowered
from tlm_sweeps.models.mixing import mixed
from tlm_sweeps.spec.encoders import BertModel, encoder_ffn_width_of
from tlm_sweeps.spec.models import width_of

NORM_EPSILON = 1e-12
"""BERT's, in every layer norm."""
_FIRST_DEVIATION = 0.02


class Encoder(nn.Module):
    """Embeddings → convolutions, where the spec has them → post-norm blocks in which every place sees every other.

    Its weights are float32 whatever it computes in. Convolutions bring buffers: see `models.convolution`.
    """

    def __init__(self, model: BertModel, vocabulary_size: int, precision: Precision = "fp32") -> None:
        super().__init__()
        self.embeddings = Embeddings(model, vocabulary_size, precision)
        self.convolution = None if model.convolution is None else ConvolutionalFront(model.convolution)
        self.blocks = nn.ModuleList(EncoderBlock(model) for _ in range(model.depth))
        begin_as_bert(self.embeddings)
        begin_as_bert(self.blocks)

    def forward(
        self, tokens: Int[Tensor, "b t"], is_real: Bool[Tensor, "b t"], places: Int[Tensor, "b q"] | None
    ) -> Float[Tensor, "b q d"]:
        """Features of the asked places of each window.

        Args:
            tokens: at most `context` of them in a window; any id where they are padding.
            is_real: False where a token is padding, which no place attends to; a window has at least one that is none.
            places: of each window, from 0; None asks for all of them, at the price of a whole last block.
        """
        x = self.embeddings(tokens)
        if self.convolution is not None:
            x = self.convolution(x)
        *first, last = self.blocks
        for block in first:
            x = block(x, x, is_real)
        return last(x, x if places is None else _at(x, places), is_real)


class Embeddings(nn.Module):
    """What a piece is, where it stands and that it belongs to the first (only) passage, added up and normalised."""

    def __init__(self, model: BertModel, vocabulary_size: int, precision: Precision) -> None:
        super().__init__()
        width = width_of(model)
        self.precision: Precision = precision
        self.words = nn.Embedding(vocabulary_size, width)
        self.positions = nn.Embedding(model.context, width)
        self.token_types = nn.Embedding(TOKEN_TYPES, width)
        self.norm = LayerNorm(width, eps=NORM_EPSILON)
        self.dropout = Dropout(model.dropout)

    def forward(self, tokens: Int[Tensor, "b t"]) -> Float[Tensor, "b t d"]:
        """The tokens' vectors, in the type that the rest computes in."""
        always = self.positions.weight[: tokens.shape[1]] + self.token_types.weight[0]
        return self.dropout(self.norm(lowered(self.words(tokens) + always, self.precision)))


class EncoderBlock(nn.Module):
    """Attention and a GELU feed-forward, each on a residual branch that is normalised after the sum."""

    def __init__(self, model: BertModel) -> None:
        super().__init__()
        width, ffn_width = width_of(model), encoder_ffn_width_of(model)
        self.attention = EncoderAttention(model)
        self.attention_norm = LayerNorm(width, eps=NORM_EPSILON)
        self.inward = Dense(width, ffn_width)
        self.outward = Dense(ffn_width, width)
        self.ffn_norm = LayerNorm(width, eps=NORM_EPSILON)
        self.dropout = Dropout(model.dropout)

    def forward(
        self, x: Float[Tensor, "b t d"], asked: Float[Tensor, "b q d"], is_real: Bool[Tensor, "b t"]
    ) -> Float[Tensor, "b q d"]:
        """The block's output at the asked places of x, which may be x itself."""
        asked = self.attention_norm(asked + self.dropout(self.attention(x, asked, is_real)))
        return self.ffn_norm(asked + self.dropout(self.outward(functional.gelu(self.inward(asked)))))


class EncoderAttention(nn.Module):
    """Multi-head attention to all places that are no padding; queries, keys and values are the rows of one matrix."""

    def __init__(self, model: BertModel) -> None:
        super().__init__()
        width = width_of(model)
        self.head_width = width // model.heads
        self.share_dropped = model.dropout
        self.qkv = Dense(width, 3 * width)
        self.out = Dense(width, width)

    def forward(
        self, x: Float[Tensor, "b t d"], asked: Float[Tensor, "b q d"], is_real: Bool[Tensor, "b t"]
    ) -> Float[Tensor, "b q d"]:
        """What the asked places gather from x."""
        query, key, value = (self._heads(part) for part in self._projected(x, asked))
        dropout = self.share_dropped if self.training else 0.0
        values = mixed(query, key, value, causal=False, dropout=dropout, is_real=is_real)
        return self.out(values.transpose(1, 2).flatten(2))

    def _projected(self, x: Float[Tensor, "b t d"], asked: Float[Tensor, "b q d"]) -> tuple[Tensor, ...]:
        if asked is x:
            return self.qkv(x).chunk(3, dim=-1)  # one product instead of two
        width, weight, bias = x.shape[-1], self.qkv.weight, self.qkv.bias
        query = dense(asked, weight[:width], bias[:width])
        return query, *dense(x, weight[width:], bias[width:]).chunk(2, dim=-1)

    def _heads(self, x: Float[Tensor, "b t d"]) -> Float[Tensor, "b h t w"]:
        return x.unflatten(-1, (-1, self.head_width)).transpose(1, 2)


@torch.no_grad()
def begin_as_bert(module: nn.Module) -> None:
    """Draw first weights as BERT does: normal for matrices and tables, 0 for biases; norms are left as they begin."""
    for part in module.modules():
        if isinstance(part, nn.Linear | nn.Embedding):
            nn.init.normal_(part.weight, std=_FIRST_DEVIATION)
        if isinstance(part, nn.Linear) and part.bias is not None:
            nn.init.zeros_(part.bias)


def _at(x: Float[Tensor, "b t d"], places: Int[Tensor, "b q"]) -> Float[Tensor, "b q d"]:
    return x.gather(1, places[..., None].expand(-1, -1, x.shape[-1]))
