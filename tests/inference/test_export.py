"""Exported models in `transformers`: the same NLL on real text, the same tokens, and no weight missing or left over."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from tlm_sweeps.corpora.labelled_arrays import LabelledSet
from tlm_sweeps.corpora.opening import Corpus
from tlm_sweeps.corpora.passage_arrays import Passages
from tlm_sweeps.errors import InputError
from tlm_sweeps.inference.generating import Drawing
from tlm_sweeps.inference.hugging_face.decoders import final_bias
from tlm_sweeps.inference.hugging_face.exporting import export_model
from tlm_sweeps.inference.kept_models import KeptModel
from tlm_sweeps.inference.sampling import sample
from tlm_sweeps.inference.scoring import score
from tlm_sweeps.inference.texts import pieces_of, text_of
from tlm_sweeps.training.passages import held_out

Model = Callable[[str], KeptModel]
DECODERS = {
    "characters/gpt2": "GPT2LMHeadModel",
    "characters/relu": "GPT2LMHeadModel",
    "characters/plain": "GPT2LMHeadModel",
    "characters/last": "GPT2LMHeadModel",
    "characters/rotating": "Starcoder2ForCausalLM",
    "characters/llama": "LlamaForCausalLM",
    "words": "GPT2LMHeadModel",
}


def in_transformers(folder: Path, architecture: str) -> Any:
    """The model as `transformers` reads it, with every weight in its place."""
    import transformers

    model, found = getattr(transformers, architecture).from_pretrained(folder, output_loading_info=True)
    assert not any(found[kind] for kind in ("missing_keys", "unexpected_keys", "mismatched_keys")), found
    auto = {
        "BertForMaskedLM": transformers.AutoModelForMaskedLM,
        "BertForSequenceClassification": transformers.AutoModelForSequenceClassification,
    }.get(architecture, transformers.AutoModelForCausalLM)
    assert type(auto.from_pretrained(folder)) is type(model)
    return model.eval()


def corpus_of(model: KeptModel) -> Corpus:
    corpus = text_of(model)
    assert isinstance(corpus, Corpus)
    return corpus


@torch.no_grad()
def nll_there(theirs: Any, ids: np.ndarray, context: int, *, last: bool) -> float:
    """Mean NLL over windows as the run's evaluation has them: disjoint, or each start where the last is scored."""
    stride = 1 if last else context
    rows = np.lib.stride_tricks.sliding_window_view(ids.astype(np.int64), context + 1)[::stride]
    tokens = torch.from_numpy(rows.copy())
    shares = theirs(tokens[:, :-1]).logits.double().log_softmax(-1)
    nlls = -shares.gather(2, tokens[:, 1:, None])[..., 0]
    return float((nlls[:, -1] if last else nlls).mean())


@pytest.mark.parametrize(("name", "architecture"), DECODERS.items())
def test_a_decoder_has_the_same_nll_there(model: Model, name: str, architecture: str, tmp_path: Path):
    kept = model(name)

    exported = export_model(kept, tmp_path / "model")

    assert exported.architecture == architecture
    theirs = in_transformers(tmp_path / "model", architecture)
    predicts_last = kept.experiment.training.predict == "last"
    found = nll_there(theirs, corpus_of(kept).test, kept.experiment.model.context, last=predicts_last)
    assert kept.record.test_nll is not None
    assert found < math.log(theirs.config.vocab_size), "it has learned something"
    assert found == pytest.approx(kept.record.test_nll, abs=1e-5)


@pytest.mark.parametrize("name", ["characters/gpt2", "characters/llama"])
def test_it_generates_the_same_text_there(model: Model, name: str, tmp_path: Path):
    kept = model(name)
    export_model(kept, tmp_path / "model")
    theirs = in_transformers(tmp_path / "model", DECODERS[name])
    start = torch.from_numpy(corpus_of(kept).encode("the ").astype(np.int64))[None]

    found = theirs.generate(
        start, attention_mask=torch.ones_like(start), max_new_tokens=12, do_sample=False, pad_token_id=0
    )

    ours = sample(kept, "the ", Drawing(tokens=12, temperature=0))
    assert corpus_of(kept).decode(found[0, 4:].numpy()) == ours.continuations[0]


@pytest.mark.parametrize("name", ["characters/gpt2", "words"])
def test_its_tokenizer_is_ours(model: Model, name: str, tmp_path: Path):
    from transformers import AutoTokenizer

    kept = model(name)
    export_model(kept, tmp_path / "model")
    tokenizer = AutoTokenizer.from_pretrained(tmp_path / "model")
    corpus = corpus_of(kept)

    for text in ("the new\nsummit of a", "  two  blanks\t", "zebra, ¿é?\r\n"):
        assert tokenizer(text)["input_ids"] == corpus.encode(text).tolist(), text
    known = corpus.encode("the new")
    assert tokenizer.decode(known.tolist()) == corpus.decode(known)


