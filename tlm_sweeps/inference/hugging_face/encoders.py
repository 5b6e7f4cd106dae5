"""Weights and configurations of encoders as `transformers` has them: BERT that fills gaps or tells labels apart."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from torch import Tensor, nn

from tlm_sweeps.compute.encoder_counting import TOKEN_TYPES
from tlm_sweeps.inference.hugging_face.decoders import Tensors
from tlm_sweeps.models.encoder import NORM_EPSILON, Encoder, EncoderBlock
from tlm_sweeps.models.encoder_heads import Classifier, MaskedLanguageModel
from tlm_sweeps.spec.encoders import BertModel, encoder_ffn_width_of
from tlm_sweeps.spec.models import width_of


def encoder_config(
    model: BertModel, vocabulary_size: int, padding: int, labels: Sequence[str] | None
) -> dict[str, Any]:
    """What is specific to BERT in config.json.

    Args:
        model: one without convolutions.
        vocabulary_size: word pieces.
        padding: id of the piece that windows are filled up with.
        labels: that are told apart; None of a model that fills gaps.
    """
    told = {} if labels is None else {"id2label": dict(enumerate(labels)), "label2id": _numbers(labels)}
    return {
        "model_type": "bert",
        "vocab_size": vocabulary_size,
        "hidden_size": width_of(model),
        "num_hidden_layers": model.depth,
        "num_attention_heads": model.heads,
        "intermediate_size": encoder_ffn_width_of(model),
        "max_position_embeddings": model.context,
        "type_vocab_size": TOKEN_TYPES,
        "hidden_act": "gelu",
        "layer_norm_eps": NORM_EPSILON,
        "hidden_dropout_prob": model.dropout,
        "attention_probs_dropout_prob": model.dropout,
        "pad_token_id": padding,
        "tie_word_embeddings": True,
        **told,
    }


def encoder_tensors(module: MaskedLanguageModel | Classifier) -> dict[str, Tensor]:
    """The weights by their names there."""
    found = dict(_encoder(module.encoder))
    if isinstance(module, Classifier):
        found |= dict(_layer("bert.pooler.dense", module.pooler)) | dict(_layer("classifier", module.head))
    else:
        found |= dict(_layer("cls.predictions.transform.dense", module.transform))
        found |= dict(_layer("cls.predictions.transform.LayerNorm", module.norm))
        found["cls.predictions.bias"] = module.head.bias
    return {name: each.detach().clone().contiguous() for name, each in found.items()}


def _numbers(labels: Sequence[str]) -> dict[str, int]:
    return {label: number for number, label in enumerate(labels)}


def _encoder(encoder: Encoder) -> Tensors:
    embeddings = encoder.embeddings
    yield "bert.embeddings.word_embeddings.weight", embeddings.words.weight
    yield "bert.embeddings.position_embeddings.weight", embeddings.positions.weight
    yield "bert.embeddings.token_type_embeddings.weight", embeddings.token_types.weight
    yield from _layer("bert.embeddings.LayerNorm", embeddings.norm)
    for depth, block in enumerate(encoder.blocks):
        assert isinstance(block, EncoderBlock)
        prefix = f"bert.encoder.layer.{depth}"
        qkv = block.attention.qkv
        for name, weight, bias in zip(("query", "key", "value"), qkv.weight.chunk(3), qkv.bias.chunk(3), strict=True):
            yield f"{prefix}.attention.self.{name}.weight", weight
            yield f"{prefix}.attention.self.{name}.bias", bias
        yield from _layer(f"{prefix}.attention.output.dense", block.attention.out)
        yield from _layer(f"{prefix}.attention.output.LayerNorm", block.attention_norm)
        yield from _layer(f"{prefix}.intermediate.dense", block.inward)
        yield from _layer(f"{prefix}.output.dense", block.outward)
        yield from _layer(f"{prefix}.output.LayerNorm", block.ffn_norm)


def _layer(name: str, layer: nn.Linear | nn.LayerNorm) -> Tensors:
    yield f"{name}.weight", layer.weight
    yield f"{name}.bias", layer.bias
