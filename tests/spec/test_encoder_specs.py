"""Encoders in a spec: what they need, what they refuse, and what they leave as it was for all others."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tlm_sweeps.errors import InputError
from tlm_sweeps.spec.contradictions import contradictions
from tlm_sweeps.spec.experiment import ExperimentSpec
from tlm_sweeps.spec.fingerprint import fingerprint
from tlm_sweeps.spec.loading import load_sweep

TRANSFORMER: dict[str, Any] = {
    "corpus": {"name": "ptb"},
    "model": {"kind": "transformer", "width": 64, "heads": 4},
}
BERT: dict[str, Any] = {
    "corpus": {"name": "ptb"},
    "passages": {"length": 32},
    "model": {"kind": "bert", "width": 64, "heads": 4, "context": 32},
    "training": {"predict": "masked", "windows": "shuffled"},
}

TASK: dict[str, Any] = BERT | {
    "task": {"name": "ag-news", "length": 32},
    "training": {"predict": "label", "windows": "shuffled"},
}


def experiment(base: dict[str, Any], **changes: Any) -> ExperimentSpec:
    parts = {name: each for name, each in changes.items() if isinstance(each, dict)}
    merged = {name: {**base.get(name, {}), **parts.get(name, {})} for name in {*base, *parts}}
    merged |= {name: each for name, each in changes.items() if name not in parts}
    return ExperimentSpec.model_validate(merged)


def test_a_bert_model_with_passages_and_masking_is_whole():
    assert contradictions(experiment(BERT)) == []


@pytest.mark.parametrize(
    ("changes", "place"),
    [
        ({"training": {"predict": "all"}}, "training.predict"),
        ({"training": {"windows": "replacement"}}, "training.windows"),
        ({"passages": {"length": 64}}, "model.context"),
        ({"training": {"masking": {"masked": 0.8, "random": 0.3}}}, "training.masking.masked"),
        ({"evaluation": {"score": "last"}}, "evaluation.score"),
        ({"evaluation": {"stride": 4}}, "evaluation.stride"),
        ({"corpus": {"level": "word"}}, "corpus.level"),
        ({"corpus": {"first_tokens": {"train": 10}}}, "corpus.first_tokens"),
        ({"model": {"heads": 5}}, "model.heads"),
        ({"model": {"width": 10**7, "heads": 1}}, "model.width"),
    ],
)
def test_what_a_bert_model_cannot_have_is_named(changes: dict[str, Any], place: str):
    assert [each.place for each in contradictions(experiment(BERT, **changes))] == [place]


def test_a_bert_model_with_a_task_tells_labels_apart():
    assert contradictions(experiment(TASK)) == []
    assert contradictions(experiment(TASK, start_from="pre-training")) == []


@pytest.mark.parametrize(
    ("base", "changes", "place", "hint"),
    [
        (TASK, {"training": {"predict": "masked"}}, "training.predict", "write `training.predict: label`"),
        (TASK, {"training": {"predict": "all"}}, "training.predict", "write `training.predict: label`"),
        (TASK, {"training": {"masking": {}}}, "training.masking", "remove"),
        (TASK, {"task": {"length": 16}}, "model.context", "write `task.length: 32`"),
        (TASK, {"passages": {"length": 16}}, "model.context", "`passages.length: 32`"),
        (TASK, {"evaluation": {"windows": 9}}, "evaluation.windows", "task.valid_per_label"),
        (TASK, {"passages": None}, "passages", "length: 32"),
        (BERT, {"training": {"predict": "label"}}, "training.predict", "add `task: {name: ag-news, length: 32}`"),
        (BERT, {"start_from": "other"}, "start_from", "add `task`"),
    ],
)
def test_what_a_task_needs_and_refuses_is_named(base: dict[str, Any], changes: dict[str, Any], place: str, hint: str):
    (problem,) = contradictions(experiment(base, **changes))
    assert problem.place == place
    assert hint in problem.hint


@pytest.mark.parametrize(
    ("changes", "place"),
    [
        ({"training": {"predict": "masked"}}, "training.predict"),
        ({"training": {"predict": "label"}}, "training.predict"),
        ({"training": {"masking": {}}}, "training.masking"),
        ({"passages": {}}, "passages"),
        ({"task": {"name": "fewrel"}}, "task"),
        ({"start_from": "other/run-0001-s0"}, "start_from"),
    ],
)
def test_what_only_a_bert_model_can_have_is_named(changes: dict[str, Any], place: str):
    assert [each.place for each in contradictions(experiment(TRANSFORMER, **changes))] == [place]


def test_a_bert_model_without_passages_is_told_what_to_add():
    (problem,) = contradictions(experiment({name: each for name, each in BERT.items() if name != "passages"}))
    assert problem.place == "passages"
    assert "length: 32" in problem.hint


def test_fields_of_encoders_leave_the_fingerprints_of_other_experiments_as_they_were():
    assert fingerprint(experiment(TRANSFORMER)) == "2ee193c771905d1e"  # of the release before encoders
    data = experiment(TRANSFORMER).model_dump(mode="json")
    assert "passages" not in data
    assert "masking" not in data["training"]


def assert_explained(file: Path, place: str, hint: str) -> None:
    """One problem, at its place, with its hint."""
    with pytest.raises(InputError) as refused:
        load_sweep(file)
    (problem,) = refused.value.problems
    assert problem.place.endswith(place)
    assert hint in problem.hint


@pytest.mark.parametrize(
    ("line", "place", "hint"),
    [
        ("task: {length: 16}", "experiment.task.name", "add e.g. `name: ag-news`"),
        ("task: {name: agnews}", "experiment.task.name", "did you mean `ag-news`?"),
        ("task: {name: fewrel, train_per_labels: 3}", "experiment.task.train_per_labels", "`train_per_label`"),
        ("start_from: a/b/c", "experiment.start_from", "start_from: my-pre-training"),
        ("start_from: ../up", "experiment.start_from", "start_from: my-pre-training"),
    ],
)
def test_a_task_that_cannot_be_is_explained(line: str, place: str, hint: str, tmp_path: Path):
    file = tmp_path / "spec.yaml"
    file.write_text(
        "name: x\nexperiment:\n  corpus: {name: python-docs}\n  passages: {length: 16}\n  " + line + "\n"
        "  model: {kind: bert, width: 8, heads: 2, context: 16}\n"
        "  training: {predict: label, windows: shuffled, epochs: 1}\n",
        encoding="utf-8",
    )
    assert_explained(file, place, hint)


@pytest.mark.parametrize(
    ("pieces", "place", "hint"),
    [
        ("{size: 400}", "experiment.passages.pieces.kind", "add e.g. `kind: trained`"),
        ("{kind: traind}", "experiment.passages.pieces.kind", "did you mean `trained`?"),
        ("{kind: file, path: v.txt, size: 400}", "experiment.passages.pieces.size", "trained has it"),
    ],
)
def test_a_vocabulary_that_cannot_be_is_explained(pieces: str, place: str, hint: str, tmp_path: Path):
    file = tmp_path / "spec.yaml"
    file.write_text(
        "name: x\nexperiment:\n  corpus: {name: python-docs}\n  passages: {pieces: " + pieces + ", length: 16}\n"
        "  model: {kind: bert, width: 8, heads: 2, context: 16}\n"
        "  training: {predict: masked, windows: shuffled, epochs: 1}\n",
        encoding="utf-8",
    )
    assert_explained(file, place, hint)
