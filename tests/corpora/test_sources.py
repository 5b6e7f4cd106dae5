"""Texts of one's own, and everything that can be wrong with a text."""

from __future__ import annotations

import gzip
import hashlib
import shutil
from pathlib import Path

import pytest

from tlm_sweeps.corpora.opening import Corpus, corpus_facts, open_corpus
from tlm_sweeps.errors import InputError, Problem
from tlm_sweeps.spec.experiment import CorpusSpec, FirstTokens, SplitShares

TEXT = "It was the best of times, it was the worst of times.\n" * 20


def refused(spec: CorpusSpec, data_dir: Path | None = None) -> Problem:
    """The one problem of a spec that cannot be opened."""
    with pytest.raises(InputError) as error:
        open_corpus(spec, data_dir)
    (problem,) = error.value.problems
    assert problem.place
    assert problem.hint
    return problem


def whole(corpus: Corpus) -> str:
    return "".join(corpus.decode(ids) for ids in (corpus.train, corpus.valid, corpus.test))


@pytest.mark.parametrize("name", ["mine.txt", "mine.txt.gz", "noending"])
def test_any_text_file_is_a_corpus(tmp_path: Path, name: str):
    path = tmp_path / name
    path.write_bytes(gzip.compress(TEXT.encode()) if name.endswith(".gz") else TEXT.encode())
    corpus = open_corpus(CorpusSpec(path=str(path)))
    assert whole(corpus) == TEXT
    assert corpus.facts.name == name


def test_the_same_text_has_the_same_fingerprint_wherever_and_however_it_is_kept(tmp_path: Path):
    (tmp_path / "plain.txt").write_text(TEXT, encoding="utf-8")
    (tmp_path / "packed.txt.gz").write_bytes(gzip.compress(TEXT.encode()))
    plain, packed, other = (
        corpus_facts(CorpusSpec(path=str(tmp_path / name), split=split)).fingerprint
        for name, split in (("plain.txt", None), ("packed.txt.gz", None), ("plain.txt", SplitShares(train=0.5)))
    )
    assert plain == packed != other


def test_a_byte_order_mark_is_no_character(tmp_path: Path):
    (tmp_path / "bom.txt").write_text(TEXT, encoding="utf-8-sig")
    assert whole(open_corpus(CorpusSpec(path=str(tmp_path / "bom.txt")))) == TEXT


@pytest.mark.parametrize(
    "names",
    [
        ("train.txt", "valid.txt", "test.txt"),
        ("my.train.tokens", "my.validation.tokens", "my.test.tokens"),
        ("train-1.md", "val.text", "Test.rst"),
    ],
)
def test_a_folder_of_splits_keeps_them(tmp_path: Path, names: tuple[str, str, str]):
    for name, text in zip(names, ("train ab\n", "valid ab\n", "test ab\n"), strict=True):
        (tmp_path / name).write_text(text, encoding="utf-8")
    (tmp_path / "notes.txt").write_text("not this", encoding="utf-8")
    (tmp_path / "table.csv").write_text("nor this", encoding="utf-8")
    corpus = open_corpus(CorpusSpec(path=str(tmp_path)))
    assert [corpus.decode(ids) for ids in (corpus.train, corpus.valid, corpus.test)] == [
        "train ab\n",
        "valid ab\n",
        "test ab\n",
    ]


def test_a_folder_of_texts_is_joined_in_the_order_of_their_names(tmp_path: Path):
    for name, text in (("b.txt", "second\n"), ("a.txt", "first, no newline"), ("c.txt", "third")):
        (tmp_path / name).write_text(text, encoding="utf-8")
    assert whole(open_corpus(CorpusSpec(path=str(tmp_path)))) == "first, no newline\nsecond\nthird"


def test_an_edited_text_is_tokenised_anew(tmp_path: Path):
    path = tmp_path / "mine.txt"
    path.write_text("abcdefghij" * 2, encoding="utf-8")
    before = corpus_facts(CorpusSpec(path=str(path)))
    path.write_text("abcdefghiX" * 2, encoding="utf-8")
    assert corpus_facts(CorpusSpec(path=str(path))).fingerprint != before.fingerprint


def test_caps_and_levels_are_different_corpora(tmp_path: Path):
    path = str(tmp_path / "mine.txt")
    (tmp_path / "mine.txt").write_text(TEXT, encoding="utf-8")
    capped = corpus_facts(CorpusSpec(path=path, first_tokens=FirstTokens(train=7, test=5)))
    assert (capped.n_train, capped.n_test) == (7, 5)
    assert corpus_facts(CorpusSpec(path=path)).n_train == len(TEXT) * 8 // 10
    assert corpus_facts(CorpusSpec(path=path, level="word")).n_train == len(TEXT.split()) * 8 // 10


@pytest.mark.parametrize("content", [b"", b"  \n\t\n"])
def test_a_file_without_text_is_refused(tmp_path: Path, content: bytes):
    (tmp_path / "empty.txt").write_bytes(content)
    problem = refused(CorpusSpec(path=str(tmp_path / "empty.txt")))
    assert "empty.txt" in problem.message
    assert problem.place == str(tmp_path / "empty.txt")


