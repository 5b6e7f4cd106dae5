"""Passages against their rule: articles in a seeded order, by rounds, framed and padded; and what cannot be cut."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import datasets
import numpy as np
import pyarrow as pa
import pyarrow.parquet
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tlm_sweeps.corpora.articles import split_articles
from tlm_sweeps.corpora.passages import Passages, choose_passages, open_passages, passage_facts
from tlm_sweeps.corpora.pieces import SPECIAL_PIECES
from tlm_sweeps.errors import InputError, Problem
from tlm_sweeps.spec.experiment import CorpusSpec, FirstTokens, SplitShares
from tlm_sweeps.spec.passages import PassagesSpec, PiecesFile, TrainedPieces

WORDS = [f"w{number}" for number in range(60)]
PIECES = (*SPECIAL_PIECES, *WORDS)
"""Every word of these tests is one piece."""


@pytest.fixture
def pieces(tmp_path: Path) -> PiecesFile:
    (tmp_path / "vocab.txt").write_text("\n".join(PIECES), encoding="utf-8")
    return PiecesFile(path=str(tmp_path / "vocab.txt"))


@pytest.fixture
def corpus(tmp_path: Path) -> CorpusSpec:
    """Three articles to train on, of 7, 2 and 5 words over several lines, and one each for valid and test."""
    folder = tmp_path / "mine"
    folder.mkdir()
    (folder / "train.txt").write_text(
        "w0 w1\nw2 w3 w4 w5\nw6\n\nw10 w11\n \n\nw20 w21 w22\nw23 w24\n", encoding="utf-8"
    )
    (folder / "valid.txt").write_text("w30 w31 w32\nw33\n", encoding="utf-8")
    (folder / "test.txt").write_text("w40 w41 w42 w43 w44 w45\n", encoding="utf-8")
    return CorpusSpec(path=str(folder))


def as_words(opened: Passages, rows: np.ndarray) -> list[str]:
    return [" ".join(opened.pieces.vocabulary[number] for number in row) for row in rows]


def numbers_of(line: str) -> np.ndarray:
    return np.array(line.split(), dtype=np.uint16)


def by_rule(articles: list[str], room: int, seed: int, per_article: int | None, wanted: int | None) -> list[list[int]]:
    """The rule in as many words: cut each article, then sort by round and by the article's place in the order."""
    ranked = []
    for place, number in enumerate(np.random.default_rng(seed).permutation(len(articles))):
        ids = [int(each) for each in articles[number].split()]
        chunks = [ids[first : first + room] for first in range(0, len(ids), room)]
        kept = [chunk for nth, chunk in enumerate(chunks) if len(chunk) == room or nth == 0]
        ranked += [(nth, place, chunk) for nth, chunk in enumerate(kept[:per_article])]
    return [chunk for _, _, chunk in sorted(ranked)[:wanted]]


articles_of_numbers = st.lists(
    st.lists(st.lists(st.integers(0, 999).map(str), max_size=6).map(" ".join), max_size=4).map("\n".join), max_size=7
)


@given(
    articles_of_numbers,
    st.integers(1, 5),
    st.integers(0, 9),
    st.none() | st.integers(1, 3),
    st.none() | st.integers(1, 20),
)
def test_passages_follow_their_rule(
    articles: list[str], room: int, seed: int, per_article: int | None, wanted: int | None
):
    chosen = choose_passages(articles, numbers_of, room, seed=seed, per_article=per_article, wanted=wanted)
    assert [each.tolist() for each in chosen] == by_rule(articles, room, seed, per_article, wanted)


def test_the_order_is_that_of_the_studys_shuffle():
    """`datasets` shuffles rows; the study takes the first of them."""
    rows = datasets.Dataset.from_dict({"text": [str(number) for number in range(500)]}).shuffle(seed=42)
    chosen = choose_passages([str(number) for number in range(500)], numbers_of, 1, seed=42, wanted=100)
    assert [str(each[0]) for each in chosen] == rows["text"][:100]


def test_a_passage_is_framed_and_padded(corpus: CorpusSpec, pieces: PiecesFile):
    opened = open_passages(corpus, PassagesSpec(pieces=pieces, length=6))
    assert sorted(as_words(opened, opened.train)) == [
        "[CLS] w0 w1 w2 w3 [SEP]",
        "[CLS] w10 w11 [SEP] [PAD] [PAD]",
        "[CLS] w20 w21 w22 w23 [SEP]",
    ]
    assert as_words(opened, opened.valid) == ["[CLS] w30 w31 w32 w33 [SEP]"]
    assert as_words(opened, opened.test) == ["[CLS] w40 w41 w42 w43 [SEP]"]
    assert opened.train.dtype == np.uint16
    real = opened.is_real(opened.train)
    assert real.sum(axis=1).tolist() == [4 if "[PAD]" in row else 6 for row in as_words(opened, opened.train)]
    facts = opened.facts
    assert (facts.n_train, facts.n_valid, facts.n_test, facts.n_train_pieces) == (3, 1, 1, 16)
    assert (facts.length, facts.vocabulary_size, facts.pieces) == (6, len(PIECES), "vocab.txt")


