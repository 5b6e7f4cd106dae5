"""Labelled sets: what is drawn, how it is read, and what the real ones give."""

from __future__ import annotations

import csv
import gzip
import io
from collections import Counter
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet
import pytest

from tests.corpora.labelled_files import PIECES, ag_news, fewrel, write_table
from tlm_sweeps.corpora.labelled import LabelledPart, open_task
from tlm_sweeps.corpora.pieces import SPECIAL_PIECES, WordPieces
from tlm_sweeps.corpora.vocabularies import open_pieces
from tlm_sweeps.spec.experiment import CorpusSpec
from tlm_sweeps.spec.passages import TrainedPieces
from tlm_sweeps.spec.tasks import TaskName, TaskSpec


def items(part: LabelledPart) -> list[tuple[int, str]]:
    """Label and text of each example."""
    return [
        (int(label), PIECES.decode(row[real][1:-1]))
        for row, real, label in zip(part.ids, part.is_real, part.labels, strict=True)
    ]


def test_every_label_gives_the_same_number_and_no_example_twice(tmp_path: Path):
    spec = TaskSpec(name="ag-news", train_per_label=3, valid_per_label=2, test_per_label=4, length=8)
    opened = open_task(spec, PIECES, ag_news(tmp_path))
    for part, count in ((opened.train, 3), (opened.valid, 2), (opened.test, 4)):
        assert Counter(part.labels.tolist()) == dict.fromkeys(range(4), count)
    drawn = [items(part) for part in (opened.train, opened.valid, opened.test)]
    assert len({text for part in drawn for _, text in part}) == 4 * (3 + 2 + 4)
    facts = opened.facts
    assert facts.labels == ("World", "Sports", "Business", "Sci/Tech")
    assert (facts.n_train, facts.n_valid, facts.n_test, facts.n_test_seen) == (12, 8, 16, 0)


