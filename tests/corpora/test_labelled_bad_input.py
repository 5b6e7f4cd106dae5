"""Labelled sets that cannot be used: one clear message, with the value, its place and a hint that is true."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet
import pytest

from tests.corpora.labelled_files import PIECES, ag_news, fewrel, write_table
from tlm_sweeps.corpora.labelled import open_task
from tlm_sweeps.errors import InputError, Problem
from tlm_sweeps.spec.tasks import TaskName, TaskSpec

COMMIT = 5 * "0123abcd"
GOOD = [[str(label), "w1", "w2"] for label in (1, 2, 3, 4)]


def refused(spec: TaskSpec, data_dir: Path | None) -> Problem:
    with pytest.raises(InputError) as error:
        open_task(spec, PIECES, data_dir)
    (problem,) = error.value.problems
    assert problem.place
    assert problem.hint
    return problem


def one_each(name: TaskName, **more: object) -> TaskSpec:
    return TaskSpec.model_validate(
        {"name": name, "train_per_label": 1, "valid_per_label": 1, "test_per_label": 1, **more}
    )


@pytest.mark.parametrize(
    ("row", "said", "hinted"),
    [
        (["3", "only a title"], "2 columns, not 3: label, title, description", "columns"),
        (["3", "a", "b", "c"], "4 columns", "comma"),
        (["5", "a", "b"], "'5' is not one of 1 to 4", "1 World, 2 Sports"),
        (["0", "a", "b"], "'0' is not one of 1 to 4", "1 World"),
        (["World", "a", "b"], "'World' is not one of 1 to 4", "1 World"),
        (["2", " ", ""], "no text", "take it out"),
    ],
)
def test_a_bad_row_is_shown_with_its_line(tmp_path: Path, row: list[str], said: str, hinted: str):
    ag_news(tmp_path)
    path = write_table(tmp_path / "ag_news" / "train.csv", [*GOOD, row, *GOOD])
    problem = refused(one_each("ag-news"), tmp_path)
    assert said in problem.message
    assert problem.place == f"{path}:5"
    assert hinted in problem.hint
    write_table(path, [*GOOD, *GOOD])
    assert open_task(one_each("ag-news"), PIECES, tmp_path).facts.n_train == 4


def test_empty_lines_are_no_rows(tmp_path: Path):
    ag_news(tmp_path)
    path = write_table(tmp_path / "ag_news" / "train.csv", [*GOOD, *GOOD])
    path.write_bytes(path.read_bytes().replace(b"\r\n", b"\r\n\r\n") + b"\r\n\n")
    assert open_task(one_each("ag-news"), PIECES, tmp_path).facts.n_train == 4


@pytest.mark.parametrize(
    ("last", "said", "hinted"),
    [
        ('"3","a title","torn', "unexpected end of data", "fetch it again"),
        ('"3","a "title"","text"', "expected after", "double those within"),
        (f'"3","a","{"w1 " * 50_000}"', "more than 131,072 characters", "shorten it"),
        (f'"{"9" * 5_000}","a","b"', "of 5,000 characters is not one of 1 to 4", "1 World"),
        ('"33","a","b"', "is not one of 1 to 4", "1 World"),
    ],
)
def test_a_file_that_is_torn_or_has_a_field_too_long_says_so(tmp_path: Path, last: str, said: str, hinted: str):
    ag_news(tmp_path)
    path = write_table(tmp_path / "ag_news" / "train.csv", [*GOOD, *GOOD])
    path.write_bytes(path.read_bytes() + last.encode())
    problem = refused(one_each("ag-news"), tmp_path)
    assert said in problem.message
    assert problem.place == f"{path}:9"
    assert hinted in problem.hint
    assert len(problem.message) < 200


@pytest.mark.parametrize("revision", ["main", "refs/convert/parquet", "0123abc"])
def test_a_set_of_the_hub_is_named_by_its_commit(revision: str):
    with pytest.raises(ValueError, match="revision"):
        one_each("fewrel", hub="thunlp/few_rel", revision=revision)


def test_where_only_a_branch_is_known_the_hint_says_whose_commit_to_write(tmp_path: Path):
    hint = refused(one_each("fewrel", hub="thunlp/few_rel"), tmp_path).hint
    assert "newest commit of its branch refs/convert/parquet" in hint


def test_a_line_of_column_names_is_to_be_taken_away(tmp_path: Path):
    ag_news(tmp_path)
    path = write_table(tmp_path / "ag_news" / "train.csv", [["Class Index", "Title", "Description"], *GOOD])
    problem = refused(one_each("ag-news"), tmp_path)
    assert problem.place == f"{path}:1"
    assert problem.hint == "take the line with the columns' names away"


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("{", "no JSON"),
        ("[]", "no object of relations"),
        ('{"P1": {"tokens": []}}', "no object of relations"),
        ('{"P1": [{"text": "a"}]}', "no `tokens`"),
        ('{"P1": ["a sentence"]}', "no `tokens`"),
        ('{"P1": [{"tokens": "a sentence"}]}', "'a sentence'"),
        ('{"P1": [{"tokens": [1, 2]}]}', "[1, 2]"),
        ('{"P1": [{"tokens": []}]}', "no text"),
        ("{}", "no labels"),
    ],
)
def test_a_file_of_relations_that_is_none_is_refused(tmp_path: Path, content: str, said: str):
    fewrel(tmp_path, {})
    (tmp_path / "fewrel" / "train_wiki.json").write_text(content, encoding="utf-8")
    assert said in refused(one_each("fewrel"), tmp_path).message


def test_fewer_examples_than_asked_for_are_refused_and_the_hint_is_true(tmp_path: Path):
    folder = fewrel(tmp_path, {"P1": 9, "P2": 6, "P3": 7})
    spec = TaskSpec(name="fewrel", train_per_label=5, valid_per_label=1, test_per_label=2)
    problem = refused(spec, folder)
    assert problem.message.startswith("fewrel has 6 examples of 'P2', and 8 of each label are asked for")
    assert "2 of 3 labels have too few" in problem.message
    assert problem.place == "experiment.task.train_per_label"
    assert problem.hint == "write train_per_label: 3"
    assert open_task(spec.model_copy(update={"train_per_label": 3}), PIECES, folder).facts.n_train == 9
    assert "at most 6" in refused(spec.model_copy(update={"test_per_label": 7}), folder).hint


@pytest.mark.parametrize(
    ("asked", "place", "hint"),
    [
        ({"train_per_label": 6}, "train_per_label", "write train_per_label: 5"),
        ({"train_per_label": 5, "valid_per_label": 3}, "train_per_label", "write train_per_label: 3"),
        ({"test_per_label": 6}, "test_per_label", "write test_per_label: 5"),
    ],
)
def test_each_part_of_a_set_must_have_enough(tmp_path: Path, asked: dict[str, int], place: str, hint: str):
    folder = ag_news(tmp_path, n_train=6, n_test=5)
    problem = refused(one_each("ag-news", **asked), folder)
    assert problem.place == f"experiment.task.{place}"
    assert problem.hint == hint
    field, _, value = hint.removeprefix("write ").partition(": ")
    assert open_task(one_each("ag-news", **{**asked, field: int(value)}), PIECES, folder)


def test_a_label_that_no_example_has_is_too_few(tmp_path: Path):
    ag_news(tmp_path)
    write_table(tmp_path / "ag_news" / "test.csv", GOOD[:3])
    assert "0 examples of 'Sci/Tech'" in refused(one_each("ag-news"), tmp_path).message


def test_a_set_that_is_not_there_says_where_it_was_looked_for(tmp_path: Path):
    problem = refused(one_each("dbpedia-14"), tmp_path)
    assert str(tmp_path) in problem.message
    assert "train.csv or train_subset.csv" in problem.message
    for way in ("--data-dir", "TLM_DATA", "hub: fancyzhx/dbpedia_14"):
        assert way in problem.hint


def test_a_hub_set_must_have_a_revision_and_a_revision_a_hub_set(tmp_path: Path):
    assert refused(one_each("ag-news", hub="owner/set"), None).place == "experiment.task.revision"
    assert "hub: fancyzhx/ag_news" in refused(one_each("ag-news", revision=COMMIT), ag_news(tmp_path)).hint


@pytest.mark.usefixtures("no_hub")
def test_a_hub_out_of_reach_is_said_at_once():
    problem = refused(one_each("ag-news", hub="owner/set", revision=COMMIT), None)
    assert "cannot be reached" in problem.message
    assert problem.place == "experiment.task.hub"


@pytest.mark.parametrize(
    ("columns", "said"),
    [
        ({"label": [0], "title": ["x"]}, "no column text, but: label, title"),
        ({"label": [4], "text": ["w1"]}, "4 is not one of 0 to 3"),
        ({"label": [-1], "text": ["w1"]}, "-1 is not one of 0 to 3"),
        ({"label": [None], "text": ["w1"]}, "None is not one of 0 to 3"),
        ({"label": [0], "text": [None]}, "no text"),
    ],
)
def test_rows_of_the_hub_that_cannot_be_used_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, columns: dict[str, list[object]], said: str
):
    monkeypatch.setattr("datasets.config.HF_DATASETS_CACHE", tmp_path / "hf")
    (tmp_path / "set").mkdir()
    for split in ("train", "test"):
        pyarrow.parquet.write_table(pa.table(columns), tmp_path / "set" / f"{split}-00000-of-00001.parquet")
    spec = one_each("ag-news", hub=str(tmp_path / "set"), revision=COMMIT)
    assert said in refused(spec, None).message


def test_nothing_is_kept_of_what_was_refused(tmp_path: Path, cache: Path):
    folder = fewrel(tmp_path, {"P1": 2})
    refused(one_each("fewrel"), folder)
    assert not list((cache / "corpora").glob("*"))
    file = folder / "fewrel" / "train_wiki.json"
    instances = json.loads(file.read_text(encoding="utf-8"))["P1"]
    file.write_text(json.dumps({"P1": [*instances, {"tokens": ["w9"]}]}), encoding="utf-8")
    assert open_task(one_each("fewrel"), PIECES, folder).facts.n_train == 1
