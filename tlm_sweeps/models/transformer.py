"""A decoder-only transformer with all its options; the attention model is the same with one block.

It knows nothing of training, losses or counting, but does no more than `compute.counting` counts: with
`predict: last` the last block and the head run for one position.
"""

from __future__ import annotations

from typing import assert_never

from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional

from tlm_sweeps.compute.counting import Predict
from tlm_sweeps.models.attention import CausalAttention
from tlm_sweeps.models.dropping import Dropout
from tlm_sweeps.models.language_model import LanguageModel
from tlm_sweeps.models.layers import Dense, LayerNorm, Precision, RMSNorm, lowered
from tlm_sweeps.models.positions import rotation_table, sinusoids
from tlm_sweeps.spec.models import BlockModel, DropoutPlace, depth_of, ffn_width_of, width_of


class FeedForward(nn.Module):
    """Width → ffn_width → width. For swiglu the gate's matrix and the other way in are the rows of one."""

    def __init__(self, model: BlockModel) -> None:
        super().__init__()
        width, ffn_width = width_of(model), ffn_width_of(model)
        self.spec = model
        ways_in = 2 if model.activation == "swiglu" else 1
        self.inward = Dense(width, ways_in * ffn_width, bias=model.biases)
        self.outward = Dense(ffn_width, width, bias=model.biases)
        self.dropout = _dropout(model, "ffn")

    def forward(self, x: Float[Tensor, "b t d"]) -> Float[Tensor, "b t d"]:
        """The layer at each position by itself."""
        return self.dropout(self.outward(self._activated(self.inward(x))))

    def _activated(self, x: Float[Tensor, "b t f"]) -> Float[Tensor, "b t g"]:
        match self.spec.activation:
            case "relu":
                return functional.relu(x)
            case "gelu":
                return functional.gelu(x)
            case "swiglu":
                gate, way = x.chunk(2, dim=-1)
                return functional.silu(gate) * way
            case _:
                assert_never(self.spec.activation)


class Block(nn.Module):
    """Attention and feed-forward, each on a residual branch, normalised after the sum (post) or before (pre)."""

    def __init__(self, model: BlockModel) -> None:
        super().__init__()
        self.spec = model
        self.attention_norm = _norm(model)
        self.attention = CausalAttention(model)
        self.ffn_norm = _norm(model)
        self.ffn = FeedForward(model)
        self.dropout = _dropout(model, "residual")

    def forward(
        self, x: Float[Tensor, "b t d"], rotation: Float[Tensor, "2 t half"] | None, predict: Predict
    ) -> Float[Tensor, "b q d"]:
        """The block's output at every position or at the last one, from the whole window."""
        kept = x if predict == "all" else x[:, -1:]
        match self.spec.norm_placement:
            case "pre":
                kept = kept + self.dropout(self.attention(self.attention_norm(x), rotation, predict))
                return kept + self.dropout(self.ffn(self.ffn_norm(kept)))
            case "post":
                kept = self.attention_norm(kept + self.dropout(self.attention(x, rotation, predict)))
                return self.ffn_norm(kept + self.dropout(self.ffn(kept)))
            case _:
                assert_never(self.spec.norm_placement)


class Transformer(LanguageModel):
    """Embedding (+ positions) → blocks → norm → head.

    Weights begin as PyTorch's layers make them, as in the study. A tied table serves as the head too: it begins
    with variance 1/width and is scaled by √width on the way in (Vaswani et al. 2017, arXiv 1706.03762, §3.4), so
    that both the first block's input and the first logits are as large as those of an untied model.
    """

    rotation: Tensor | None
    fixed_positions: Tensor | None

    def __init__(self, model: BlockModel, vocabulary_size: int, precision: Precision = "fp32") -> None:
        super().__init__()
        self.precision: Precision = precision
        width, context = width_of(model), model.context
        self.embedding = nn.Embedding(vocabulary_size, width)
        self.learned_positions = nn.Embedding(context, width) if model.positions == "learned" else None
        self.dropout = _dropout(model, "embedding")
        self.blocks = nn.ModuleList(Block(model) for _ in range(depth_of(model)))
        self.norm = _norm(model)
        self.head = Dense(width, vocabulary_size, bias=model.biases)
        self.embedding_scale = 1.0
        if model.tied_head:
            nn.init.normal_(self.embedding.weight, std=width**-0.5)
            self.head.weight = self.embedding.weight
            self.embedding_scale = width**0.5
        rotation = rotation_table(context, width // model.heads) if model.positions == "rope" else None
        self.register_buffer("rotation", rotation, persistent=False)
        fixed = sinusoids(context, width) if model.positions == "sinusoidal" else None
        self.register_buffer("fixed_positions", fixed, persistent=False)

    def features(self, tokens: Int[Tensor, "b t"], predict: Predict) -> Float[Tensor, "b d"] | Float[Tensor, "b t d"]:
        """What the head sees, normalised: (b, t, d) or, of the last position, (b, d)."""
        x = self.dropout(lowered(self._embedded(tokens), self.precision))
        rotation = None if self.rotation is None else self.rotation[:, : tokens.shape[1]]
        last_block = len(self.blocks) - 1
        for depth, block in enumerate(self.blocks):
            x = block(x, rotation, predict if depth == last_block else "all")
        return self.norm(x if predict == "all" else x[:, 0])

    def _embedded(self, tokens: Int[Tensor, "b t"]) -> Float[Tensor, "b t d"]:
        x = self.embedding(tokens)
        if self.embedding_scale != 1:
            x = x * self.embedding_scale
        if self.learned_positions is not None:
            x = x + self.learned_positions.weight[: tokens.shape[1]]
        if self.fixed_positions is not None:
            x = x + self.fixed_positions[: tokens.shape[1]]
        return x


def _dropout(model: BlockModel, place: DropoutPlace) -> Dropout:
    return Dropout(model.dropout if place in model.dropout_at else 0.0)


def _norm(model: BlockModel) -> nn.Module:
    """Over a position's vector. RMSNorm (Zhang and Sennrich 2019, arXiv 1910.07467) has a gain and no bias."""
    width = width_of(model)
    match model.norm:
        case "layernorm":
            return LayerNorm(width, eps=1e-5, bias=model.biases)
        case "rmsnorm":
            return RMSNorm(width, eps=1e-5)
        case _:
            assert_never(model.norm)
