"""Blocks against torch.nn.TransformerEncoderLayer, and what a language model must never do."""

from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from tlm_sweeps.models.build import build
from tlm_sweeps.models.transformer import Block
from tlm_sweeps.spec.models import AttentionModel, TransformerModel

WIDTH, CONTEXT, VOCABULARY = 24, 10, 13


def spec(**options: Any):
    settings: dict[str, Any] = {"heads": 4, "depth": 2} | options
    return TransformerModel(kind="transformer", width=WIDTH, context=CONTEXT, **settings)


def random_tokens(batch: int = 3):
    return torch.randint(VOCABULARY, (batch, CONTEXT))


def copied_into_torch(ours: Block, model: TransformerModel):
    theirs = nn.TransformerEncoderLayer(
        WIDTH,
        model.heads,
        dim_feedforward=4 * WIDTH,
        dropout=0.0,
        activation=model.activation,
        batch_first=True,
        norm_first=model.norm_placement == "pre",
        bias=model.biases,
    )
    names = {
        "attention.qkv.": "self_attn.in_proj_",
        "attention.out.": "self_attn.out_proj.",
        "attention_norm.": "norm1.",
        "ffn_norm.": "norm2.",
        "ffn.inward.": "linear1.",
        "ffn.outward.": "linear2.",
    }

    def renamed(name: str) -> str:
        prefix = next(each for each in names if name.startswith(each))
        return names[prefix] + name.removeprefix(prefix)

    theirs.load_state_dict({renamed(name): weight for name, weight in ours.state_dict().items()})
    return theirs


@pytest.mark.parametrize("placement", ["post", "pre"])
@pytest.mark.parametrize("activation", ["relu", "gelu"])
@pytest.mark.parametrize("biases", [True, False])
def test_a_block_equals_an_encoder_layer(placement: str, activation: str, biases: bool):
    torch.manual_seed(0)
    model = spec(norm_placement=placement, activation=activation, biases=biases)
    ours = Block(model)
    for parameter in ours.parameters():
        nn.init.normal_(parameter, std=0.3)
    theirs = copied_into_torch(ours, model)
    x = torch.randn(3, CONTEXT, WIDTH)
    expected = theirs(x, src_mask=nn.Transformer.generate_square_subsequent_mask(CONTEXT), is_causal=True)
    torch.testing.assert_close(ours(x, None, "all"), expected, atol=2e-5, rtol=1e-4)
    torch.testing.assert_close(ours(x, None, "last"), expected[:, -1:], atol=2e-5, rtol=1e-4)


def test_rmsnorm_follows_its_formula():
    torch.manual_seed(0)
    norm = Block(spec(norm="rmsnorm")).attention_norm
    gain = norm.get_parameter("weight")
    nn.init.normal_(gain)
    x = torch.randn(3, CONTEXT, WIDTH)
    expected = x / (x.square().mean(-1, keepdim=True) + 1e-5).sqrt() * gain
    torch.testing.assert_close(norm(x), expected)


def test_swiglu_follows_its_formula():
    torch.manual_seed(0)
    ffn = Block(spec(activation="swiglu", ffn_width=7)).ffn
    gate, way = ffn.inward.weight.chunk(2)
    gate_bias, way_bias = ffn.inward.bias.chunk(2)
    x = torch.randn(3, CONTEXT, WIDTH)
    gated = x @ gate.T + gate_bias
    expected = (gated * gated.sigmoid() * (x @ way.T + way_bias)) @ ffn.outward.weight.T + ffn.outward.bias
    torch.testing.assert_close(ffn(x), expected)


options = st.fixed_dictionaries(
    {
        "depth": st.integers(1, 3),
        "kv_heads": st.sampled_from((None, 1, 2)),
        "norm_placement": st.sampled_from(("post", "pre")),
        "norm": st.sampled_from(("layernorm", "rmsnorm")),
        "activation": st.sampled_from(("relu", "gelu", "swiglu")),
        "positions": st.sampled_from(("learned", "rope", "sinusoidal", "none")),
        "tied_head": st.booleans(),
        "biases": st.booleans(),
    }
)


@given(options=options, changed=st.integers(1, CONTEXT - 1))
@settings(deadline=None, max_examples=60)
def test_a_later_token_never_changes_earlier_logits(options: dict[str, Any], changed: int):
    module = build(spec(**options), VOCABULARY)
    tokens = random_tokens()
    other = tokens.clone()
    other[:, changed:] = (other[:, changed:] + 1) % VOCABULARY
    before, after = module(tokens, "all"), module(other, "all")
    assert torch.equal(before[:, :changed], after[:, :changed])
    assert not torch.equal(before[:, changed:], after[:, changed:])


@given(options=options)
@settings(deadline=None, max_examples=60)
def test_predicting_the_last_position_equals_the_last_of_all(options: dict[str, Any]):
    module = build(spec(**options), VOCABULARY)
    tokens = random_tokens()
    torch.testing.assert_close(module(tokens, "last"), module(tokens, "all")[:, -1], atol=2e-5, rtol=1e-4)


@pytest.mark.parametrize("positions", ["learned", "rope", "sinusoidal"])
def test_positions_make_order_matter(positions: str):
    torch.manual_seed(0)
    module = build(spec(positions=positions, depth=1), VOCABULARY)
    tokens = random_tokens()
    swapped = tokens[:, [1, 0, *range(2, CONTEXT)]]
    assert not torch.allclose(module(tokens, "last"), module(swapped, "last"), atol=1e-4)


def test_without_positions_one_block_sees_a_bag_of_words():
    torch.manual_seed(0)
    module = build(spec(positions="none", depth=1), VOCABULARY)
    tokens = random_tokens()
    swapped = tokens[:, [1, 0, *range(2, CONTEXT)]]
    torch.testing.assert_close(module(tokens, "last"), module(swapped, "last"))


def test_a_tied_head_is_the_embedding_table():
    module = build(spec(tied_head=True), VOCABULARY)
    assert module.get_parameter("head.weight") is module.get_parameter("embedding.weight")


def test_a_tied_model_begins_with_logits_as_small_as_an_untied_one():
    torch.manual_seed(0)
    for tied in (True, False):
        logits = build(spec(tied_head=tied), VOCABULARY)(random_tokens(), "all")
        assert 0.2 < logits.std().item() < 2


def test_the_attention_model_is_a_transformer_of_one_block():
    tokens, modules = random_tokens(), []
    for model in (spec(depth=1), AttentionModel(kind="attention", width=WIDTH, context=CONTEXT, heads=4)):
        torch.manual_seed(0)
        modules.append(build(model, VOCABULARY))
    assert torch.equal(modules[0](tokens, "all"), modules[1](tokens, "all"))


@pytest.mark.parametrize("place", ["embedding", "attention", "ffn", "residual"])
def test_dropout_acts_at_each_place_and_only_while_training(place: str):
    torch.manual_seed(0)
    module, tokens = build(spec(dropout=0.3, dropout_at=(place,)), VOCABULARY), random_tokens()
    assert not torch.equal(module(tokens, "last"), module(tokens, "last"))
    module.eval()
    assert torch.equal(module(tokens, "last"), module(tokens, "last"))


def test_a_window_shorter_than_the_context_is_read_from_its_first_position():
    torch.manual_seed(0)
    for positions in ("learned", "rope", "sinusoidal", "none"):
        module, tokens = build(spec(positions=positions), VOCABULARY), random_tokens()
        whole = module(tokens, "all")
        torch.testing.assert_close(module(tokens[:, :4], "all"), whole[:, :4], atol=2e-5, rtol=1e-4)