@pytest.mark.parametrize("packed", [False, True])
def test_bytes_that_are_no_utf8_are_named_with_their_offset(tmp_path: Path, packed: bool):
    path = tmp_path / ("latin.txt.gz" if packed else "latin.txt")
    content = "caf\u00e9 au lait".encode("latin-1")
    path.write_bytes(gzip.compress(content) if packed else content)
    problem = refused(CorpusSpec(path=str(path)))
    assert "0xe9 at offset 3" in problem.message
    assert problem.place == str(path)


def test_a_torn_gzip_file_is_refused(tmp_path: Path):
    (tmp_path / "torn.txt.gz").write_bytes(gzip.compress(TEXT.encode())[:-20])
    assert "gzip" in refused(CorpusSpec(path=str(tmp_path / "torn.txt.gz"))).message


def test_a_misspelt_path_gets_the_nearest_name_and_it_works(tmp_path: Path):
    (tmp_path / "shakespeare.txt").write_text(TEXT, encoding="utf-8")
    problem = refused(CorpusSpec(path=str(tmp_path / "shakespear.txt")))
    meant = problem.hint.split("`")[1]
    assert open_corpus(CorpusSpec(path=meant)).facts.name == "shakespeare.txt"


def test_a_path_in_no_folder_is_refused(tmp_path: Path):
    assert "there is no folder" in refused(CorpusSpec(path=str(tmp_path / "nowhere" / "mine.txt"))).message


def test_a_folder_without_text_is_refused(tmp_path: Path):
    (tmp_path / "picture.png").write_bytes(b"\x89PNG")
    assert "no text files" in refused(CorpusSpec(path=str(tmp_path))).message


def test_an_unknown_name_gets_the_nearest_one():
    assert "`tiny-shakespeare`" in refused(CorpusSpec(name="tiny-shakespear")).hint


@pytest.mark.usefixtures("no_hub")
def test_a_missing_corpus_says_where_it_was_looked_for(tmp_path: Path):
    (tmp_path / "data").mkdir()
    problem = refused(CorpusSpec(name="ptb", level="word"), tmp_path / "data")
    assert str(tmp_path / "data") in problem.message
    assert "hub.invalid" in problem.message
    for way in ("--data-dir", "TLM_DATA", "tlm-sweeps data get ptb"):
        assert way in problem.hint


def test_a_data_folder_that_does_not_exist_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    assert refused(CorpusSpec(name="ptb"), tmp_path / "nowhere").place == "--data-dir"
    monkeypatch.setenv("TLM_DATA", str(tmp_path / "nowhere"))
    assert refused(CorpusSpec(name="ptb")).place == "TLM_DATA"


def test_a_damaged_known_corpus_is_refused_and_an_incomplete_one_too(tmp_path: Path, data_folder: Path):
    folder = tmp_path / "data" / "ptb"
    folder.mkdir(parents=True)
    for path in (data_folder / "ptb").iterdir():
        shutil.copyfile(path, folder / path.name)
    spec = CorpusSpec(name="ptb", level="word", split="paper")
    assert corpus_facts(spec, tmp_path / "data").n_train == 80_000
    (folder / "ptb.test.txt").write_text("not the test text\n", encoding="utf-8")
    damaged = refused(spec, tmp_path / "data")
    assert damaged.place == str(folder / "ptb.test.txt")
    assert hashlib.sha256(b"not the test text\n").hexdigest()[:16] in damaged.message
    (folder / "ptb.test.txt").unlink()
    assert "ptb.test.txt is missing" in refused(spec, tmp_path / "data").message


def test_a_known_corpus_is_found_unpacked_and_by_its_usual_names(
    tmp_path: Path, data_folder: Path, monkeypatch: pytest.MonkeyPatch
):
    (tmp_path / "data" / "tiny_shakespeare").mkdir(parents=True)
    text = gzip.decompress((data_folder / "tinyshakespeare" / "input.txt.gz").read_bytes())
    (tmp_path / "data" / "tiny_shakespeare" / "tinyshakespeare.txt").write_bytes(text)
    monkeypatch.setenv("TLM_DATA", str(tmp_path / "data"))
    assert corpus_facts(CorpusSpec(name="tiny-shakespeare", split="paper")).n_test == 111_606


def test_the_development_folder_beside_the_current_one_is_found(tmp_path: Path, data_folder: Path):
    (tmp_path / "shared").mkdir()
    (tmp_path / "shared" / "data").symlink_to(data_folder)
    assert corpus_facts(CorpusSpec(name="tiny-shakespeare")).vocabulary_size == 65


@pytest.mark.parametrize(
    ("spec", "field"),
    [
        (CorpusSpec(name="python-docs", eos=True), "eos"),
        (CorpusSpec(name="python-docs", vocabulary=1), "vocabulary"),
        (CorpusSpec(name="python-docs", level="word", vocabulary=1), "vocabulary"),
    ],
)
def test_options_that_mean_nothing_are_refused(spec: CorpusSpec, field: str):
    assert refused(spec).place == f"experiment.corpus.{field}"


def test_a_corpus_without_a_source_is_refused():
    assert "`name`" in refused(CorpusSpec()).hint
