"""Encoders, masked language models and classifiers against those of `transformers`, with the same weights."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from tlm_sweeps.models.encoder import Encoder
from tlm_sweeps.models.encoder_heads import Classifier, MaskedLanguageModel
from tlm_sweeps.spec.encoders import BertModel
from tlm_sweeps.training.examples import Examples
from tlm_sweeps.training.loss import label_nll, masked_nll
from tlm_sweeps.training.masking import MaskedWindows

WIDTH, CONTEXT, VOCABULARY, LABELS = 24, 10, 17, 5

IS_REAL = torch.arange(CONTEXT) < torch.tensor([CONTEXT, 7, 3, 1])[:, None]
"""Windows with more and more padding behind them."""
TOKENS = torch.where(IS_REAL, 1 + torch.arange(4 * CONTEXT).view(4, CONTEXT).mul(7).remainder(VOCABULARY - 1), 0)

NAMES = (
    (r"^encoder\.", "bert."),
    (r"^pooler\.", "bert.pooler.dense."),
    (r"^transform\.", "cls.predictions.transform.dense."),
    (r"^norm\.", "cls.predictions.transform.LayerNorm."),
    (r"embeddings\.norm", "embeddings.LayerNorm"),
    (r"\b(word|position|token_type)s\.", r"\1_embeddings."),
    (r"\bblocks\.", "encoder.layer."),
    (r"attention\.out\.", "attention.output.dense."),
    (r"attention_norm", "attention.output.LayerNorm"),
    (r"attention\.qkv", "attention.self.qkv"),
    (r"ffn_norm", "output.LayerNorm"),
    (r"inward", "intermediate.dense"),
    (r"outward", "output.dense"),
)
"""Our parts and theirs."""


@pytest.fixture(params=[{"depth": 1, "heads": 2}, {"depth": 3, "heads": 4, "ffn_width": 31}], ids=str)
def model(request: pytest.FixtureRequest) -> BertModel:
    return BertModel(kind="bert", width=WIDTH, context=CONTEXT, **request.param)


def config(model: BertModel, **options: Any) -> Any:
    from transformers import BertConfig

    return BertConfig(
        vocab_size=VOCABULARY,
        hidden_size=WIDTH,
        num_hidden_layers=model.depth,
        num_attention_heads=model.heads,
        intermediate_size=model.ffn_width or 4 * WIDTH,
        max_position_embeddings=CONTEXT,
        **options,
    )


def in_their_names(ours: Iterable[tuple[str, Tensor | None]], head: str) -> Iterator[tuple[str, Tensor]]:
    """Tensors by our names, by theirs; the one matrix of queries, keys and values as three.

    Args:
        ours: weights or gradients.
        head: what the last layer is called there.
    """
    for name, tensor in ours:
        assert tensor is not None, name
        for ours_pattern, theirs in (*NAMES, (r"^head\.", head)):
            name = re.sub(ours_pattern, theirs, name)  # noqa: PLW2901 - a chain of replacements
        if "qkv" in name:
            thirds = zip(("query", "key", "value"), tensor.chunk(3), strict=True)
            yield from ((name.replace("qkv", part), third) for part, third in thirds)
        else:
            yield name, tensor


@torch.no_grad()
def given_one_set_of_weights(ours: nn.Module, theirs: nn.Module, head: str) -> None:
    """Weights that are drawn large, so that biases, gains and attention all matter; dropout is off in both."""
    random = torch.Generator().manual_seed(0)
    for each in ours.parameters():
        each.add_(torch.randn(each.shape, generator=random), alpha=0.2)
    found, parameters = dict(in_their_names(ours.named_parameters(), head)), dict(theirs.named_parameters())
    assert found.keys() == parameters.keys()
    for name, parameter in parameters.items():
        parameter.copy_(found[name])
    ours.eval()
    theirs.eval()


def assert_equal_gradients(ours: nn.Module, theirs: nn.Module, head: str) -> None:
    found = dict(in_their_names(((name, each.grad) for name, each in ours.named_parameters()), head))
    for name, parameter in theirs.named_parameters():
        assert parameter.grad is not None, name
        torch.testing.assert_close(found[name], parameter.grad, atol=2e-5, rtol=1e-4, msg=f"of {name}")


def test_an_encoder_is_bert(model: BertModel):
    from transformers import BertModel as TheirModel

    ours, theirs = Encoder(model, VOCABULARY), TheirModel(config(model), add_pooling_layer=False)
    given_one_set_of_weights(ours, theirs, "")
    expected = theirs(input_ids=TOKENS, attention_mask=IS_REAL.long()).last_hidden_state
    everywhere = torch.arange(CONTEXT).expand(4, CONTEXT)
    torch.testing.assert_close(ours(TOKENS, IS_REAL, everywhere), expected, atol=2e-5, rtol=1e-4)
    some = torch.tensor([[0, 9, 4], [6, 0, 2], [1, 1, 0], [0, 0, 0]])
    wanted = torch.stack([row[places] for row, places in zip(expected, some, strict=True)])
    torch.testing.assert_close(ours(TOKENS, IS_REAL, some), wanted, atol=2e-5, rtol=1e-4)


def test_a_window_shorter_than_the_context_is_one_without_padding(model: BertModel):
    from transformers import BertModel as TheirModel

    ours, theirs = Encoder(model, VOCABULARY), TheirModel(config(model), add_pooling_layer=False)
    given_one_set_of_weights(ours, theirs, "")
    places, tokens, is_real = torch.arange(3).expand(4, 3), TOKENS[:, :3], torch.ones(4, 3, dtype=torch.bool)
    expected = theirs(input_ids=tokens).last_hidden_state
    torch.testing.assert_close(ours(tokens, is_real, places), expected, atol=2e-5, rtol=1e-4)


def test_a_masked_language_model_is_berts_to_its_gradients(model: BertModel):
    from transformers import BertForMaskedLM

    ours, theirs = MaskedLanguageModel(model, VOCABULARY), BertForMaskedLM(config(model))
    given_one_set_of_weights(ours, theirs, "cls.predictions.")
    tokens, is_real = TOKENS[:3], IS_REAL[:3]
    places = torch.tensor([[0, 9, 4], [6, 0, 2], [1, 2, 0]])
    targets = torch.tensor([[3, 1, 16], [2, 2, 5], [8, 4, 6]])
    labels = torch.full_like(tokens, -100).scatter(1, places, targets)  # -100: not predicted

    expected = theirs(input_ids=tokens, attention_mask=is_real.long(), labels=labels)
    logits = ours(tokens, is_real, places)
    loss = functional.cross_entropy(logits.flatten(0, 1), targets.flatten())
    wanted = expected.logits.gather(1, places[..., None].expand(-1, -1, VOCABULARY))
    torch.testing.assert_close(logits, wanted, atol=5e-5, rtol=1e-4)
    torch.testing.assert_close(loss, expected.loss)

    loss.backward()
    expected.loss.backward()
    assert_equal_gradients(ours, theirs, "cls.predictions.")


def test_the_nll_of_masked_windows_is_berts_where_short_ones_repeat_their_places(model: BertModel):
    from transformers import BertForMaskedLM

    ours, theirs = MaskedLanguageModel(model, VOCABULARY), BertForMaskedLM(config(model))
    given_one_set_of_weights(ours, theirs, "cls.predictions.")
    places = torch.tensor([[1, 8, 4], [5, 3, 2], [1, 1, 1], [0, 0, 0]])
    weights = torch.tensor([[1.0, 1, 1], [1, 1, 1], [1, 0, 0], [1, 0, 0]])
    targets = torch.tensor([[3, 1, 16], [2, 2, 5], [8, 8, 8], [7, 7, 7]])
    labels = torch.full_like(TOKENS, -100).scatter(1, places, targets)
    expected = theirs(input_ids=TOKENS, attention_mask=IS_REAL.long(), labels=labels)
    found = masked_nll(ours, MaskedWindows(TOKENS, IS_REAL, places, targets, weights))
    torch.testing.assert_close(found, expected.loss)


def test_a_classifier_is_berts_to_its_gradients(model: BertModel):
    from transformers import BertForSequenceClassification

    ours = Classifier(model, VOCABULARY, LABELS)
    theirs = BertForSequenceClassification(config(model, num_labels=LABELS))
    given_one_set_of_weights(ours, theirs, "classifier.")
    wanted = torch.tensor([4, 0, 2, 2])

    expected = theirs(input_ids=TOKENS, attention_mask=IS_REAL.long(), labels=wanted)
    logits = ours.labels(TOKENS, IS_REAL)
    torch.testing.assert_close(logits, expected.logits, atol=2e-5, rtol=1e-4)

    loss = label_nll(ours, Examples(TOKENS, IS_REAL, wanted))
    torch.testing.assert_close(loss, expected.loss)
    loss.backward()
    expected.loss.backward()
    assert_equal_gradients(ours, theirs, "classifier.")


def test_first_weights_are_drawn_as_berts(model: BertModel):
    from transformers import BertForMaskedLM

    torch.manual_seed(0)
    ours, theirs = MaskedLanguageModel(model, VOCABULARY), BertForMaskedLM(config(model))
    found = dict(in_their_names(ours.named_parameters(), "cls.predictions."))
    for name, parameter in theirs.named_parameters():
        if parameter.std(correction=0) == 0:
            assert torch.equal(found[name], parameter), name
        else:
            close = pytest.approx(0.02, rel=5 / parameter.numel() ** 0.5)
            assert found[name].std().item() == close, name
