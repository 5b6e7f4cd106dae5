"""From a model's spec to its module, in one match."""

from __future__ import annotations

from typing import assert_never

from torch import nn

from tlm_sweeps.models.linear import Linear
from tlm_sweeps.models.mlp import Mlp
from tlm_sweeps.models.transformer import Transformer
from tlm_sweeps.spec.models import AttentionModel, LinearModel, MlpModel, ModelSpec, TransformerModel


def build(model: ModelSpec, vocabulary_size: int) -> nn.Module:
    """The module, its weights drawn from torch's global generator.

    Every module is called as `module(tokens, predict)`: tokens (b, t) in, logits (b, v) out with `last` and
    (b, t, v) with `all`; linear and MLP models have only `last`.
    """
    match model:
        case LinearModel():
            return Linear(model, vocabulary_size)
        case MlpModel():
            return Mlp(model, vocabulary_size)
        case AttentionModel() | TransformerModel():
            return Transformer(model, vocabulary_size)
        case _:
            assert_never(model)
