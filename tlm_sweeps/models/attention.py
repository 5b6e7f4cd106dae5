"""Causal self-attention with grouped keys and values. It knows one layer: no norm, no residual, no head."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor, nn

from tlm_sweeps.compute.counting import Predict
from tlm_sweeps.models.layers import Dense, dense
from tlm_sweeps.models.mixing import mixed
from tlm_sweeps.models.positions import rotated
from tlm_sweeps.spec.models import BlockModel, kv_heads_of, width_of


class CausalAttention(nn.Module):
    """Multi-head attention in which a position sees itself and what came before.

    The projections of queries, keys and values are the rows of one matrix, in that order: one product instead of
    three. Each head's scores are scaled by 1/√(width / heads).
    """

    def __init__(self, model: BlockModel) -> None:
        super().__init__()
        width = width_of(model)
        self.head_width = width // model.heads
        kv_width = self.head_width * kv_heads_of(model)
        self.widths = (width, kv_width, kv_width)
        self.dropout = model.dropout if "attention" in model.dropout_at else 0.0
        self.qkv = Dense(width, sum(self.widths), bias=model.biases)
        self.out = Dense(width, width, bias=model.biases)
        if model.norm_placement == "post":
            _as_the_study_does(self.qkv, self.out)

    def forward(
        self, x: Float[Tensor, "b t d"], rotation: Float[Tensor, "2 t half"] | None, predict: Predict
    ) -> Float[Tensor, "b q d"]:
        """The layer's output at every position, or (`last`) at the last one only, at the price of one query."""
        query, key, value = (self._heads(part) for part in self._projected(x, predict))
        if rotation is not None:
            query = rotated(query, rotation[:, -query.shape[2] :])
            key = rotated(key, rotation)
        dropout = self.dropout if self.training else 0.0
        values = mixed(query, key, value, causal=predict == "all", dropout=dropout)
        return self.out(values.transpose(1, 2).flatten(2))

    def _projected(self, x: Float[Tensor, "b t d"], predict: Predict) -> tuple[Tensor, ...]:
        if predict == "all":
            return self.qkv(x).split(self.widths, dim=-1)
        width, weight, bias = self.widths[0], self.qkv.weight, self.qkv.bias
        query_bias, key_value_bias = (None, None) if bias is None else (bias[:width], bias[width:])
        query = dense(x[:, -1:], weight[:width], query_bias)
        return query, *dense(x, weight[width:], key_value_bias).split(self.widths[1:], dim=-1)

    def _heads(self, x: Float[Tensor, "b t hd"]) -> Float[Tensor, "b h t w"]:
        return x.unflatten(-1, (-1, self.head_width)).transpose(1, 2)


@torch.no_grad()
def _as_the_study_does(qkv: nn.Linear, out: nn.Linear) -> None:
    """Initialise as `nn.MultiheadAttention` does, which the study's post-norm blocks are made of.

    Its pre-norm block is made of plain `nn.Linear`s, whose default we keep there. The queries' and keys' first
    weights are √1.5 times larger here, and biases begin at 0.
    """
    nn.init.xavier_uniform_(qkv.weight)
    for bias in (qkv.bias, out.bias):
        if bias is not None:
            nn.init.zeros_(bias)
