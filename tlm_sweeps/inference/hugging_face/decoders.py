"""Weights and configurations of decoders as `transformers` has them: GPT-2, Starcoder2 and Llama.

Matrices are renamed, turned or cut, never approximated; a tied head is written as a matrix of its own, since ours
scales the table on the way in. One number is moved: see `final_bias`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, assert_never

import torch
from jaxtyping import Float
from torch import Tensor, nn

from tlm_sweeps.errors import InputError
from tlm_sweeps.inference.hugging_face.architectures import Decoder
from tlm_sweeps.models.positions import BASE
from tlm_sweeps.models.transformer import Block, Transformer
from tlm_sweeps.spec.models import BlockModel, depth_of, ffn_width_of, kv_heads_of, width_of

Tensors = Iterator[tuple[str, Tensor]]
_NORM_EPSILON = 1e-5
_LARGEST_ERROR = 1e-5
"""Of a logit, where a head's bias is moved; rounding in float32 makes as much."""


def decoder_config(model: BlockModel, architecture: Decoder, vocabulary_size: int) -> dict[str, Any]:
    """What is specific to the architecture in config.json. Dropout is 0: none of theirs drops where ours may."""
    match architecture:
        case "GPT2LMHeadModel":
            return {
                "model_type": "gpt2",
                "vocab_size": vocabulary_size,
                "n_positions": model.context,
                "n_embd": width_of(model),
                "n_layer": depth_of(model),
                "n_head": model.heads,
                "n_inner": ffn_width_of(model),
                "activation_function": model.activation,
                "layer_norm_epsilon": _NORM_EPSILON,
                **dict.fromkeys(("resid_pdrop", "embd_pdrop", "attn_pdrop"), 0.0),
            }
        case "Starcoder2ForCausalLM":
            return {
                **_rotating_config(model, vocabulary_size),
                "model_type": "starcoder2",
                "hidden_act": model.activation,
                "norm_epsilon": _NORM_EPSILON,
                "use_bias": model.biases,
            }
        case "LlamaForCausalLM":
            return {
                **_rotating_config(model, vocabulary_size),
                "model_type": "llama",
                "hidden_act": "silu",
                "rms_norm_eps": _NORM_EPSILON,
                "attention_bias": False,
                "mlp_bias": False,
            }
        case _:
            assert_never(architecture)


def decoder_tensors(module: Transformer, model: BlockModel, architecture: Decoder, place: str) -> dict[str, Tensor]:
    """The weights by their names there.

    Args:
        module: built from `model`.
        model: one that the architecture is the like of.
        architecture: as `decoder_like` found it.
        place: what messages call the model.

    Raises:
        InputError: the head's bias cannot be moved.
    """
    tensors = _gpt2(module, model) if architecture == "GPT2LMHeadModel" else _rotating(module)
    found = dict(tensors)
    if module.head.bias is not None:
        norm = "transformer.ln_f.bias" if architecture == "GPT2LMHeadModel" else "model.norm.bias"
        found[norm] = found[norm] + final_bias(module.head.weight, module.head.bias, place)
    return {name: each.detach().clone().contiguous() for name, each in found.items()}


@torch.no_grad()
def final_bias(weight: Float[Tensor, "v d"], bias: Float[Tensor, " v"], place: str) -> Float[Tensor, " d"]:
    """What to add to the final norm's bias so that a head without a bias gives the same probabilities.

    Heads there have none. W·β + c = b has a solution β where the rows of W are independent but for a constant c, which
    the softmax does not see: in general for at most d + 1 tokens.

    Raises:
        InputError: it has none.
    """
    table = torch.cat((weight, torch.ones_like(weight[:, :1])), dim=1).double()
    solution = torch.linalg.lstsq(table, bias.double()[:, None], driver="gelsd").solution[:-1, 0].float()
    error = weight @ solution - bias
    if (error - error.mean()).abs().max() > _LARGEST_ERROR:
        n_tokens, width = weight.shape
        raise InputError(
            f"the model's head has a bias, and heads in transformers have none; the {width:,} biases of its last norm "
            f"cannot stand in for those of {n_tokens:,} tokens",
            place=place,
            hint="train with `model.biases: false`",
        )
    return solution


