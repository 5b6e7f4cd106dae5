"""The closed forms of `compute.counting` against modules and torch's own FLOP counter, on specs drawn at random.

Attention is counted under the MATH backend: torch's counter does not see the default one on a CPU at all.
"""

from typing import Any

import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from tlm_sweeps.compute.counting import (
    Predict,
    forward_flops_per_window,
    n_params,
    n_params_non_embedding,
    train_flops_per_window,
)
from tlm_sweeps.models.build import build
from tlm_sweeps.spec.models import AttentionModel, BlockModel, LinearModel, MlpModel, NextTokenModel, TransformerModel

sizes = st.integers(1, 9)
batches = st.integers(1, 3)
vocabularies = st.integers(2, 17)


@st.composite
def block_models(draw: st.DrawFn) -> AttentionModel | TransformerModel:
    kv_heads, group, half_head = draw(st.integers(1, 3)), draw(st.integers(1, 3)), draw(st.integers(1, 3))
    heads = kv_heads * group
    common: dict[str, Any] = {
        "width": heads * 2 * half_head,
        "context": draw(sizes),
        "heads": heads,
        "kv_heads": draw(st.sampled_from((kv_heads, None))),
        "ffn_width": draw(st.none() | sizes),
        "norm_placement": draw(st.sampled_from(("post", "pre"))),
        "norm": draw(st.sampled_from(("layernorm", "rmsnorm"))),
        "activation": draw(st.sampled_from(("relu", "gelu", "swiglu"))),
        "positions": draw(st.sampled_from(("learned", "rope", "sinusoidal", "none"))),
        "tied_head": draw(st.booleans()),
        "biases": draw(st.booleans()),
        "dropout": draw(st.sampled_from((0.0, 0.1))),
    }
    if draw(st.booleans()):
        return AttentionModel(kind="attention", **common)
    return TransformerModel(kind="transformer", depth=draw(st.integers(1, 3)), **common)


flat_models = st.builds(LinearModel, kind=st.just("linear"), width=sizes, context=sizes) | st.builds(
    MlpModel,
    kind=st.just("mlp"),
    width=sizes,
    context=sizes,
    hidden=sizes,
    activation=st.sampled_from(("relu", "gelu")),
)
models = flat_models | block_models()


def counted(model: NextTokenModel, vocabulary_size: int, predict: Predict, batch: int, *, backward: bool) -> int:
    module = build(model, vocabulary_size)
    tokens = torch.zeros(batch, model.context, dtype=torch.long)
    with sdpa_kernel(SDPBackend.MATH), FlopCounterMode(display=False) as counter:
        logits = module(tokens, predict)
        if backward:
            logits.sum().backward()
    return counter.get_total_flops()


@given(model=models, vocabulary_size=vocabularies, batch=batches)
@settings(max_examples=150, deadline=None)
def test_the_last_positions_loss_costs_what_torch_counts(model: NextTokenModel, vocabulary_size: int, batch: int):
    forward = forward_flops_per_window(model, vocabulary_size, "last")
    assert counted(model, vocabulary_size, "last", batch, backward=False) == batch * forward
    train = train_flops_per_window(model, vocabulary_size, "last").matmul
    assert counted(model, vocabulary_size, "last", batch, backward=True) == batch * train


@given(model=block_models(), vocabulary_size=vocabularies, batch=batches)
@settings(max_examples=100, deadline=None)
def test_the_loss_at_all_positions_costs_what_torch_counts(model: NextTokenModel, vocabulary_size: int, batch: int):
    forward = forward_flops_per_window(model, vocabulary_size, "all")
    assert counted(model, vocabulary_size, "all", batch, backward=False) == batch * forward
    train = train_flops_per_window(model, vocabulary_size, "all").matmul
    assert counted(model, vocabulary_size, "all", batch, backward=True) == batch * train


@given(model=models, vocabulary_size=vocabularies)
@settings(max_examples=150, deadline=None)
def test_a_built_module_has_as_many_parameters_as_are_counted(model: NextTokenModel, vocabulary_size: int):
    module = build(model, vocabulary_size)
    assert sum(each.numel() for each in module.parameters()) == n_params(model, vocabulary_size)
    tables = {"embedding.weight", "learned_positions.weight"}
    others = sum(each.numel() for name, each in module.named_parameters() if name not in tables)
    assert others == n_params_non_embedding(model, vocabulary_size)


def test_every_parameter_is_trained():
    for positions in ("learned", "rope", "sinusoidal", "none"):
        model: BlockModel = TransformerModel(kind="transformer", width=8, heads=2, context=4, positions=positions)
        module = build(model, 7)
        module(torch.zeros(1, 4, dtype=torch.long), "last").square().sum().backward()
        assert all(each.grad is not None for each in module.parameters())
