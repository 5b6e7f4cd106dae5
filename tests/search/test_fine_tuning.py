"""Labels from spec to report: a sweep of tiny encoders that tell topics apart."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file

import tlm_sweeps as tlm
from tests import tasks
from tlm_sweeps.report.sources import SweepResults
from tlm_sweeps.report.table import leaderboard_rows
from tlm_sweeps.runs.record import Record
from tlm_sweeps.spec.sweep import SweepSpec


class Finished:
    """A sweep that ran, and where."""

    def __init__(self, folder: Path) -> None:
        self.spec: SweepSpec = tasks.sweep_of(folder)
        self.data, self.runs = tasks.data(folder), folder / "runs"
        self.results: SweepResults = tlm.sweep(self.spec, runs_dir=self.runs, data_dir=self.data, workers=1)

    def folder_of(self, record: Record) -> Path:
        """The run's folder."""
        return self.runs / record.sweep / record.run_id


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Finished:
    return Finished(tmp_path_factory.mktemp("fine-tuning"))


def test_every_run_is_complete_with_its_scores_and_the_facts_of_its_examples(finished: Finished):
    assert [record.state for record in finished.results.records] == ["complete"] * 4
    for record in finished.results.records:
        assert record.test_scores is not None
        assert record.test_scores.n == 4 * 6
        low, high = record.test_scores.interval
        assert 0 < low < record.test_scores.accuracy < high <= 1 or record.test_scores.accuracy == 1
        assert record.test_scores.accuracy > 0.4, "by chance a quarter"
        facts = record.provenance.corpus
        assert facts["labels"] == list(tasks.TOPICS)
        assert (facts["n_train"], facts["n_valid"], facts["n_test"]) == (40, 16, 24)
        assert facts["overlap"]["task_kinds_seen"] > 0.9, "the examples are of the passages' words"
        assert record.epochs == 20
        assert "masking" not in record.spec["training"]


def test_what_was_planned_is_what_was_trained(finished: Finished):
    plan = tlm.plan(finished.spec, data_dir=finished.data)
    planned = {tuple(each.settings.items()): each for each in plan.trials}
    for record in finished.results.records:
        trial = planned[tuple(record.settings.items())]
        assert trial.matched is not None
        assert trial.cost is not None
        assert record.train_flops == trial.matched.train_flops.by_name()
        assert record.evaluation_flops == trial.cost.evaluation_flops
        assert (record.n_params, record.targets) == (trial.cost.n_params, trial.cost.targets)


def test_each_evaluation_says_how_many_are_told_right(finished: Finished):
    record = finished.results.records[0]
    lines = (finished.folder_of(record) / "metrics.jsonl").read_text().splitlines()
    accuracies = [json.loads(line)["val_accuracy"] for line in lines]
    assert len(accuracies) == 20
    assert all((16 * each).is_integer() for each in accuracies)


def test_a_run_leaves_its_logits_and_the_names_of_its_labels(finished: Finished):
    for record in finished.results.records:
        folder = finished.folder_of(record)
        kept = load_file(folder / "predictions.safetensors")
        right = kept["test_logits"].argmax(1) == kept["test_labels"]
        assert record.test_scores is not None
        assert (record.test_scores.n, record.test_scores.n_correct) == (right.size, right.sum())
        assert kept["valid_logits"].shape == (16, 4)
        assert sum(each.size for each in load_file(folder / "model.safetensors").values()) == record.n_params
        assert kept["valid_labels"].tolist() == np.repeat(range(4), 4).tolist()
        description = json.loads((folder / "model.json").read_text())
        assert description["corpus"]["labels"] == list(tasks.TOPICS)


def test_the_report_shows_accuracy_with_its_interval_and_speaks_of_no_characters(finished: Finished):
    page = tlm.write_report("tiny-topics", finished.runs).read_text()
    (best, *_) = leaderboard_rows(finished.results)
    low, high = best["test_accuracy_interval"]
    assert low <= best["test_accuracy"] <= high
    assert "test accuracy" in page
    assert f"{best['test_accuracy']:.1%}" in page
    assert "nats per example" in page
    assert "bits per character" not in page
    assert "perplexity" not in page
