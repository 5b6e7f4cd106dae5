"""In bfloat16 a model computes what it computes in float32, to bfloat16's digits; its weights stay float32."""

from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from tlm_sweeps.compute.counting import Predict
from tlm_sweeps.models.build import build
from tlm_sweeps.models.language_model import LanguageModel
from tlm_sweeps.models.mixing import mixed
from tlm_sweeps.spec.models import AttentionModel, LinearModel, MlpModel, NextTokenModel, TransformerModel

VOCABULARY = 11
WINDOWS = torch.arange(6 * 12).reshape(6, 12).mul(7).remainder(VOCABULARY)

MODELS: tuple[NextTokenModel, ...] = (
    LinearModel(kind="linear", width=16, context=12),
    MlpModel(kind="mlp", width=16, context=12, hidden=32, activation="gelu"),
    AttentionModel(kind="attention", width=16, heads=2, context=12, norm_placement="post"),
    TransformerModel(kind="transformer", width=16, depth=2, heads=4, context=12),
    TransformerModel(
        kind="transformer",
        width=16,
        depth=2,
        heads=4,
        kv_heads=2,
        context=12,
        norm="rmsnorm",
        activation="swiglu",
        positions="rope",
        tied_head=True,
        biases=False,
    ),
)


def in_both(model: NextTokenModel) -> tuple[LanguageModel, LanguageModel]:
    """The same weights, to compute in float32 and in bfloat16."""
    full, low = build(model, VOCABULARY), build(model, VOCABULARY, "bf16")
    low.load_state_dict(full.state_dict())
    return full, low


@pytest.mark.parametrize("model", MODELS, ids=lambda model: f"{model.kind}-{getattr(model, 'positions', '')}")
@pytest.mark.parametrize("predict", ["last", "all"])
def test_logits_and_gradients_are_those_of_float32_to_bfloat16s_digits(model: NextTokenModel, predict: Predict):
    if predict == "all" and model.kind in ("linear", "mlp"):
        predict = "last"
    full, low = in_both(model)
    targets = WINDOWS[:, 0] if predict == "last" else WINDOWS.flatten()
    for module in (full, low):
        functional.cross_entropy(module(WINDOWS, predict).float().flatten(0, -2), targets).backward()
    assert low(WINDOWS, predict).dtype == torch.bfloat16
    torch.testing.assert_close(low(WINDOWS, predict).float(), full(WINDOWS, predict), atol=0.03, rtol=0.03)
    for (name, expected), found in zip(full.named_parameters(), low.parameters(), strict=True):
        assert found.dtype == torch.float32
        assert found.grad is not None, name
        assert expected.grad is not None, name
        assert relative_error(found.grad, expected.grad) < 0.05, name


def relative_error(found: Tensor, expected: Tensor) -> float:
    """Of a gradient; one that must be 0 has an error of 0 if it is."""
    return ((found - expected).norm() / expected.norm().clamp(min=1e-9)).item()


def test_the_gradient_of_a_frequent_token_is_summed_in_float32():
    """In bfloat16 a sum stands still once a term is below 1/256 of it: 4,096 equal terms would add up to 256."""
    module = build(LinearModel(kind="linear", width=4, context=4096), 2, "bf16")
    features = module.get_submodule("embedding")(torch.zeros(1, 4096, dtype=torch.long)).flatten(1)
    lowered = module.features(torch.zeros(1, 4096, dtype=torch.long), "last")
    assert lowered.shape == features.shape
    lowered.sum().backward()
    gradient = module.get_parameter("embedding.weight").grad
    assert gradient is not None
    assert gradient[0].tolist() == [4096.0] * 4


@pytest.mark.parametrize("queries", [1, 63, 64, 65, 130])
@pytest.mark.parametrize("groups", [1, 2, 4])
@pytest.mark.parametrize("causal", [True, False])
def test_attention_by_products_is_torchs(queries: int, groups: int, causal: bool):
    random = torch.Generator().manual_seed(queries)
    query = torch.randn(3, 4, queries, 8, generator=random).bfloat16()
    key, value = (torch.randn(3, groups, queries, 8, generator=random).bfloat16() for _ in range(2))
    inputs = tuple(each.requires_grad_() for each in (query, key, value))
    exact = tuple(each.detach().double().requires_grad_() for each in inputs)
    query, key, value = exact
    expected = functional.scaled_dot_product_attention(query, key, value, is_causal=causal, enable_gqa=True)
    found = mixed(*inputs, causal=causal)
    assert found.dtype == torch.bfloat16
    torch.testing.assert_close(found.double(), expected, atol=0.02, rtol=0.02)
    direction = torch.randn(found.shape, generator=random)
    found.backward(direction.bfloat16())
    expected.backward(direction.double())
    for each, wanted in zip(inputs, exact, strict=True):
        assert each.grad is not None
        assert wanted.grad is not None
        assert relative_error(each.grad.double(), wanted.grad) < 0.02


def test_attention_by_products_drops_weights_and_keeps_their_mean():
    key = torch.zeros(8, 1, 64, 4, dtype=torch.bfloat16)
    value = torch.ones(8, 1, 64, 4, dtype=torch.bfloat16)
    found = mixed(key.expand(8, 2, 64, 4), key, value, causal=False, dropout=0.5).float()
    assert found.std() > 0.05
    assert found.mean().item() == pytest.approx(1.0, abs=0.05)


@pytest.mark.parametrize("options", [{}, {"kv_heads": 2}])
def test_a_later_token_changes_no_earlier_logit_in_bfloat16(options: dict[str, Any]):
    model = TransformerModel(kind="transformer", width=16, depth=2, heads=4, context=80, **options)
    module = build(model, VOCABULARY, "bf16")
    tokens = torch.arange(80)[None] % VOCABULARY
    changed = tokens.clone()
    changed[0, 70] = (changed[0, 70] + 1) % VOCABULARY
    before, after = module(tokens, "all"), module(changed, "all")
    assert torch.equal(before[:, :70], after[:, :70])
    assert not torch.equal(before[:, 70:], after[:, 70:])