def test_the_seed_decides_which_and_nothing_else_does(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    folder = ag_news(tmp_path)
    spec = TaskSpec(name="ag-news", train_per_label=3, valid_per_label=1, test_per_label=2, length=8)
    first = open_task(spec, PIECES, folder)
    monkeypatch.setenv("TLM_CACHE", str(tmp_path / "another cache"))
    again = open_task(spec, PIECES, folder)
    assert again.facts == first.facts
    assert items(again.train) == items(first.train)
    other = open_task(spec.model_copy(update={"seed": 1}), PIECES, folder)
    assert set(items(other.train)) != set(items(first.train))
    assert other.facts.fingerprint != first.facts.fingerprint


@pytest.mark.parametrize("name", ["ag-news", "fewrel"])
def test_more_to_train_on_changes_neither_test_nor_valid(tmp_path: Path, name: TaskName):
    folder = fewrel(ag_news(tmp_path), {"P2": 9, "P1": 8})
    few, many = (
        open_task(
            TaskSpec(name=name, train_per_label=count, valid_per_label=1, test_per_label=2, length=8), PIECES, folder
        )
        for count in (2, 4)
    )
    assert items(few.test) == items(many.test)
    assert items(few.valid) == items(many.valid)
    assert set(items(few.train)) < set(items(many.train))


def test_a_set_without_test_examples_of_its_own_keeps_some_back(tmp_path: Path):
    folder = fewrel(tmp_path, {"P7": 7, "P10": 6, "P2": 6})
    spec = TaskSpec(name="fewrel", train_per_label=3, valid_per_label=1, test_per_label=2, length=8)
    opened = open_task(spec, PIECES, folder)
    assert opened.facts.labels == ("P10", "P2", "P7")
    trained_on, judged_on = set(items(opened.train)), set(items(opened.test))
    assert len(trained_on) == 9
    assert len(judged_on) == 6
    assert not trained_on & judged_on
    assert not set(items(opened.valid)) & (trained_on | judged_on)
    assert opened.valid.ids.shape == (3, 8)


def test_what_is_left_out_is_the_studys(tmp_path: Path):
    rows = [[str(label), "", f"w{number} w{label}"] for number in range(110) for label in range(1, 15)]
    write_table(tmp_path / "dbpedia_14" / "train_subset.csv.gz", rows)
    write_table(tmp_path / "dbpedia_14" / "test_subset.csv.gz", rows[: 14 * 100])
    opened = open_task(TaskSpec(name="dbpedia-14"), PIECES, tmp_path)
    assert (opened.facts.n_train, opened.facts.n_valid, opened.facts.n_test) == (1_400, 140, 1_400)
    assert 14 * 90 <= opened.facts.n_test_seen < 1_400, "all but those that are drawn for choosing"
    assert opened.facts.n_test_in_valid == 1_400 - opened.facts.n_test_seen
    assert opened.facts.n_valid_seen == 0
    assert opened.facts.length == 128


def test_which_columns_are_the_text(tmp_path: Path):
    write_table(tmp_path / "ag_news" / "train.csv", [[str(n), f"w{n}", "w9, w8\nw7"] for n in range(1, 5)] * 2)
    write_table(tmp_path / "ag_news" / "test.csv", [[str(n), f"w{n}", "w9"] for n in range(1, 5)])
    one_each = TaskSpec(name="ag-news", train_per_label=1, valid_per_label=1, test_per_label=1, length=9)
    news = open_task(one_each, PIECES, tmp_path)
    assert items(news.train) == [(n - 1, f"w{n} w9 [UNK] w8 w7") for n in range(1, 5)]
    rows = [[str(n), "title", f"w{n} – é"] for n in range(1, 15)] * 2
    for name in ("train.csv", "test.csv"):
        write_table(tmp_path / "dbpedia_14" / name, rows)
    things = open_task(one_each.model_copy(update={"name": "dbpedia-14"}), PIECES, tmp_path)
    assert items(things.test) == [(n - 1, f"w{n}") for n in range(1, 15)]


def test_what_does_not_fit_is_cut_off(tmp_path: Path):
    folder = fewrel(tmp_path, {"P1": 3})
    spec = TaskSpec(name="fewrel", train_per_label=1, valid_per_label=1, test_per_label=1, length=3)
    opened = open_task(spec, PIECES, folder)
    ids = PIECES.ids
    assert opened.train.ids[0, [0, 2]].tolist() == [ids["[CLS]"], ids["[SEP]"]]
    assert opened.train.is_real.all()


def test_examples_are_made_once_mapped_and_read_only(tmp_path: Path, cache: Path):
    folder = ag_news(tmp_path)
    spec = TaskSpec(name="ag-news", train_per_label=3, valid_per_label=1, test_per_label=2)
    opened = open_task(spec, PIECES, folder)
    (entry,) = (cache / "corpora").iterdir()
    made = entry.stat().st_mtime_ns
    assert open_task(spec, PIECES, folder).facts == opened.facts
    assert entry.stat().st_mtime_ns == made
    ag_news(tmp_path, n_train=7)
    assert open_task(spec, PIECES, folder).facts.fingerprint != opened.facts.fingerprint
    assert isinstance(opened.train.ids, np.memmap)
    with pytest.raises(ValueError, match="read-only"):
        opened.train.labels[0] = 3


def write_rows(folder: Path, split: str, **columns: list[object]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    pyarrow.parquet.write_table(pa.table(columns), folder / f"{split}-00000-of-00001.parquet")


@pytest.fixture
def _own_hub_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("datasets.config.HF_DATASETS_CACHE", tmp_path / "hf")


@pytest.mark.usefixtures("_own_hub_cache")
def test_the_hubs_rows_give_what_the_files_give(tmp_path: Path):
    """The Hub counts labels from 0 and has title and description in one column."""
    folder = ag_news(tmp_path)
    for split in ("train", "test"):
        with (folder / "ag_news" / f"{split}.csv").open(encoding="utf-8", newline="") as file:
            rows = list(csv.reader(file))
        texts: list[object] = [f"{title} {description}" for _, title, description in rows]
        write_rows(tmp_path / "set", split, text=texts, label=[int(row[0]) - 1 for row in rows])
    spec = TaskSpec(name="ag-news", train_per_label=3, valid_per_label=1, test_per_label=2)
    local = open_task(spec, PIECES, folder)
    hub = open_task(spec.model_copy(update={"hub": str(tmp_path / "set"), "revision": "abc"}), PIECES)
    assert hub.facts == local.facts
    assert items(hub.train) == items(local.train)


@pytest.mark.usefixtures("_own_hub_cache")
def test_relations_of_the_hub_give_what_the_file_gives(tmp_path: Path):
    folder = fewrel(tmp_path, {"P2": 5, "P1": 5})
    tokens: list[object] = [[f"w{number}", "."] for number in range(10)]
    (tmp_path / "set").mkdir()
    table = pa.table({"relation": ["P2"] * 5 + ["P1"] * 5, "tokens": tokens})
    pyarrow.parquet.write_table(table, tmp_path / "set" / "rows.parquet")
    card = "---\nconfigs:\n- config_name: default\n  data_files:\n  - split: train_wiki\n    path: rows.parquet\n---\n"
    (tmp_path / "set" / "README.md").write_text(card, encoding="utf-8")
    spec = TaskSpec(name="fewrel", train_per_label=2, valid_per_label=1, test_per_label=2)
    hub = open_task(spec.model_copy(update={"hub": str(tmp_path / "set"), "revision": "abc"}), PIECES)
    assert hub.facts == open_task(spec, PIECES, folder).facts


@pytest.mark.parametrize(
    ("name", "per_label", "n_labels"), [("ag-news", (1_000, 1_000), 4), ("dbpedia-14", (100, 100), 14)]
)
def test_the_real_sets_hold_what_the_study_asks_for(
    data_folder: Path, name: TaskName, per_label: tuple[int, int], n_labels: int
):
    pieces = open_pieces(TrainedPieces(size=1_000, alphabet=100), CorpusSpec(name="python-docs"))
    opened = open_task(TaskSpec(name=name), pieces, data_folder)
    assert len(opened.facts.labels) == n_labels
    assert Counter(opened.train.labels.tolist()) == dict.fromkeys(range(n_labels), per_label[0])
    assert Counter(opened.test.labels.tolist()) == dict.fromkeys(range(n_labels), per_label[1])
    assert opened.facts.labels == tuple((data_folder / name.replace("-", "_") / "classes.txt").read_text().split())


def test_fewrels_sample_holds_64_relations_of_180(data_folder: Path):
    pieces = open_pieces(TrainedPieces(size=1_000, alphabet=100), CorpusSpec(name="python-docs"))
    opened = open_task(TaskSpec(name="fewrel", train_per_label=100), pieces, data_folder)
    assert (len(opened.facts.labels), opened.facts.n_train, opened.facts.n_test) == (64, 6_400, 4_480)
    assert opened.facts.n_test_seen < 20
    assert opened.train.is_real.sum(axis=1).min() > 4


def test_both_parts_of_dbpedia_are_read_alike(data_folder: Path):
    """Its train part lost all characters but ASCII, its test part did not: no piece may tell the two apart."""
    packed = (data_folder / "dbpedia_14" / "test_subset.csv.gz").read_bytes()
    contents = [row[2] for row in csv.reader(io.StringIO(gzip.decompress(packed).decode(), newline=""))]
    assert any(not content.isascii() for content in contents)
    signs = [chr(number) for number in range(33, 127) if not chr(number).isupper()]
    letters = WordPieces((*SPECIAL_PIECES, *signs, *(f"##{sign}" for sign in signs)), "ASCII")
    opened = open_task(TaskSpec(name="dbpedia-14"), letters, data_folder)
    for part in (opened.train, opened.test):
        assert not (part.ids == letters.ids["[UNK]"]).any()
