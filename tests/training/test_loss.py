"""Head and loss in parts are head and loss at once: the value, every gradient, and the memory they are there for."""

from typing import Any

import pytest
import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from tlm_sweeps.models.build import build
from tlm_sweeps.models.language_model import LanguageModel
from tlm_sweeps.spec.models import TransformerModel
from tlm_sweeps.training import loss
from tlm_sweeps.training.loss import mean_nll

VOCABULARY = 50
MODEL = TransformerModel(kind="transformer", width=16, depth=1, heads=2, context=10)
TOKENS = torch.arange(7 * 11).reshape(7, 11).mul(13).remainder(VOCABULARY)


def gradients(module: LanguageModel) -> tuple[Tensor, dict[str, Tensor]]:
    """Loss and gradients by name, times three: the loss may be part of something."""
    module.zero_grad()
    found = mean_nll(module, TOKENS[:, :-1], TOKENS[:, 1:], "all")
    (3 * found).backward()
    return found.detach(), {name: each.grad for name, each in module.named_parameters() if each.grad is not None}


@pytest.mark.parametrize("rows", [1, 7, 17])
@pytest.mark.parametrize("options", [{}, {"tied_head": True, "biases": False}])
def test_parts_give_the_same_loss_and_gradients(rows: int, options: dict[str, bool], monkeypatch: pytest.MonkeyPatch):
    module = build(MODEL.model_copy(update=options), VOCABULARY)
    expected, expected_gradients = gradients(module)
    monkeypatch.setattr(loss, "LOGITS_AT_ONCE", 4 * rows * VOCABULARY)
    monkeypatch.setattr(loss.functional, "cross_entropy", None)  # so the whole logits are not made
    found, found_gradients = gradients(module)
    torch.testing.assert_close(found, expected)
    assert found_gradients.keys() == expected_gradients.keys()
    for name, each in found_gradients.items():
        torch.testing.assert_close(each, expected_gradients[name], msg=name)


def test_parts_give_the_same_loss_without_gradients(monkeypatch: pytest.MonkeyPatch):
    module = build(MODEL, VOCABULARY)
    with torch.inference_mode():
        expected = mean_nll(module, TOKENS[:, :-1], TOKENS[:, 1:], "all")
        monkeypatch.setattr(loss, "LOGITS_AT_ONCE", 4 * 9 * VOCABULARY)
        seen: list[int] = []
        module.head.register_forward_hook(lambda _module, _inputs, logits: seen.append(len(logits)))
        torch.testing.assert_close(mean_nll(module, TOKENS[:, :-1], TOKENS[:, 1:], "all"), expected)
    assert max(seen) == 9
    assert sum(seen) == 70


def test_bfloat16_parts_are_the_whole_to_bfloat16s_digits(monkeypatch: pytest.MonkeyPatch):
    torch.manual_seed(0)
    module = build(MODEL, VOCABULARY, "bf16")
    expected, expected_gradients = gradients(module)
    monkeypatch.setattr(loss, "LOGITS_AT_ONCE", 4 * 9 * VOCABULARY)
    found, found_gradients = gradients(module)
    torch.testing.assert_close(found, expected, atol=1e-3, rtol=0)
    for name, each in found_gradients.items():
        assert each.dtype == torch.float32
        assert (each - expected_gradients[name]).norm() < 0.02 * expected_gradients[name].norm(), name


def test_the_loss_of_a_large_vocabulary_holds_only_parts_of_its_logits():
    """Through torch's own accounting: the largest tensor that appears is a quarter of what may be held at once."""
    module = build(MODEL.model_copy(update={"context": 64}), 2**15)
    tokens = torch.zeros(32, 65, dtype=torch.long)
    sizes: list[int] = []

    class Sizes(TorchDispatchMode):
        def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            result = func(*args, **(kwargs or {}))
            if isinstance(result, Tensor) and result.shape[-1:] == (2**15,) and result.ndim > 1:
                sizes.append(result.numel())
            return result

    with Sizes():
        mean_nll(module, tokens[:, :-1], tokens[:, 1:], "all").backward()
    assert 0 < max(sizes) <= loss.LOGITS_AT_ONCE // 4 < 32 * 64 * 2**15
