"""The attention layer against torch.nn.MultiheadAttention and against its definition."""

from typing import Any

import pytest
import torch
from torch import nn

from tlm_sweeps.models.attention import CausalAttention
from tlm_sweeps.models.positions import rotation_table
from tlm_sweeps.spec.models import TransformerModel

WIDTH, CONTEXT = 24, 10


def spec(**options: Any):
    settings: dict[str, Any] = {"heads": 4} | options
    return TransformerModel(kind="transformer", width=WIDTH, context=CONTEXT, **settings)


def with_random_biases(module: CausalAttention) -> CausalAttention:
    for name, parameter in module.named_parameters():
        if name.endswith("bias"):
            nn.init.normal_(parameter)
    return module


def copied_into_torch(ours: CausalAttention):
    theirs = nn.MultiheadAttention(WIDTH, 4, batch_first=True, bias=ours.qkv.bias is not None)
    weights = {"in_proj_weight": ours.qkv.weight, "out_proj.weight": ours.out.weight}
    if ours.qkv.bias is not None:
        weights |= {"in_proj_bias": ours.qkv.bias, "out_proj.bias": ours.out.bias}
    theirs.load_state_dict(weights)
    return theirs


@pytest.mark.parametrize("biases", [True, False])
def test_equals_multihead_attention(biases: bool):
    torch.manual_seed(0)
    ours = with_random_biases(CausalAttention(spec(biases=biases)))
    theirs = copied_into_torch(ours)
    x = torch.randn(3, CONTEXT, WIDTH)
    future = torch.ones(CONTEXT, CONTEXT, dtype=torch.bool).triu(1)
    expected, _ = theirs(x, x, x, attn_mask=future, need_weights=False)
    torch.testing.assert_close(ours(x, None, "all"), expected)
    torch.testing.assert_close(ours(x, None, "last"), expected[:, -1:])


def test_grouped_heads_equal_repeated_ones():
    torch.manual_seed(0)
    grouped, full = CausalAttention(spec(kv_heads=2)), CausalAttention(spec())
    query, key, value = grouped.qkv.weight.split(grouped.widths)
    each_twice = [part.unflatten(0, (2, -1)).repeat_interleave(2, 0).flatten(0, 1) for part in (key, value)]
    biases = grouped.qkv.bias.split(grouped.widths)
    biases_twice = [part.unflatten(0, (2, -1)).repeat_interleave(2, 0).flatten(0, 1) for part in biases[1:]]
    full.qkv.load_state_dict({"weight": torch.cat((query, *each_twice)), "bias": torch.cat((biases[0], *biases_twice))})
    full.out.load_state_dict(grouped.out.state_dict())
    x = torch.randn(3, CONTEXT, WIDTH)
    torch.testing.assert_close(grouped(x, None, "all"), full(x, None, "all"))
    torch.testing.assert_close(grouped(x, None, "last"), full(x, None, "last"))


def test_the_last_position_alone_equals_the_last_of_all_with_rotation():
    torch.manual_seed(0)
    layer = CausalAttention(spec(kv_heads=1))
    x, rotation = torch.randn(3, CONTEXT, WIDTH), rotation_table(CONTEXT, WIDTH // 4)
    torch.testing.assert_close(layer(x, rotation, "last"), layer(x, rotation, "all")[:, -1:])


def test_post_norm_blocks_begin_as_torchs_multihead_attention():
    torch.manual_seed(0)
    ours = CausalAttention(spec(norm_placement="post"))
    torch.manual_seed(0)
    theirs = nn.MultiheadAttention(WIDTH, 4)
    assert torch.count_nonzero(ours.qkv.bias) == torch.count_nonzero(ours.out.bias) == 0
    largest = theirs.in_proj_weight.abs().max()
    assert ours.qkv.weight.abs().max().item() == pytest.approx(largest.item(), rel=0.01)


def test_dropout_acts_on_attention_weights_only_while_training():
    torch.manual_seed(0)
    layer = CausalAttention(spec(dropout=0.5))
    x = torch.randn(3, CONTEXT, WIDTH)
    assert not torch.equal(layer(x, None, "all"), layer(x, None, "all"))
    layer.eval()
    assert torch.equal(layer(x, None, "all"), layer(x, None, "all"))
    elsewhere = CausalAttention(spec(dropout=0.5, dropout_at=("ffn",)))
    assert torch.equal(elsewhere(x, None, "all"), elsewhere(x, None, "all"))
