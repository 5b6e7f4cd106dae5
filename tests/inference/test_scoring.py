"""A text's score: the record's on the run's own text, to the last bit, and an independent sum on any other."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from tlm_sweeps.corpora.opening import Corpus, open_corpus
from tlm_sweeps.errors import InputError
from tlm_sweeps.inference.kept_models import KeptModel
from tlm_sweeps.inference.other_texts import text_in_file, text_of_corpus
from tlm_sweeps.inference.scoring import score
from tlm_sweeps.inference.texts import text_of
from tlm_sweeps.models.language_model import LanguageModel
from tlm_sweeps.spec.experiment import CorpusSpec

Model = Callable[[str], KeptModel]
RUNS = [
    *(f"characters/{name}" for name in ("gpt2", "relu", "llama", "last", "linear", "mlp", "attention", "postnorm")),
    "words",
    "gaps/plain",
    "gaps/convolutional",
    "labels",
]
CONTEXT = 16


@pytest.mark.parametrize("name", RUNS)
def test_the_score_of_a_run_s_own_text_is_its_record_s(model: Model, name: str, place: Path):
    kept = model(name)

    test = score(kept, data_dir=place)
    valid = score(kept, split="valid", data_dir=place)

    assert (test.nll, valid.nll) == (kept.record.test_nll, kept.record.val_nll)
    assert (test.recorded_nll, valid.recorded_nll) == (test.nll, valid.nll)
    if kept.record.test_scores is not None:
        assert test.accuracy == kept.record.test_scores.accuracy


@pytest.mark.parametrize("name", ["words", "characters/last", "characters/attention"])
def test_the_same_text_from_a_file_has_the_same_score(model: Model, name: str, tmp_path: Path):
    kept = model(name)
    corpus = text_of(kept)
    assert isinstance(corpus, Corpus)
    file = tmp_path / "same.txt"
    unknown = next(chr(at) for at in range(0x4E00, 0x9FFF))  # of no vocabulary
    written = corpus.decode(corpus.test)
    file.write_text(written if name == "words" else written.replace("<unk>", unknown), encoding="utf-8")

    found, own = score(kept, other=text_in_file(file)), score(kept)

    assert (found.nll, found.targets, found.unknown_share) == (own.nll, own.targets, own.unknown_share)
    assert found.recorded_nll is None


def test_a_score_is_the_mean_over_all_places_of_disjoint_windows(model: Model, tmp_path: Path):
    kept = model("characters/gpt2")
    text = "attention is all that these sentences need. " * 20
    (tmp_path / "any.txt").write_text(text)

    found = score(kept, other=text_in_file(tmp_path / "any.txt"))

    corpus = text_of(kept)
    assert isinstance(corpus, Corpus)
    assert isinstance(kept.module, LanguageModel)
    ids = [corpus.vocabulary.index(each if each in corpus.vocabulary else "<unk>") for each in text]
    nlls = []
    for first in range(0, len(ids) - CONTEXT, CONTEXT):
        logits = kept.module(torch.tensor([ids[first : first + CONTEXT]]), "all")[0].detach().double()
        shares = logits.log_softmax(1)
        nlls += [-float(shares[at, ids[first + at + 1]]) for at in range(CONTEXT)]
    assert found.targets == len(nlls)
    assert found.nll == pytest.approx(sum(nlls) / len(nlls), rel=1e-5)
    assert found.perplexity == pytest.approx(math.exp(found.nll))
    read = ids[: len(nlls) + 1]
    assert found.unknown_share == pytest.approx(read.count(corpus.vocabulary.index("<unk>")) / len(read))
    assert found.bits_per_character is None, "an unknown character is not named"


def test_bits_are_of_characters_and_of_their_bytes(model: Model, tmp_path: Path):
    kept = model("characters/linear")
    corpus = text_of(kept)
    assert isinstance(corpus, Corpus)
    (tmp_path / "known.txt").write_text("".join(each for each in corpus.vocabulary if each != "<unk>") * 9)

    found = score(kept, other=text_in_file(tmp_path / "known.txt"))

    assert found.unknown_share == 0
    assert found.bits_per_character == pytest.approx(found.nll / math.log(2))
    assert found.bits_per_byte == found.bits_per_character, "ASCII"


def test_another_corpus_is_scored_on_its_held_out_text(model: Model, tmp_path: Path):
    docs = open_corpus(CorpusSpec(name="python-docs"))
    (tmp_path / "test.txt").write_text(docs.decode(docs.test))
    (tmp_path / "valid.txt").write_text(docs.decode(docs.valid))
    for kept in (model("characters/linear"), model("words")):
        for split in ("test", "valid"):
            found = score(kept, other=text_of_corpus("python-docs", split))
            expected = score(kept, other=text_in_file(tmp_path / f"{split}.txt"))

            assert (found.nll, found.targets) == (expected.nll, expected.targets)
            assert found.text == f"{split} of python-docs"


def test_an_encoder_scores_another_text_in_passages(model: Model, articles: Path, place: Path):
    kept = model("gaps/plain")

    whole = score(kept, other=text_in_file(articles))

    n_articles = articles.read_text().count("\n\n") + 1
    assert whole.windows >= n_articles
    assert 0 < whole.nll < math.log(200) * 1.5
    assert whole.unknown_share == 0
    with pytest.raises(InputError, match="has no labels"):
        score(model("labels"), other=text_in_file(articles), data_dir=place)


def test_a_text_that_cannot_be_scored_is_refused_with_its_reason(model: Model, tmp_path: Path):
    (tmp_path / "short.txt").write_text("too short")
    (tmp_path / "empty.txt").write_text("\n")
    with pytest.raises(InputError, match="has 9 tokens, and one window of the model needs 17"):
        score(model("characters/gpt2"), other=text_in_file(tmp_path / "short.txt"))
    with pytest.raises(InputError, match="holds no text"):
        text_in_file(tmp_path / "empty.txt")
    with pytest.raises(InputError, match="is not there"):
        text_in_file(tmp_path / "nothing.txt")
    with pytest.raises(InputError, match="no corpus is named"):
        text_of_corpus("nothing", "test")
