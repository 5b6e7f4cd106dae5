"""From a model's spec to its module, in one match."""

from __future__ import annotations

from typing import assert_never

from tlm_sweeps.models.language_model import LanguageModel
from tlm_sweeps.models.layers import Precision
from tlm_sweeps.models.linear import Linear
from tlm_sweeps.models.mlp import Mlp
from tlm_sweeps.models.transformer import Transformer
from tlm_sweeps.spec.models import AttentionModel, LinearModel, MlpModel, ModelSpec, TransformerModel


def build(model: ModelSpec, vocabulary_size: int, precision: Precision = "fp32") -> LanguageModel:
    """The module, its weights drawn from torch's global generator.

    Args:
        model: its width is given.
        vocabulary_size: tokens that are told apart.
        precision: what it computes in; its weights are float32 in either.
    """
    match model:
        case LinearModel():
            return Linear(model, vocabulary_size, precision)
        case MlpModel():
            return Mlp(model, vocabulary_size, precision)
        case AttentionModel() | TransformerModel():
            return Transformer(model, vocabulary_size, precision)
        case _:
            assert_never(model)
