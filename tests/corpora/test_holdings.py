"""What `data list`, `data check` and `data get` say and do."""

from __future__ import annotations

from pathlib import Path

import pytest

from tlm_sweeps.corpora.holdings import check_corpus, get_corpus, list_corpora
from tlm_sweeps.corpora.opening import corpus_facts, open_corpus
from tlm_sweeps.errors import InputError
from tlm_sweeps.spec.experiment import KNOWN_CORPORA, CorpusSpec

WITH_FILES = [name for name in KNOWN_CORPORA if name != "python-docs"]


def test_the_list_says_what_is_here_and_whole(data_folder: Path):
    statuses = {status.name: status for status in list_corpora(data_folder)}
    assert list(statuses) == ["python-docs", *WITH_FILES]
    assert all(status.whole and status.found and status.licence for status in statuses.values())
    assert statuses["ptb"].found == data_folder / "ptb"
    expected = statuses["ptb"].expected
    assert expected is not None
    assert expected.words == 887_521 + 70_390 + 78_669


def test_the_list_says_what_is_missing(tmp_path: Path):
    (tmp_path / "data").mkdir()
    statuses = list_corpora(tmp_path / "data")
    assert [status.name for status in statuses if status.whole] == ["python-docs"]
    assert [status.found for status in statuses[1:]] == [None] * len(WITH_FILES)


@pytest.mark.parametrize("name", WITH_FILES)
def test_a_whole_corpus_passes_its_check(data_folder: Path, name: str):
    results = check_corpus(name, data_folder)
    assert results
    for result in results:
        assert result.ok
        assert result.found_sha256 == result.expected_sha256
        assert result.found == result.expected


def test_the_check_finds_the_damaged_file_and_the_missing_one(tmp_path: Path, data_folder: Path):
    folder = get_corpus("ptb", tmp_path / "got", data_folder)
    text = (folder / "ptb.valid.txt").read_bytes()
    (folder / "ptb.valid.txt").write_bytes(text[:-1])
    (folder / "ptb.test.txt").unlink()
    train, valid, test = check_corpus("ptb", tmp_path / "got")
    assert (train.ok, valid.ok, test.ok) == (True, False, False)
    assert valid.found is not None
    assert valid.found.characters == len(text) - 1
    assert test.found_sha256 is None
    assert [status.whole for status in list_corpora(tmp_path / "got") if status.name == "ptb"] == [False]


def test_python_docs_need_nothing():
    (result,) = check_corpus("python-docs")
    assert result.ok
    assert result.found is not None
    assert result.found.characters > 100_000
    assert (get_corpus("python-docs") / "topics.py").is_file()


@pytest.mark.usefixtures("no_hub")
def test_a_corpus_that_was_got_is_found_without_naming_a_folder(data_folder: Path):
    with pytest.raises(InputError, match="tiny-shakespeare"):
        corpus_facts(CorpusSpec(name="tiny-shakespeare"))
    folder = get_corpus("tiny-shakespeare", data_dir=data_folder)
    assert (folder / "input.txt").stat().st_size == 1_115_394
    assert corpus_facts(CorpusSpec(name="tiny-shakespeare")).vocabulary_size == 65
    assert get_corpus("tiny-shakespeare") == folder


@pytest.mark.usefixtures("no_hub")
def test_what_is_not_to_be_had_is_refused(tmp_path: Path):
    (tmp_path / "data").mkdir()
    with pytest.raises(InputError, match="is not in"):
        check_corpus("ptb", tmp_path / "data")
    with pytest.raises(InputError, match="cannot be reached") as error:
        get_corpus("ptb", tmp_path / "got", tmp_path / "data")
    assert str(tmp_path / "got" / "ptb") in error.value.problems[0].hint
    with pytest.raises(InputError, match="no corpus is named"):
        get_corpus("ptbb")


def test_a_corpus_that_the_hub_lacks_is_asked_for_by_its_files_and_found_there(tmp_path: Path):
    """No network is asked; the hint, followed with a file that is not the known one, is heard."""
    (tmp_path / "data").mkdir()
    with pytest.raises(InputError, match="the Hub has no copy") as opened:
        open_corpus(CorpusSpec(name="wikipedia-subset"), tmp_path / "data")
    with pytest.raises(InputError, match="the Hub has no copy") as got:
        get_corpus("wikipedia-subset", tmp_path / "data")
    with pytest.raises(InputError, match="is not in") as checked:
        check_corpus("wikipedia-subset", tmp_path / "data")
    for error in (opened, got, checked):
        hint = error.value.problems[0].hint
        assert "train.txt, valid.txt, test.txt (or .gz) into" in hint
        assert "data get" not in hint
    folder = tmp_path / "data" / "wikipedia_subset"
    assert str(folder) in got.value.problems[0].hint
    folder.mkdir()
    (folder / "train.txt").write_text("another text", encoding="utf-8")
    with pytest.raises(InputError, match="is not the wikipedia-subset text") as damaged:
        open_corpus(CorpusSpec(name="wikipedia-subset"), tmp_path / "data")
    assert "data get" not in damaged.value.problems[0].hint


def test_a_folder_that_cannot_be_written_is_refused(tmp_path: Path, data_folder: Path):
    (tmp_path / "file").write_text("no folder", encoding="utf-8")
    with pytest.raises(InputError, match="cannot be written"):
        get_corpus("tiny-shakespeare", tmp_path / "file", data_folder)
