"""Tokenised once, by any number of processes: what is in the cache is whole, or is made anew."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tlm_sweeps.corpora.opening import corpus_facts, open_corpus
from tlm_sweeps.corpora.places import cache_folder
from tlm_sweeps.spec.experiment import CorpusSpec

OPEN_AT_A_SIGN = """
import sys
from tlm_sweeps.corpora.opening import open_corpus
from tlm_sweeps.spec.experiment import CorpusSpec
print("ready", flush=True)
sys.stdin.readline()
corpus = open_corpus(CorpusSpec(path=sys.argv[1], level="word"))
print(corpus.facts.fingerprint, int(corpus.train.astype("int64").sum()), flush=True)
"""


@pytest.fixture
def text_path(tmp_path: Path) -> Path:
    words = np.random.default_rng(0).integers(0, 5_000, 300_000)
    path = tmp_path / "mine.txt"
    path.write_text("\n".join(map(str, words)), encoding="utf-8")
    return path


def start(path: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", OPEN_AT_A_SIGN, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )


def all_at_once(path: Path, count: int) -> list[str]:
    """What so many processes print that open the same corpus at the same time."""
    processes = [start(path) for _ in range(count)]
    for process in processes:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    printed = [process.communicate()[0] for process in processes]
    assert [process.returncode for process in processes] == [0] * count
    return printed


def entry_in(cache: Path) -> Path:
    (entry,) = (cache / "corpora").iterdir()
    return entry


def test_many_processes_at_once_see_one_whole_corpus(text_path: Path, cache: Path):
    printed = all_at_once(text_path, 5)
    corpus = open_corpus(CorpusSpec(path=str(text_path), level="word"))
    assert set(printed) == {f"{corpus.facts.fingerprint} {int(corpus.train.astype('int64').sum())}\n"}
    assert len(list((cache / "corpora").iterdir())) == 1


def test_many_processes_at_once_repair_a_torn_corpus(text_path: Path, cache: Path):
    spec = CorpusSpec(path=str(text_path), level="word")
    before = corpus_facts(spec)
    os.truncate(entry_in(cache) / "train.bin", 100)
    assert {line.split()[0] for line in all_at_once(text_path, 4)} == {before.fingerprint}
    assert len(list((cache / "corpora").iterdir())) == 1


def test_a_process_killed_while_tokenising_leaves_nothing_that_is_read(text_path: Path):
    for _ in range(3):
        with start(text_path) as process:
            assert process.stdout is not None
            assert process.stdin is not None
            process.stdout.readline()
            process.stdin.write("go\n")
            process.stdin.flush()
            process.kill()
    corpus = open_corpus(CorpusSpec(path=str(text_path), level="word"))
    words = text_path.read_text(encoding="utf-8").split()
    assert [corpus.vocabulary[number] for number in corpus.test[-5:]] == words[-5:]


def truncate_ids(entry: Path) -> None:
    os.truncate(entry / "valid.bin", 3)


def lengthen_ids(entry: Path) -> None:
    with (entry / "test.bin").open("ab") as file:
        file.write(b"\0\0")


def remove_ids(entry: Path) -> None:
    (entry / "train.bin").unlink()


def tear_meta(entry: Path) -> None:
    os.truncate(entry / "meta.json", 50)


def falsify_meta(entry: Path) -> None:
    text = (entry / "meta.json").read_text(encoding="utf-8")
    (entry / "meta.json").write_text(text.replace('"level": "char"', '"level": "word"'), encoding="utf-8")


def empty_meta(entry: Path) -> None:
    (entry / "meta.json").write_text("[]", encoding="utf-8")


def change_vocabulary(entry: Path) -> None:
    text = (entry / "vocabulary.json").read_text(encoding="utf-8")
    (entry / "vocabulary.json").write_text(text.replace('"e"', '"E"'), encoding="utf-8")


DAMAGES = [truncate_ids, lengthen_ids, remove_ids, tear_meta, falsify_meta, empty_meta, change_vocabulary]


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_entry_is_made_anew(cache: Path, damage: Callable[[Path], None]):
    spec = CorpusSpec(name="python-docs")
    before = open_corpus(spec)
    expected = before.decode(before.train), before.facts
    damage(entry_in(cache))
    after = open_corpus(spec)
    assert (after.decode(after.train), after.facts) == expected
    assert corpus_facts(spec) == after.facts


def test_ids_are_mapped_and_cannot_be_written():
    corpus = open_corpus(CorpusSpec(name="python-docs"))
    for ids in (corpus.train, corpus.valid, corpus.test):
        assert isinstance(ids, np.memmap)
        assert ids.ndim == 1
        with pytest.raises(ValueError, match="read-only"):
            ids[0] = 0


def test_facts_are_those_of_the_open_corpus():
    spec = CorpusSpec(name="python-docs", level="word", eos=True, vocabulary=500)
    facts = corpus_facts(spec)
    corpus = open_corpus(spec)
    assert facts == corpus.facts
    assert (facts.n_train, facts.n_valid, facts.n_test) == (len(corpus.train), len(corpus.valid), len(corpus.test))
    assert facts.vocabulary_size == len(corpus.vocabulary) == 500


def test_a_cache_that_cannot_be_written_is_replaced_by_a_temporary_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    (tmp_path / "file").write_text("no folder", encoding="utf-8")
    (tmp_path / "tmp").mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "tmp"))
    monkeypatch.setenv("TLM_CACHE", str(tmp_path / "file" / "cache"))
    assert corpus_facts(CorpusSpec(name="python-docs")).n_train > 100_000
    assert cache_folder().parent == tmp_path / "tmp"


def test_the_cache_is_where_the_environment_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv("TLM_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert cache_folder() == tmp_path / "xdg" / "tlm_sweeps"
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    assert cache_folder() == tmp_path / "home" / ".cache" / "tlm_sweeps"


def test_without_a_home_everything_works(tmp_path: Path):
    environment = {"PATH": os.environ["PATH"], "HOME": "/nonexistent", "TMPDIR": str(tmp_path), "PYTHONUTF8": "0"}
    code = (
        "from tlm_sweeps.corpora.opening import corpus_facts\n"
        "from tlm_sweeps.spec.experiment import CorpusSpec\n"
        "print(corpus_facts(CorpusSpec(name='python-docs')).fingerprint)"
    )
    repository = Path(__file__).parents[2]
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, env=environment, cwd=repository, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == corpus_facts(CorpusSpec(name="python-docs")).fingerprint


def test_opening_loads_no_framework():
    code = (
        "import sys\n"
        "from tlm_sweeps.corpora import holdings\n"
        "from tlm_sweeps.corpora.opening import open_corpus\n"
        "from tlm_sweeps.spec.experiment import CorpusSpec\n"
        "open_corpus(CorpusSpec(name='python-docs'))\n"
        "assert not {'torch', 'datasets', 'pandas', 'pyarrow'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
