"""From a model's spec to its module, in one match."""

from __future__ import annotations

from typing import assert_never, overload

from tlm_sweeps.models.encoder_heads import Classifier, MaskedLanguageModel
from tlm_sweeps.models.language_model import LanguageModel
from tlm_sweeps.models.layers import Precision
from tlm_sweeps.models.linear import Linear
from tlm_sweeps.models.mlp import Mlp
from tlm_sweeps.models.transformer import Transformer
from tlm_sweeps.spec.encoders import BertModel
from tlm_sweeps.spec.families import ModelSpec
from tlm_sweeps.spec.models import AttentionModel, LinearModel, MlpModel, NextTokenModel, TransformerModel

TrainableModel = LanguageModel | MaskedLanguageModel | Classifier
"""What a run trains: it predicts the next token, masked pieces, or labels."""


@overload
def build(model: NextTokenModel, vocabulary_size: int, precision: Precision = "fp32") -> LanguageModel: ...


@overload
def build(
    model: BertModel, vocabulary_size: int, precision: Precision = "fp32", labels: None = None
) -> MaskedLanguageModel: ...


@overload
def build(model: BertModel, vocabulary_size: int, precision: Precision = "fp32", *, labels: int) -> Classifier: ...


@overload
def build(
    model: ModelSpec, vocabulary_size: int, precision: Precision = "fp32", labels: int | None = None
) -> TrainableModel: ...


def build(
    model: ModelSpec, vocabulary_size: int, precision: Precision = "fp32", labels: int | None = None
) -> TrainableModel:
    """The module, its weights drawn from torch's global generator: of an encoder before what stands on it.

    Args:
        model: its width is given.
        vocabulary_size: tokens that are told apart.
        precision: what it computes in; its weights are float32 in either.
        labels: how many an encoder tells apart; None for one that predicts pieces.
    """
    match model:
        case LinearModel():
            return Linear(model, vocabulary_size, precision)
        case MlpModel():
            return Mlp(model, vocabulary_size, precision)
        case AttentionModel() | TransformerModel():
            return Transformer(model, vocabulary_size, precision)
        case BertModel() if labels is not None:
            return Classifier(model, vocabulary_size, labels, precision)
        case BertModel():
            return MaskedLanguageModel(model, vocabulary_size, precision)
        case _:
            assert_never(model)