def _rotating_config(model: BlockModel, vocabulary_size: int) -> dict[str, Any]:
    """What decoders with rotated queries and keys have in common."""
    return {
        "vocab_size": vocabulary_size,
        "hidden_size": width_of(model),
        "intermediate_size": ffn_width_of(model),
        "num_hidden_layers": depth_of(model),
        "num_attention_heads": model.heads,
        "num_key_value_heads": kv_heads_of(model),
        "max_position_embeddings": model.context,
        "rope_parameters": {"rope_type": "default", "rope_theta": BASE},
        "rope_theta": BASE,  # where transformers before 5 look
    }


def _gpt2(module: Transformer, model: BlockModel) -> Tensors:
    """GPT-2's matrices are turned: inputs are their rows. It always has biases, which may be 0."""
    yield "transformer.wte.weight", module.embedding.weight * module.embedding_scale
    yield "transformer.wpe.weight", _table_of_positions(module, model)
    for depth, block in enumerate(module.blocks):
        assert isinstance(block, Block)
        prefix = f"transformer.h.{depth}"
        yield from _norm(f"{prefix}.ln_1", block.attention_norm)
        yield from _norm(f"{prefix}.ln_2", block.ffn_norm)
        for name, layer in {
            "attn.c_attn": block.attention.qkv,
            "attn.c_proj": block.attention.out,
            "mlp.c_fc": block.ffn.inward,
            "mlp.c_proj": block.ffn.outward,
        }.items():
            yield f"{prefix}.{name}.weight", layer.weight.t()
            yield f"{prefix}.{name}.bias", _bias_or_zeros(layer.bias, layer.weight[:, 0])
    yield from _norm("transformer.ln_f", module.norm)
    yield "lm_head.weight", module.head.weight


def _table_of_positions(module: Transformer, model: BlockModel) -> Tensor:
    if module.learned_positions is not None:
        return module.learned_positions.weight
    if module.fixed_positions is not None:
        return module.fixed_positions
    return module.embedding.weight.new_zeros(model.context, width_of(model))


def _rotating(module: Transformer) -> Tensors:
    """Starcoder2 and Llama, which share their names but for the feed-forward layer."""
    yield "model.embed_tokens.weight", module.embedding.weight * module.embedding_scale
    for depth, block in enumerate(module.blocks):
        assert isinstance(block, Block)
        prefix = f"model.layers.{depth}"
        yield from _norm(f"{prefix}.input_layernorm", block.attention_norm)
        yield from _norm(f"{prefix}.post_attention_layernorm", block.ffn_norm)
        attention = block.attention
        yield from _cut(f"{prefix}.self_attn", ("q_proj", "k_proj", "v_proj"), attention.qkv, attention.widths)
        yield from _cut(f"{prefix}.self_attn", ("o_proj",), attention.out, (len(attention.out.weight),))
        is_gated = block.ffn.spec.activation == "swiglu"
        ways_in = ("gate_proj", "up_proj") if is_gated else ("c_fc",)
        way_out = "down_proj" if is_gated else "c_proj"
        each_in = len(block.ffn.inward.weight) // len(ways_in)
        yield from _cut(f"{prefix}.mlp", ways_in, block.ffn.inward, (each_in,) * len(ways_in))
        yield from _cut(f"{prefix}.mlp", (way_out,), block.ffn.outward, (len(block.ffn.outward.weight),))
    yield from _norm("model.norm", module.norm)
    yield "lm_head.weight", module.head.weight


def _norm(name: str, norm: nn.Module) -> Tensors:
    """A layer norm there always has a bias."""
    assert isinstance(norm.weight, Tensor)
    yield f"{name}.weight", norm.weight
    if isinstance(norm, nn.LayerNorm):
        yield f"{name}.bias", _bias_or_zeros(norm.bias, norm.weight)


def _cut(prefix: str, names: tuple[str, ...], layer: nn.Linear, widths: tuple[int, ...]) -> Tensors:
    """A layer whose outputs are several layers' there."""
    for name, weight in zip(names, layer.weight.split(widths), strict=True):
        yield f"{prefix}.{name}.weight", weight
    if layer.bias is not None:
        for name, bias in zip(names, layer.bias.split(widths), strict=True):
            yield f"{prefix}.{name}.bias", bias


def _bias_or_zeros(bias: Tensor | None, like: Tensor) -> Tensor:
    return torch.zeros_like(like) if bias is None else bias
