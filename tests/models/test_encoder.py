"""What an encoder must always do, whatever its options: `transformers` is asked in a file of its own."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from tlm_sweeps.models.encoder_heads import Classifier, MaskedLanguageModel
from tlm_sweeps.models.layers import Precision
from tlm_sweeps.spec.encoders import BertModel, ConvolutionSpec

WIDTH, CONTEXT, VOCABULARY, LABELS = 24, 12, 17, 5
TOKENS = torch.arange(3 * CONTEXT).view(3, CONTEXT).mul(7).remainder(VOCABULARY)
IS_REAL = torch.arange(CONTEXT) < torch.tensor([CONTEXT, 7, 2])[:, None]
PLACES = torch.tensor([[3, 11, 0, 5], [6, 0, 2, 1], [1, 0, 0, 1]])
CONVOLUTION = ConvolutionSpec(layers=2, kernel=(4, 3), channels=3)


def spec(depth: int = 2, **options: Any) -> BertModel:
    return BertModel(kind="bert", width=WIDTH, context=CONTEXT, depth=depth, heads=4, **options)


def masked(model: BertModel, precision: Precision = "fp32") -> MaskedLanguageModel:
    return MaskedLanguageModel(model, VOCABULARY, precision)


def classifier(model: BertModel, precision: Precision = "fp32") -> Classifier:
    return Classifier(model, VOCABULARY, LABELS, precision)


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
@pytest.mark.parametrize("training", [True, False])
def test_what_lies_under_the_padding_changes_nothing(precision: Precision, training: bool):
    """Also while training, where dropout must draw alike whatever the tokens are."""
    model, module = spec(), masked(spec(), precision).train(training)
    other = torch.where(IS_REAL, TOKENS, (TOKENS + 3) % VOCABULARY)
    logits = []
    for tokens in (TOKENS, other):
        torch.manual_seed(0)
        logits.append(module(tokens, IS_REAL, PLACES))
    assert torch.equal(*logits)
    everything = torch.ones_like(IS_REAL)
    seen = [masked(model).eval()(tokens, everything, PLACES) for tokens in (TOKENS, other)]
    assert not torch.allclose(*seen)


def test_every_place_sees_what_comes_before_and_after():
    torch.manual_seed(0)
    module, everything = masked(spec(depth=1)).eval(), torch.ones_like(IS_REAL)
    everywhere = torch.arange(CONTEXT).expand(3, CONTEXT)
    other = TOKENS.clone()
    other[:, 6] = (other[:, 6] + 1) % VOCABULARY
    before, after = (module(tokens, everything, everywhere) for tokens in (TOKENS, other))
    assert (before - after).abs().amax(-1).gt(1e-7).all()


@pytest.mark.parametrize("convolution", [None, CONVOLUTION])
def test_logits_of_a_place_do_not_depend_on_what_else_is_asked(convolution: ConvolutionSpec | None):
    torch.manual_seed(0)
    module = masked(spec(convolution=convolution)).eval()
    together = module(TOKENS, IS_REAL, PLACES)
    for column in range(PLACES.shape[1]):
        alone = module(TOKENS, IS_REAL, PLACES[:, column : column + 1])
        torch.testing.assert_close(together[:, column : column + 1], alone)


@pytest.mark.parametrize("convolution", [None, CONVOLUTION])
def test_a_classifier_takes_over_a_pretrained_encoder_by_name(convolution: ConvolutionSpec | None):
    torch.manual_seed(0)
    pretrained, tuned = masked(spec(convolution=convolution)), classifier(spec(convolution=convolution))
    pretrained(TOKENS, IS_REAL, PLACES)  # moves the statistics of a batch norm
    tuned.encoder.load_state_dict(pretrained.encoder.state_dict())
    first = torch.zeros(3, 1, dtype=torch.long)
    pretrained.eval()
    tuned.eval()
    features = pretrained.encoder(TOKENS, IS_REAL, first)[:, 0]
    expected = tuned.head(torch.tanh(tuned.pooler(features)))
    torch.testing.assert_close(tuned.labels(TOKENS, IS_REAL), expected)


def test_the_decoder_is_the_table_of_words():
    module = masked(spec())
    assert module.get_parameter("head.weight") is module.get_parameter("encoder.embeddings.words.weight")


@pytest.mark.parametrize("convolution", [None, CONVOLUTION])
def test_every_parameter_is_trained(convolution: ConvolutionSpec | None):
    model = spec(convolution=convolution)
    language, labels = masked(model), classifier(model)
    language(TOKENS, IS_REAL, PLACES).square().sum().backward()
    labels(TOKENS, IS_REAL).square().sum().backward()
    for module in (language, labels):
        assert all(each.grad is not None for each in module.parameters())


def test_dropout_acts_at_berts_places():
    """Where one position's branch is dropped, the bias that was added to it has a gradient of just 0."""
    torch.manual_seed(0)
    share = pytest.approx(0.3, abs=0.08)
    module = classifier(BertModel(kind="bert", width=400, heads=4, context=CONTEXT, depth=1, dropout=0.3))
    module(TOKENS[:1], IS_REAL[:1]).square().sum().backward()
    block = module.encoder.blocks[0]
    assert zeros(block.get_parameter("attention.out.bias").grad) == share
    assert zeros(block.get_parameter("outward.bias").grad) == share
    assert zeros(module.head.weight.grad) == share
    assert zeros(module.encoder.embeddings(TOKENS)) == share
    attention, x = block.get_submodule("attention"), torch.randn(3, CONTEXT, 400)
    assert not torch.equal(attention(x, x, IS_REAL), attention(x, x, IS_REAL))


