"""The two models without attention, against their formulas."""

from collections.abc import Callable
from typing import Literal

import pytest
import torch
from torch import Tensor

from tlm_sweeps.models.build import build
from tlm_sweeps.spec.models import LinearModel, MlpModel

TOKENS = torch.tensor([[0, 3, 1], [2, 2, 4]])


def test_linear_adds_a_score_for_each_token_at_each_place():
    module = build(LinearModel(kind="linear", width=5, context=3), 6)
    table, head = module.get_parameter("embedding.weight"), module.get_parameter("head.weight").unflatten(1, (3, 5))
    expected = sum(table[TOKENS[:, place]] @ head[:, place].T for place in range(3)) + module.get_parameter("head.bias")
    torch.testing.assert_close(module(TOKENS, "last"), expected)


@pytest.mark.parametrize(("activation", "function"), [("relu", torch.relu), ("gelu", torch.nn.functional.gelu)])
def test_mlp_has_two_hidden_layers(activation: Literal["relu", "gelu"], function: Callable[[Tensor], Tensor]):
    module = build(MlpModel(kind="mlp", width=5, context=3, hidden=7, activation=activation), 6)
    layers = ("hidden_layers.0", "hidden_layers.3", "head")
    weights = [module.get_parameter(f"{layer}.weight") for layer in layers]
    biases = [module.get_parameter(f"{layer}.bias") for layer in layers]
    x = module.get_parameter("embedding.weight")[TOKENS].flatten(1)
    for weight, bias in zip(weights[:2], biases[:2], strict=True):
        x = function(x @ weight.T + bias)
    torch.testing.assert_close(module(TOKENS, "last"), x @ weights[2].T + biases[2])


def test_mlp_dropout_acts_only_while_training():
    module = build(MlpModel(kind="mlp", width=5, context=3, hidden=50, dropout=0.5), 6)
    assert not torch.equal(module(TOKENS, "last"), module(TOKENS, "last"))
    module.eval()
    assert torch.equal(module(TOKENS, "last"), module(TOKENS, "last"))
