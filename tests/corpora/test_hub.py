"""Hub sets through `datasets`, from local folders that hold what the Hub would: no network is needed."""

from __future__ import annotations

import gzip
from dataclasses import replace
from pathlib import Path
from typing import Any

import datasets
import pyarrow as pa
import pyarrow.parquet
import pytest

from tlm_sweeps.corpora.catalog import CATALOG, HubPlace
from tlm_sweeps.corpora.downloading import download
from tlm_sweeps.corpora.hub import load_rows
from tlm_sweeps.corpora.opening import corpus_facts, open_corpus
from tlm_sweeps.errors import InputError
from tlm_sweeps.spec.experiment import CorpusSpec


@pytest.fixture(autouse=True)
def _quiet_hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("datasets.config.HF_DATASETS_CACHE", tmp_path / "hf")
    datasets.disable_progress_bars()


def write_rows(folder: Path, split: str, **columns: list[Any]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    pyarrow.parquet.write_table(pa.table(columns), folder / f"{split}-00000-of-00001.parquet")


def unpacked_lines(path: Path) -> list[str]:
    text = (gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()).decode()
    return text.split("\n")[:-1]


def test_a_set_with_its_own_splits_keeps_them(tmp_path: Path):
    rows = {"train": ["a b", "c\n", ""], "validation": ["b"], "test": ["c"]}
    for split, lines in rows.items():
        write_rows(tmp_path / "set", split, number=[1] * len(lines), text=lines)
    assert load_rows(str(tmp_path / "set")) == {"train": ["a b", "c\n", ""], "valid": ["b"], "test": ["c"]}
    corpus = open_corpus(CorpusSpec(hub=str(tmp_path / "set")))
    assert corpus.decode(corpus.train) == "a b\nc\n\n"
    assert corpus.decode(corpus.valid) == "b\n"


def test_a_set_with_train_only_is_split_by_shares(tmp_path: Path):
    (tmp_path / "set").mkdir()
    (tmp_path / "set" / "train.txt").write_text("0123456789\n" * 10, encoding="utf-8")
    facts = corpus_facts(CorpusSpec(hub=str(tmp_path / "set")))
    assert (facts.n_train, facts.n_valid, facts.n_test) == (88, 11, 11)


def test_a_configuration_is_named_after_a_colon(tmp_path: Path):
    (tmp_path / "set").mkdir()
    for name in ("one", "two"):
        (tmp_path / "set" / f"{name}.txt").write_text(f"{name} text\n" * 10, encoding="utf-8")
    configs = "\n".join(f"- config_name: {name}\n  data_files: {name}.txt" for name in ("one", "two"))
    (tmp_path / "set" / "README.md").write_text(f"---\nconfigs:\n{configs}\n---\n", encoding="utf-8")
    corpus = open_corpus(CorpusSpec(hub=f"{tmp_path / 'set'}:two"))
    assert corpus.decode(corpus.train[:9]) == "two text\n"
    with pytest.raises(InputError, match="two"):
        open_corpus(CorpusSpec(hub=str(tmp_path / "set")))


def test_a_set_is_loaded_once_and_again_when_its_files_change(tmp_path: Path):
    spec = CorpusSpec(hub=str(tmp_path / "set"))
    write_rows(tmp_path / "set", "train", text=["0123456789"] * 10)
    before = corpus_facts(spec)
    assert corpus_facts(spec) == before
    write_rows(tmp_path / "set", "train", text=["abcdefghijklm"] * 12)
    assert corpus_facts(spec).fingerprint != before.fingerprint


@pytest.mark.parametrize(
    ("columns", "wrong"),
    [
        ({"title": ["x"], "body": ["y"]}, "title, body"),
        ({"number": [1]}, "number"),
    ],
)
def test_a_set_without_one_column_of_text_is_refused(tmp_path: Path, columns: dict[str, Any], wrong: str):
    write_rows(tmp_path / "set", "train", **columns)
    with pytest.raises(InputError, match=wrong):
        open_corpus(CorpusSpec(hub=str(tmp_path / "set")))


def test_a_set_without_train_or_with_nothing_in_it_is_refused(tmp_path: Path):
    write_rows(tmp_path / "only", "test", text=["x"])
    with pytest.raises(InputError, match="no train split"):
        open_corpus(CorpusSpec(hub=str(tmp_path / "only")))
    write_rows(tmp_path / "blank", "train", text=["", " "])
    with pytest.raises(InputError, match="holds no text"):
        open_corpus(CorpusSpec(hub=str(tmp_path / "blank")))
    (tmp_path / "none").mkdir()
    with pytest.raises(InputError, match="cannot be loaded"):
        open_corpus(CorpusSpec(hub=str(tmp_path / "none")))


@pytest.mark.usefixtures("no_hub")
def test_a_hub_out_of_reach_is_said_at_once():
    with pytest.raises(InputError, match="cannot be reached"):
        open_corpus(CorpusSpec(hub="owner/set", revision="abc"))


@pytest.mark.parametrize(
    ("name", "column", "files"),
    [
        ("ptb", "sentence", {"train": "ptb.train.txt.gz", "validation": "ptb.valid.txt", "test": "ptb.test.txt"}),
        (
            "wikitext-2",
            "text",
            {"train": "wiki.train.tokens.gz", "validation": "wiki.valid.tokens.gz", "test": "wiki.test.tokens.gz"},
        ),
    ],
)
def test_known_corpora_are_restored_from_their_rows_to_the_byte(
    tmp_path: Path, data_folder: Path, name: str, column: str, files: dict[str, str]
):
    for split, file in files.items():
        lines = unpacked_lines(data_folder / name / file)
        # What the Hub holds: Penn Treebank's lines stripped, WikiText's as they are, blank ones empty.
        rows = [line.strip() for line in lines] if name == "ptb" else [f"{x}\n" if x.strip() else "" for x in lines]
        write_rows(tmp_path / "set", split, **{column: rows})
    place = CATALOG[name].hub
    assert place is not None
    folder = download(replace(CATALOG[name], hub=hub_at(tmp_path / "set", place)), tmp_path / "got")
    assert folder == tmp_path / "got" / name
    assert corpus_facts(CorpusSpec(name=name, level="word", split="paper"), tmp_path / "got").n_train == 80_000


def hub_at(folder: Path, place: HubPlace) -> HubPlace:
    """The same place with a local folder for the Hub's set, which has one configuration."""
    return HubPlace(str(folder), None, place.revision, place.row, place.blank_row)


def test_tiny_shakespeare_is_joined_from_the_hubs_three_splits(tmp_path: Path, data_folder: Path):
    text = gzip.decompress((data_folder / "tinyshakespeare" / "input.txt.gz").read_bytes()).decode()
    first, second = int(len(text) * 0.9), int(len(text) * 0.95)
    for split, part in (("train", text[:first]), ("validation", text[first:second]), ("test", text[second:])):
        write_rows(tmp_path / "set", split, text=[part])
    known = CATALOG["tiny-shakespeare"]
    assert known.hub is not None
    folder = download(replace(known, hub=hub_at(tmp_path / "set", known.hub)), tmp_path / "got")
    assert (folder / "input.txt").read_text(encoding="utf-8") == text


def test_another_text_under_a_known_name_is_refused_and_nothing_is_written(tmp_path: Path):
    write_rows(tmp_path / "set", "train", text=["not Shakespeare"])
    known = CATALOG["tiny-shakespeare"]
    assert known.hub is not None
    with pytest.raises(InputError, match="checksum"):
        download(replace(known, hub=hub_at(tmp_path / "set", known.hub)), tmp_path / "got")
    assert not (tmp_path / "got").exists()