def test_fewer_passages_are_the_first_of_more(corpus: CorpusSpec, pieces: PiecesFile):
    everything = open_passages(corpus, PassagesSpec(pieces=pieces, length=4))
    assert len(everything.train) == 6
    for count in (1, 3, 5):
        few = open_passages(corpus, PassagesSpec(pieces=pieces, length=4, first_passages=count))
        assert few.train.tolist() == everything.train[:count].tolist()
        assert few.valid.tolist() == everything.valid.tolist()
    fingerprints = {
        passage_facts(corpus, PassagesSpec(pieces=pieces, length=4, first_passages=count)).fingerprint
        for count in (1, 3, 5, None)
    }
    assert len(fingerprints) == 4


def test_the_studys_rule_takes_one_passage_of_an_article_and_leaves_held_out_text_whole(
    corpus: CorpusSpec, pieces: PiecesFile
):
    opened = open_passages(corpus, PassagesSpec(pieces=pieces, length=4, per_article=1))
    assert {row.split()[1] for row in as_words(opened, opened.train)} == {"w0", "w10", "w20"}
    assert len(opened.test) == 3
    capped = open_passages(corpus, PassagesSpec(pieces=pieces, length=4, heldout_passages=2))
    assert (len(capped.valid), len(capped.test)) == (2, 2)


def test_more_passages_than_there_are_is_refused_and_the_hint_is_true(corpus: CorpusSpec, pieces: PiecesFile):
    spec = PassagesSpec(pieces=pieces, length=4, first_passages=7)
    problem = refused(corpus, spec)
    assert "7 passages of train are asked for, and mine gives 6" in problem.message
    assert problem.hint == "write first_passages: 6"
    assert open_passages(corpus, spec.model_copy(update={"first_passages": 6})).facts.n_train == 6
    assert "per_article" in refused(corpus, spec.model_copy(update={"per_article": 1})).hint


def refused(corpus: CorpusSpec, spec: PassagesSpec) -> Problem:
    with pytest.raises(InputError) as error:
        open_passages(corpus, spec)
    (problem,) = error.value.problems
    assert problem.place
    assert problem.hint
    return problem


@pytest.mark.parametrize(
    ("change", "place"),
    [
        ({"eos": True}, "experiment.corpus.eos"),
        ({"vocabulary": 9}, "experiment.corpus.vocabulary"),
        ({"first_tokens": FirstTokens(train=1)}, "experiment.corpus.first_tokens"),
        ({"split": "paper"}, "experiment.corpus.split"),
    ],
)
def test_settings_for_characters_and_words_are_refused(
    corpus: CorpusSpec, pieces: PiecesFile, change: dict[str, object], place: str
):
    assert refused(corpus.model_copy(update=change), PassagesSpec(pieces=pieces)).place == place


def test_a_split_without_articles_is_refused(tmp_path: Path, pieces: PiecesFile):
    (tmp_path / "one.txt").write_text("w0 w1 w2\nw3\n", encoding="utf-8")
    assert "no articles" in refused(CorpusSpec(path=str(tmp_path / "one.txt")), PassagesSpec(pieces=pieces)).message


def test_a_text_without_splits_is_split_by_articles(tmp_path: Path, pieces: PiecesFile):
    path = tmp_path / "ten.txt"
    path.write_text("\n\n".join(f"w{n} w{n} w{n}\nw{n}" for n in range(10)), encoding="utf-8")
    opened = open_passages(CorpusSpec(path=str(path)), PassagesSpec(pieces=pieces, length=6))
    kinds = [{int(row[1]) for row in rows} for rows in (opened.train, opened.valid, opened.test)]
    assert [{PIECES[number] for number in each} for each in kinds] == [{f"w{n}" for n in range(8)}, {"w8"}, {"w9"}]
    halves = CorpusSpec(path=str(path), split=SplitShares(train=0.5, valid=0.3))
    assert passage_facts(halves, PassagesSpec(pieces=pieces, length=6)).n_train == 5


