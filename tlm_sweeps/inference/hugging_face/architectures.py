"""Which architecture of `transformers` computes just what a model computes, or what is different in the nearest one.

Only specs are looked at; weights are for `decoders` and `encoders`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from tlm_sweeps.errors import InputError
from tlm_sweeps.spec.encoders import BertModel
from tlm_sweeps.spec.families import ModelSpec
from tlm_sweeps.spec.models import BlockModel, kv_heads_of

Decoder = Literal["GPT2LMHeadModel", "Starcoder2ForCausalLM", "LlamaForCausalLM"]

_NEEDS: Mapping[Decoder, Mapping[str, tuple[object, ...]]] = {
    "GPT2LMHeadModel": {
        "norm_placement": ("pre",),
        "norm": ("layernorm",),
        "activation": ("gelu", "relu"),
        "positions": ("learned", "sinusoidal", "none"),
        "grouped keys and values": (False,),
    },
    "Starcoder2ForCausalLM": {
        "norm_placement": ("pre",),
        "norm": ("layernorm",),
        "activation": ("gelu", "relu"),
        "positions": ("rope",),
    },
    "LlamaForCausalLM": {
        "norm_placement": ("pre",),
        "norm": ("rmsnorm",),
        "activation": ("swiglu",),
        "positions": ("rope",),
        "biases": (False,),
    },
}
"""What each decoder there has, by our fields. Any table of positions is one to GPT-2: a fixed one, or one of zeros."""


def decoder_like(model: ModelSpec, place: str) -> Decoder:
    """The decoder that computes what this model computes.

    Args:
        model: one that predicts next tokens.
        place: what messages call it.

    Raises:
        InputError: none does; the message says what differs from the nearest.
    """
    if not isinstance(model, BlockModel):
        raise InputError(
            f"`{model.kind}` models have no architecture in transformers: it reads windows of a fixed length",
            place=place,
            hint="export a transformer; model.safetensors in the run's folder has the weights",
        )
    differences: dict[Decoder, list[str]] = {name: _differences(model, needs) for name, needs in _NEEDS.items()}
    nearest: Decoder = min(differences, key=lambda name: len(differences[name]))
    if differences[nearest]:
        raise InputError(
            f"no architecture in transformers computes what this model does; the nearest, {nearest}, has "
            + " and ".join(differences[nearest]),
            place=place,
            hint="train a model that is one of theirs: docs/decisions/0024-inference.md lists them",
        )
    return nearest


def ensure_bert(model: BertModel, place: str) -> None:
    """Refuse an encoder that BERT is not.

    Raises:
        InputError: it has convolutions.
    """
    if model.convolution is not None:
        raise InputError(
            "BERT in transformers has no convolutions before its blocks, and this model has",
            place=place,
            hint="export a run without `model.convolution`",
        )


def _differences(model: BlockModel, needs: Mapping[str, tuple[object, ...]]) -> list[str]:
    """What an architecture has where the model has something else, in words."""
    has = model.model_dump() | {"grouped keys and values": kv_heads_of(model) != model.heads}
    return [
        f"{field}: {' or '.join(_word(each) for each in wanted)}, not {_word(has[field])}"
        for field, wanted in needs.items()
        if has[field] not in wanted
    ]


def _word(value: object) -> str:
    return {True: "yes", False: "no"}[value] if isinstance(value, bool) else str(value)
