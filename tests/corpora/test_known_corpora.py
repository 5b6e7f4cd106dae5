"""The known corpora have the counts that were published, and the study's slices are its very slices."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Literal

import numpy as np
import pytest

from tlm_sweeps.corpora.opening import corpus_facts, open_corpus
from tlm_sweeps.errors import InputError
from tlm_sweeps.spec.experiment import CorpusSpec, FirstTokens, SplitShares


def words_of(path: Path) -> list[str]:
    packed = path.with_name(path.name + ".gz")
    return (gzip.decompress(packed.read_bytes()) if packed.exists() else path.read_bytes()).decode().split()


@pytest.mark.parametrize(
    ("name", "eos", "vocabulary_size", "counts"),
    [
        ("ptb", False, 9_999, (887_521, 70_390, 78_669)),
        ("ptb", True, 10_000, (929_589, 73_760, 82_430)),
        ("wikitext-2", False, 33_277, (2_051_910, 213_886, 241_211)),
        ("wikitext-2", True, 33_278, (2_088_628, 217_646, 245_569)),
    ],
)
def test_word_corpora_have_the_published_counts(
    data_folder: Path, name: str, eos: bool, vocabulary_size: int, counts: tuple[int, int, int]
):
    facts = corpus_facts(CorpusSpec(name=name, level="word", eos=eos), data_folder)
    assert (facts.n_train, facts.n_valid, facts.n_test) == counts
    assert facts.vocabulary_size == vocabulary_size


def test_tiny_shakespeare_has_the_published_counts_and_splits_by_shares(data_folder: Path):
    split = SplitShares(train=0.9, valid=0.05)
    facts = corpus_facts(CorpusSpec(name="tiny-shakespeare", split=split), data_folder)
    assert facts.vocabulary_size == 65
    assert facts.n_train == 1_003_854
    assert facts.n_train + facts.n_valid + facts.n_test == 1_115_394


def test_paper_split_of_tiny_shakespeare_is_the_papers_slices(data_folder: Path):
    text = gzip.decompress((data_folder / "tinyshakespeare" / "input.txt.gz").read_bytes()).decode()
    corpus = open_corpus(CorpusSpec(name="tiny-shakespeare", split="paper"), data_folder)
    assert corpus.decode(corpus.train) == text[0:892117]
    assert corpus.decode(corpus.valid) == text[892118:1003787]
    assert corpus.decode(corpus.test) == text[1003788:1115394]
    assert corpus.vocabulary == tuple(sorted(set(text)))


@pytest.mark.parametrize(
    ("name", "file", "vocabulary_size"), [("ptb", "ptb.{}.txt", 9_999), ("wikitext-2", "wiki.{}.tokens", 33_277)]
)
def test_paper_split_of_words_is_the_first_words_with_the_vocabulary_of_all_of_train(
    data_folder: Path, name: str, file: str, vocabulary_size: int
):
    corpus = open_corpus(CorpusSpec(name=name, level="word", split="paper"), data_folder)
    assert corpus.facts.vocabulary_size == vocabulary_size
    for split, count in (("train", 80_000), ("valid", 20_000), ("test", 20_000)):
        ids = getattr(corpus, split)
        assert [corpus.vocabulary[i] for i in ids] == words_of(data_folder / name / file.format(split))[:count]


def test_smaller_caps_win_over_the_papers_and_larger_ones_do_not(data_folder: Path):
    caps = FirstTokens(train=1_000, valid=10**6)
    facts = corpus_facts(CorpusSpec(name="ptb", level="word", split="paper", first_tokens=caps), data_folder)
    assert (facts.n_train, facts.n_valid, facts.n_test) == (1_000, 20_000, 20_000)


def test_files_are_the_default_split_and_shares_split_their_whole_by_position(data_folder: Path):
    spec = CorpusSpec(name="ptb", level="word")
    official = corpus_facts(spec, data_folder)
    asked = corpus_facts(spec.model_copy(update={"split": "official"}), data_folder)
    shares = corpus_facts(spec.model_copy(update={"split": SplitShares()}), data_folder)
    assert official == asked
    total = official.n_train + official.n_valid + official.n_test
    assert (shares.n_train, shares.n_valid) == (total * 8 // 10, total * 9 // 10 - total * 8 // 10)


def test_ten_million_characters_of_wikipedia_have_a_vocabulary_of_their_own_size(data_folder: Path):
    """Its first 10 MB are 99.84 % ASCII; the 96 most frequent characters of train leave out fewer than that."""
    caps = FirstTokens(train=10_000_000)
    corpus = open_corpus(CorpusSpec(name="wikipedia-subset", vocabulary=97, first_tokens=caps), data_folder)
    facts = corpus.facts
    assert (facts.vocabulary_size, facts.n_train, facts.n_valid, facts.n_test) == (97, 10_000_000, 483_398, 596_117)
    text = gzip.decompress((data_folder / "wikipedia_subset" / "train.txt.gz").read_bytes()).decode()[:2_000]
    assert corpus.decode(corpus.train[:2_000]) == "".join(
        each if each in corpus.vocabulary else "<unk>" for each in text
    )
    unknown = corpus.vocabulary.index("<unk>")
    assert (corpus.train == unknown).mean() < 0.0016
    uncut = corpus_facts(CorpusSpec(name="wikipedia-subset", first_tokens=caps), data_folder)
    assert uncut.vocabulary_size > 1_187
    assert uncut.fingerprint != facts.fingerprint


def test_python_docs_need_no_file():
    corpus = open_corpus(CorpusSpec(name="python-docs"))
    text = "".join(corpus.decode(ids) for ids in (corpus.train, corpus.valid, corpus.test))
    assert 'The "assert" statement' in text
    assert corpus.vocabulary == tuple(sorted(set(text)))
    assert corpus.train.dtype == np.uint8
    assert corpus.facts.n_train == len(text) * 8 // 10


@pytest.mark.parametrize(
    ("name", "level", "split"),
    [
        ("python-docs", "char", "paper"),
        ("python-docs", "char", "official"),
        ("tiny-shakespeare", "word", "paper"),
        ("tiny-shakespeare", "char", "official"),
        ("ptb", "char", "paper"),
    ],
)
def test_splits_that_a_corpus_does_not_have_are_refused(
    data_folder: Path, name: str, level: Literal["char", "word"], split: Literal["paper", "official"]
):
    with pytest.raises(InputError, match=name) as error:
        open_corpus(CorpusSpec(name=name, level=level, split=split), data_folder)
    assert error.value.problems[0].place == "experiment.corpus.split"
    assert error.value.problems[0].hint