@pytest.mark.parametrize("architecture", ["BertForMaskedLM"])
def test_an_encoder_that_fills_gaps_has_the_same_nll_there(model: Model, architecture: str, tmp_path: Path):
    kept = model("gaps/plain")
    passages = text_of(kept)
    assert isinstance(passages, Passages)

    assert export_model(kept, tmp_path / "model").architecture == architecture

    theirs = in_transformers(tmp_path / "model", architecture)
    windows = held_out(kept.experiment, passages, "test", torch.device("cpu"))
    with torch.no_grad():
        logits = theirs(windows.inputs, attention_mask=windows.is_real.long()).logits.double()
    shares = logits.log_softmax(-1).gather(1, windows.places[..., None].expand(-1, -1, logits.shape[2]))
    nlls = -shares.gather(2, windows.targets[..., None])[..., 0]
    found = float((nlls * windows.weights).sum() / windows.weights.sum())
    assert found == pytest.approx(score(kept).nll, abs=1e-5)


def test_a_classifier_has_the_same_logits_and_labels_there(model: Model, place: Path, tmp_path: Path):
    kept = model("labels")
    labelled = text_of(kept, place)
    assert isinstance(labelled, LabelledSet)

    export_model(kept, tmp_path / "model", place)

    theirs = in_transformers(tmp_path / "model", "BertForSequenceClassification")
    ids, is_real = (
        torch.from_numpy(np.array(each).astype(np.int64)) for each in (labelled.test.ids, labelled.test.is_real)
    )
    with torch.no_grad():
        shares = theirs(ids, attention_mask=is_real).logits.double().log_softmax(-1)
    labels = torch.from_numpy(np.array(labelled.test.labels).astype(np.int64))
    assert float(-shares.gather(1, labels[:, None]).mean()) == pytest.approx(kept.record.test_nll, abs=1e-5)
    assert tuple(theirs.config.id2label.values()) == labelled.facts.labels


def test_its_word_pieces_are_ours(model: Model, tmp_path: Path):
    from transformers import AutoTokenizer

    kept = model("gaps/plain")
    pieces = pieces_of(kept)
    export_model(kept, tmp_path / "model")
    tokenizer = AutoTokenizer.from_pretrained(tmp_path / "model")

    frame = pieces.ids["[CLS]"], pieces.ids["[SEP]"]
    for text in ("The NEW summit, of a city", "Ünïcode ☃"):
        assert tokenizer(text)["input_ids"] == [frame[0], *pieces.encode(text).tolist(), frame[1]]
    assert tokenizer.mask_token_id == pieces.ids["[MASK]"]
    assert pieces.ids["[MASK]"] in tokenizer("the [MASK] of")["input_ids"]
    assert tokenizer("the", padding="max_length", max_length=6)["attention_mask"] == [1, 1, 1, 0, 0, 0]


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("characters/linear", "`linear` models have no architecture in transformers"),
        ("characters/mlp", "`mlp` models have no architecture in transformers"),
        ("characters/postnorm", "GPT2LMHeadModel, has norm_placement: pre, not post"),
        ("gaps/convolutional", "no convolutions"),
    ],
)
def test_what_they_have_not_is_refused_and_nothing_written(model: Model, name: str, said: str, tmp_path: Path):
    with pytest.raises(InputError, match=said):
        export_model(model(name), tmp_path / "model")
    assert not (tmp_path / "model").exists()


def test_a_folder_with_something_in_it_is_left_alone(model: Model, tmp_path: Path):
    (tmp_path / "mine.txt").write_text("mine")

    with pytest.raises(InputError, match="holds files already"):
        export_model(model("words"), tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


@pytest.mark.parametrize("n_tokens", [9, 17])
def test_a_head_s_bias_is_moved_without_a_change_of_probabilities(n_tokens: int):
    random = torch.Generator().manual_seed(0)
    weight, bias = torch.randn(n_tokens, 16, generator=random), torch.randn(n_tokens, generator=random)
    features = torch.randn(50, 16, generator=random)

    moved = final_bias(weight, bias, "here")

    expected = torch.nn.functional.linear(features, weight, bias).softmax(1)
    torch.testing.assert_close(((features + moved) @ weight.t()).softmax(1), expected, atol=2e-5, rtol=1e-3)


def test_a_bias_of_more_tokens_than_the_width_can_carry_is_refused():
    random = torch.Generator().manual_seed(0)
    weight, bias = torch.randn(40, 16, generator=random), torch.randn(40, generator=random)

    with pytest.raises(InputError, match="the 16 biases of its last norm cannot stand in for those of 40 tokens"):
        final_bias(weight, bias, "here")


def test_the_card_says_what_the_model_is(model: Model, tmp_path: Path):
    kept = model("characters/last")
    export_model(kept, tmp_path / "model")

    card = (tmp_path / "model" / "README.md").read_text()
    assert f"{kept.record.test_nll:.4f}" in card
    assert kept.facts.fingerprint in card
    assert "a full window only" in card
    config = json.loads((tmp_path / "model" / "config.json").read_text())
    assert config["architectures"] == ["GPT2LMHeadModel"]