def test_rows_of_a_hub_set_are_articles(tmp_path: Path, pieces: PiecesFile, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("datasets.config.HF_DATASETS_CACHE", tmp_path / "hf")
    (tmp_path / "set").mkdir()
    rows = [f"w{n} w{n}\n\nw{n + 20}" for n in range(10)]
    table = pa.table({"title": ["x"] * 10, "text": rows})
    pyarrow.parquet.write_table(table, tmp_path / "set" / "train-00000-of-00001.parquet")
    opened = open_passages(CorpusSpec(hub=str(tmp_path / "set")), PassagesSpec(pieces=pieces, length=5))
    expected = {f"[CLS] w{n} w{n} w{n + 20} [SEP]" for n in range(8)}
    assert set(as_words(opened, opened.train)) == expected


def test_passages_are_cut_once_mapped_and_made_anew_when_torn(corpus: CorpusSpec, pieces: PiecesFile, cache: Path):
    spec = PassagesSpec(pieces=pieces, length=4)
    before = open_passages(corpus, spec)
    (entry,) = (cache / "corpora").iterdir()
    made = entry.stat().st_mtime_ns
    assert open_passages(corpus, spec).facts == passage_facts(corpus, spec) == before.facts
    assert entry.stat().st_mtime_ns == made
    assert isinstance(before.train, np.memmap)
    with pytest.raises(ValueError, match="read-only"):
        before.train[0, 0] = 0
    expected = before.train.tolist()
    (entry / "train.npy").write_bytes((entry / "train.npy").read_bytes()[:-2])
    assert open_passages(corpus, spec).train.tolist() == expected


def test_other_pieces_or_another_text_give_other_passages(tmp_path: Path, corpus: CorpusSpec, pieces: PiecesFile):
    spec = PassagesSpec(pieces=pieces, length=6)
    before = passage_facts(corpus, spec)
    (tmp_path / "other.txt").write_text("\n".join((*SPECIAL_PIECES, *reversed(WORDS))), encoding="utf-8")
    other = open_passages(corpus, PassagesSpec(pieces=PiecesFile(path=str(tmp_path / "other.txt")), length=6))
    assert other.facts.fingerprint != before.fingerprint
    assert other.pieces.decode(other.valid[0]) == "[CLS] w30 w31 w32 w33 [SEP]"
    (tmp_path / "mine" / "valid.txt").write_text("w50\n", encoding="utf-8")
    assert open_passages(corpus, spec).valid.shape == (1, 6)
    assert passage_facts(corpus, spec).fingerprint != before.fingerprint


def test_opening_loads_no_framework(corpus: CorpusSpec, pieces: PiecesFile):
    code = (
        "import sys\n"
        "from tlm_sweeps.corpora.passages import open_passages\n"
        "from tlm_sweeps.spec.experiment import CorpusSpec\n"
        "from tlm_sweeps.spec.passages import PassagesSpec, PiecesFile\n"
        f"open_passages(CorpusSpec(path={corpus.path!r}), PassagesSpec(pieces=PiecesFile(path={pieces.path!r})))\n"
        "assert not {'torch', 'datasets', 'pandas', 'pyarrow'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


@given(st.lists(st.text("ab\n \t", max_size=9), max_size=5))
def test_articles_hold_no_empty_line_and_lose_no_word(blocks: list[str]):
    text = "\n\n".join(blocks)
    articles = split_articles(text)
    assert " ".join(articles).split() == text.split()
    assert all(line.strip() for article in articles for line in article.split("\n"))


def test_wikipedia_has_an_article_for_each_that_is_listed(data_folder: Path):
    """Valid and test alone: their articles are listed beside them, and no vocabulary need be trained."""
    (listed, held_out) = (data_folder / "wikipedia_subset" / name for name in ("articles.tsv", "test.txt"))
    articles = split_articles(held_out.read_text(encoding="utf-8"))
    titles = [line.split("\t") for line in listed.read_text(encoding="utf-8").splitlines()]
    assert len(articles) == 46
    assert {article.split("\n")[0] for article in articles} <= {column for row in titles for column in row}


def test_trained_pieces_of_a_real_text_leave_little_unknown(tmp_path: Path, data_folder: Path):
    folder = tmp_path / "wiki"
    folder.mkdir()
    for split, name in (("train", "valid"), ("valid", "test"), ("test", "test")):
        text = (data_folder / "wikipedia_subset" / f"{name}.txt").read_text(encoding="utf-8")
        (folder / f"{split}.txt").write_text(text, encoding="utf-8")
    spec = PassagesSpec(pieces=TrainedPieces(size=2_000, alphabet=120))
    opened = open_passages(CorpusSpec(path=str(folder)), spec)
    assert opened.facts.vocabulary_size == 2_000
    unknown = opened.pieces.vocabulary.index("[UNK]")
    assert (opened.valid == unknown).sum() < 0.005 * opened.is_real(opened.valid).sum()
    whole_article = opened.pieces.encode(split_articles((folder / "valid.txt").read_text(encoding="utf-8"))[0])
    first = next(row for row in opened.valid if row[1:127].tolist() == whole_article[:126].tolist())
    assert opened.pieces.decode(first).startswith("[CLS]")
