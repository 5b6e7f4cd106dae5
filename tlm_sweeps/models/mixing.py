"""What attention does between its projections: values mixed by the softmax of scaled scores.

torch's `scaled_dot_product_attention`, except on a CPU in bfloat16, where its backward pass is six times slower than
the products and the softmax by themselves, and on a CPU with dropout, where it computes what causality hides. It knows
no weights.
"""

from __future__ import annotations

import math

import torch
from jaxtyping import Bool, Float
from torch import Tensor
from torch.nn import functional

from tlm_sweeps.models.dropping import dropped

_ROWS = 64
"""Queries that are scored at a time, against the keys up to the last of them: what lies beyond is not computed."""


def mixed(
    query: Float[Tensor, "b h q w"],
    key: Float[Tensor, "b g t w"],
    value: Float[Tensor, "b g t w"],
    *,
    causal: bool,
    dropout: float = 0.0,
    is_real: Bool[Tensor, "b t"] | None = None,
) -> Float[Tensor, "b h q w"]:
    """Attention of every query to the keys (causal: to those at its place and before).

    Args:
        query: q is t, or 1 where only the last position asks.
        key: g heads, each for h/g heads of queries.
        value: as the keys.
        causal: whether the q = t queries see only what came before.
        dropout: share of the attention weights that are dropped.
        is_real: the keys that are seen at all, at least one of a window, where not all are; not if causal.
    """
    if query.device.type == "cpu" and (query.dtype == torch.bfloat16 or dropout > 0):
        return _by_products(query, key, value, causal=causal, dropout=dropout, is_real=is_real)
    grouped = query.shape[1] != key.shape[1]
    mask = None if is_real is None else is_real[:, None, None]
    return functional.scaled_dot_product_attention(
        query, key, value, attn_mask=mask, dropout_p=dropout, is_causal=causal, enable_gqa=grouped
    )


def _by_products(
    query: Float[Tensor, "b h q w"],
    key: Float[Tensor, "b g t w"],
    value: Float[Tensor, "b g t w"],
    *,
    causal: bool,
    dropout: float,
    is_real: Bool[Tensor, "b t"] | None,
) -> Float[Tensor, "b h q w"]:
    batch, heads, queries, width = query.shape
    groups = key.shape[1]
    # The heads that share keys lie together: (b·g, h/g, q, w).
    query = query.reshape(batch * groups, heads // groups, queries, width)
    key, value = key.flatten(0, 1), value.flatten(0, 1)
    if not causal:
        padded = None if is_real is None else _padded(query, is_real.repeat_interleave(groups, 0))
        rows = _mixed_rows(query, key, value, padded, dropout)
    else:
        starts = range(0, queries, _ROWS)
        parts = [query[:, :, first : first + _ROWS] for first in starts]
        rows = torch.cat(
            [
                _mixed_rows(part, key[:, : first + _ROWS], value[:, : first + _ROWS], _unseen(part, first), dropout)
                for first, part in zip(starts, parts, strict=True)
            ],
            dim=2,
        )
    return rows.view(batch, heads, queries, width)


def _mixed_rows(
    query: Float[Tensor, "b r q w"],
    key: Float[Tensor, "b t w"],
    value: Float[Tensor, "b t w"],
    unseen: Float[Tensor, "rq t"] | Float[Tensor, "b 1 t"] | None,
    dropout: float,
) -> Float[Tensor, "b r q w"]:
    repeats, queries, width = query.shape[1:]
    flat, scale = query.reshape(-1, repeats * queries, width), 1 / math.sqrt(width)
    if unseen is None:
        scores = torch.bmm(flat, key.transpose(1, 2)) * scale
    else:
        scores = torch.baddbmm(unseen, flat, key.transpose(1, 2), alpha=scale)
    weights = dropped(torch.softmax(scores, dim=-1), dropout)
    return torch.bmm(weights, value).view(-1, repeats, queries, width)


def _unseen(query: Float[Tensor, "b r q w"], first: int) -> Float[Tensor, "rq t"]:
    """−∞ where a query, the first of which stands at this place, would see what comes after it; else 0."""
    repeats, queries = query.shape[1:3]
    return query.new_full((queries, first + queries), -math.inf).triu(first + 1).repeat(repeats, 1)


def _padded(query: Float[Tensor, "b r q w"], is_real: Bool[Tensor, "b t"]) -> Float[Tensor, "b 1 t"]:
    """−∞ where a key is padding, else 0."""
    return torch.zeros_like(is_real, dtype=query.dtype).masked_fill(~is_real, -math.inf)[:, None]
