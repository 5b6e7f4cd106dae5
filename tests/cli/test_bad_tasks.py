"""Labelled sets that cannot be used, from the command line: exit code 2, one message, nothing lost."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests import tasks

Tlm = Callable[..., Any]

SPEC = """\
name: topics
experiment:
  corpus: {path: articles.txt}
  passages: {pieces: {kind: trained, size: 200}, length: 12, heldout_passages: 5}
  task: {name: ag-news, train_per_label: 10, valid_per_label: 4, test_per_label: 6, length: 12}
  model: {kind: bert, width: 8, heads: 2, context: 12}
  training: {batch_size: 8, epochs: 1, predict: label, windows: shuffled}
"""


@pytest.fixture
def spec(tmp_path: Path) -> Path:
    """A spec whose text and labelled set are there, in the folder where commands are run."""
    tasks.text(tmp_path)
    tasks.data(tmp_path)
    path = tmp_path / "topics.yaml"
    path.write_text(SPEC)
    return path


def add_line(line: str) -> Callable[[Path], object]:
    def add(folder: Path) -> None:
        table = folder / "ag_news" / "train.csv"
        table.write_text(f"{line}\n{table.read_text()}")

    return add


def nothing(_: Path) -> None:
    """The files stay as they are."""


@pytest.mark.parametrize("command", ["plan", "sweep"])
@pytest.mark.parametrize(
    ("spoil", "setting", "said", "place"),
    [
        (add_line("1,only a title"), "", "2 columns, not 3", "train.csv:1"),
        (add_line('"5","a","b"'), "", "'5' is not one of 1 to 4", "train.csv:1"),
        (nothing, "task.train_per_label=17", "21 of each label are asked for", "task.train_per_label"),
        (nothing, "task.test_per_label=21", "20 examples", "task.test_per_label"),
        (nothing, "task.name=dbpedia-14", "is not on this machine", "task.name"),
        (nothing, "task.length=16", "context 12 is not the examples' length, 16", "model.context"),
        (nothing, "training.predict=masked", "with a `task` tells its labels apart", "training.predict"),
    ],
    ids=["columns", "label", "too few to train on", "too few to test on", "no such files", "length", "predict"],
)
def test_a_set_that_cannot_be_used_is_one_message(
    tlm: Tlm, spec: Path, command: str, spoil: Callable[[Path], object], setting: str, said: str, place: str
):
    spoil(spec.parent)
    answer = tlm(command, spec, "--data-dir", spec.parent, *(["--set", setting] if setting else []))
    assert answer.code == 2
    assert answer.err.count("error: ") == 1
    assert said in answer.err
    assert place in answer.err
    assert "\nhint: " in answer.err
    assert answer.out == ""
    assert not (spec.parent / "runs").exists()


def test_a_plan_says_what_a_classifier_is_and_costs(tlm: Tlm, spec: Path):
    (trial,) = tlm("plan", spec, "--data-dir", spec.parent, "--json").data["trials"]
    assert trial["feasible"]
    assert trial["n_params"] > 0