def zeros(tensor: Tensor | None) -> float:
    """Share of the elements that are just 0."""
    assert tensor is not None
    return (tensor == 0).float().mean().item()


def test_dropout_acts_only_while_training():
    module = classifier(spec())
    assert not torch.equal(module(TOKENS, IS_REAL), module(TOKENS, IS_REAL))
    module.eval()
    assert torch.equal(module(TOKENS, IS_REAL), module(TOKENS, IS_REAL))
    still = classifier(spec(dropout=0.0))
    assert torch.equal(still(TOKENS, IS_REAL), still(TOKENS, IS_REAL))


@pytest.mark.parametrize("convolution", [None, CONVOLUTION])
def test_in_bfloat16_losses_and_gradients_are_those_of_float32_to_its_digits(convolution: ConvolutionSpec | None):
    torch.manual_seed(0)
    model = spec(convolution=convolution, dropout=0.0)
    pair = masked(model), masked(model, "bf16")
    assert_alike(
        *pair,
        lambda module: functional.cross_entropy(
            module(TOKENS, IS_REAL, PLACES).float().flatten(0, 1), PLACES.flatten()
        ),
    )
    pair = classifier(model), classifier(model, "bf16")
    assert_alike(
        *pair, lambda module: functional.cross_entropy(module(TOKENS, IS_REAL).float(), torch.tensor([0, 4, 1]))
    )


def assert_alike(full: nn.Module, low: nn.Module, loss_of: Any) -> None:
    low.load_state_dict(full.state_dict())
    losses: list[Tensor] = [loss_of(module) for module in (full, low)]
    torch.testing.assert_close(*losses, atol=0.01, rtol=0.01)
    for each in losses:
        each.backward()
    largest = max(each.grad.norm().item() for each in full.parameters() if each.grad is not None)
    for (name, expected), found in zip(full.named_parameters(), low.parameters(), strict=True):
        assert expected.grad is not None, name
        assert found.grad is not None, name
        assert found.grad.dtype == torch.float32
        # A bias before a batch norm has a gradient of 0, which is rounding and nothing else.
        allowed = 0.06 * expected.grad.norm().item() + 2e-3 * largest
        assert (found.grad - expected.grad).norm().item() < allowed, name
