"""Tokens are drawn as the model's probabilities say, windows slide, and a short prompt is met as the model needs."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy import stats

from tlm_sweeps.corpora.opening import Corpus
from tlm_sweeps.errors import InputError
from tlm_sweeps.inference.filling import fill
from tlm_sweeps.inference.generating import Drawing, continued
from tlm_sweeps.inference.kept_models import KeptModel
from tlm_sweeps.inference.sampling import sample
from tlm_sweeps.inference.texts import pieces_of, text_of
from tlm_sweeps.models.encoder_heads import MaskedLanguageModel
from tlm_sweeps.models.language_model import LanguageModel

Model = Callable[[str], KeptModel]
START = torch.tensor([[3, 1, 4, 1, 5]])
CONTEXT = 16


def corpus_of(model: KeptModel) -> Corpus:
    corpus = text_of(model)
    assert isinstance(corpus, Corpus)
    return corpus


def language_model(model: KeptModel) -> LanguageModel:
    assert isinstance(model.module, LanguageModel)
    return model.module


@pytest.mark.parametrize(
    ("temperature", "top_k"), [(1.0, None), (0.5, None), (3.0, None), (1.0, 3), (1.0, 999)], ids=str
)
def test_tokens_are_as_frequent_as_the_model_says(model: Model, temperature: float, top_k: int | None):
    module, n = language_model(model("characters/gpt2")), 20_000
    drawing = Drawing(tokens=1, temperature=temperature, top_k=top_k, seed=7)

    found = continued(module, START.expand(n, -1), CONTEXT, drawing)

    logits = module(START, "all")[0, -1].detach().double().numpy() / temperature
    if top_k is not None and top_k < len(logits):
        logits[np.argsort(logits)[:-top_k]] = -np.inf
    expected = np.exp(logits) / np.exp(logits).sum() * n
    counts = np.bincount(found[:, 0].numpy(), minlength=len(logits))
    assert counts[expected == 0].sum() == 0
    likely = expected >= 5  # below, chi-squared is no approximation
    rare = [counts[~likely].sum()], [expected[~likely].sum()]
    observed, wanted = np.append(counts[likely], rare[0]), np.append(expected[likely], rare[1])
    kept = wanted > 0
    assert stats.chisquare(observed[kept], wanted[kept], sum_check=False).pvalue > 1e-4


def test_at_temperature_0_each_token_is_the_likeliest_after_the_last_window(model: Model):
    module = language_model(model("characters/gpt2"))

    (found,) = continued(module, START, CONTEXT, Drawing(tokens=40, temperature=0)).tolist()

    tokens = START[0].tolist()
    for token in found:
        window = torch.tensor([tokens[-CONTEXT:]])
        assert token == int(module(window, "all")[0, -1].argmax())
        tokens.append(token)


@pytest.mark.parametrize("drawing", [Drawing(temperature=1e-6), Drawing(top_k=1), Drawing(temperature=1e-300)], ids=str)
def test_a_low_temperature_or_one_choice_is_the_likeliest(model: Model, drawing: Drawing):
    module = language_model(model("characters/gpt2"))

    found = continued(module, START, CONTEXT, replace(drawing, tokens=20))

    assert torch.equal(found, continued(module, START, CONTEXT, Drawing(tokens=20, temperature=0)))


@pytest.mark.parametrize("temperature", [math.nan, math.inf, -0.5])
def test_a_temperature_that_is_none_is_refused(temperature: float):
    with pytest.raises(InputError, match="is no temperature"):
        Drawing(temperature=temperature)


def test_a_seed_gives_one_text_and_another_seed_another(model: Model):
    texts = [sample(model("characters/gpt2"), "the", Drawing(tokens=50, seed=seed)).continuations for seed in (1, 1, 2)]

    assert texts[0] == texts[1] != texts[2]


def test_samples_are_several_texts_of_the_asked_length_that_begin_with_the_prompt(model: Model):
    found = sample(model("characters/gpt2"), "the", Drawing(tokens=30), samples=4)

    assert len(set(found.texts)) == 4
    assert all(text.startswith("the") for text in found.texts)
    assert len(found.continuations[0].replace("<unk>", "?")) == 30


def test_a_model_of_all_positions_reads_a_short_prompt_alone(model: Model):
    found = sample(model("characters/gpt2"), "the", Drawing(tokens=5))

    assert found.lead_in == ""


@pytest.mark.parametrize("name", ["linear", "mlp", "last"])
def test_a_model_of_full_windows_gets_validation_text_before_a_short_prompt(model: Model, name: str):
    kept = model(f"characters/{name}")
    corpus = corpus_of(kept)

    found = sample(kept, "the", Drawing(tokens=1, temperature=0))

    valid, prompt = corpus.decode(corpus.valid), corpus.encode("the")
    assert valid.count(found.lead_in) >= 1
    ends = [at for at in range(CONTEXT - 3, len(corpus.valid)) if corpus.decode(corpus.valid[at - 1 : at]) == "\n"]
    lead_in = corpus.valid[ends[0] - CONTEXT + 3 : ends[0]] if ends else corpus.valid[: CONTEXT - 3]
    assert found.lead_in == corpus.decode(lead_in)
    window = torch.tensor([[*lead_in.tolist(), *prompt.tolist()]])
    assert window.shape == (1, CONTEXT)
    likeliest = int(language_model(kept)(window, "last").argmax())
    assert found.continuations == (corpus.decode([likeliest]),)


def test_without_a_prompt_validation_text_is_continued(model: Model):
    kept = model("words")

    found = sample(kept, "", Drawing(tokens=3))

    assert found.texts == found.continuations
    assert found.lead_in in corpus_of(kept).decode(corpus_of(kept).valid)
    assert found.lead_in.endswith("\n")


def test_words_are_put_a_blank_apart_and_unknown_ones_are_counted(model: Model):
    found = sample(model("words"), "the zebra of", Drawing(tokens=2))

    assert found.prompt == "the <unk> of"
    assert found.unknown == 1
    assert found.texts[0].startswith("the <unk> of ")


@pytest.mark.parametrize("name", ["gaps", "labels"])
def test_an_encoder_does_not_continue(model: Model, name: str):
    with pytest.raises(InputError, match="not what comes next"):
        sample(model(name), "the", Drawing())


@pytest.mark.parametrize("name", ["gaps/plain", "gaps/convolutional"])
def test_gaps_are_filled_by_the_probabilities_of_a_padded_window(model: Model, name: str):
    kept = model(name)
    pieces = pieces_of(kept)

    found = fill(kept, "the [MASK] of a [MASK] new", candidates=200)

    ids = [pieces.ids["[CLS]"], *pieces.encode("the").tolist(), pieces.ids["[MASK]"]]
    ids += [*pieces.encode("of a").tolist(), pieces.ids["[MASK]"], *pieces.encode("new").tolist(), pieces.ids["[SEP]"]]
    window = torch.tensor([ids + [pieces.ids["[PAD]"]] * (12 - len(ids))])
    places = torch.tensor([[at for at, each in enumerate(ids) if each == pieces.ids["[MASK]"]]])
    assert isinstance(kept.module, MaskedLanguageModel)
    logits = kept.module(window, window != pieces.ids["[PAD]"], places)[0].detach()
    logits[:, [pieces.ids[each] for each in ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")]] = -torch.inf
    for gap, shares in zip(found.gaps, logits.softmax(1), strict=True):
        assert [each.probability for each in gap] == sorted((each.probability for each in gap), reverse=True)
        assert sum(each.probability for each in gap) == pytest.approx(1, abs=1e-5)
        for each in gap[:20]:
            assert each.probability == pytest.approx(float(shares[pieces.ids[each.piece]]), abs=1e-6)
    best = [gap[0].piece for gap in found.gaps]
    whole = pieces.decode([*ids[1 : places[0, 0]], pieces.ids[best[0]], *ids[places[0, 0] + 1 : places[0, 1]]])
    assert found.text.startswith(whole)


@pytest.mark.parametrize(
    ("prompt", "said"),
    [("the city", r"no \[MASK\]"), ("the " * 30 + "[MASK]", "has room for 10")],
    ids=["none", "long"],
)
def test_a_text_without_gaps_or_without_end_is_refused(model: Model, prompt: str, said: str):
    with pytest.raises(InputError, match=said):
        fill(model("gaps"), prompt)
