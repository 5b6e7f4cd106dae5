"""A committee of runs that a sweep really trained: its files are read as they are written."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

import tlm_sweeps as tlm
from tests import tasks
from tlm_sweeps.committees.answering import classifier_of
from tlm_sweeps.committees.forming import Asked, form
from tlm_sweeps.committees.members import gather
from tlm_sweeps.corpora.labelled_arrays import LabelledSet
from tlm_sweeps.corpora.texts import open_text
from tlm_sweeps.report.sources import SweepResults
from tlm_sweeps.spec.experiment import ExperimentSpec

SHORT = {"batch_size": 8, "epochs": 4, "learning_rate": 0.01}


class Finished:
    """A sweep that ran, and where."""

    def __init__(self, folder: Path) -> None:
        self.data, self.runs = tasks.data(folder), folder / "runs"
        spec = tasks.sweep_of(folder, training=SHORT)
        self.results: SweepResults = tlm.sweep(spec, runs_dir=self.runs, data_dir=self.data, workers=1)


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Finished]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TLM_CACHE", str(tmp_path_factory.getbasetemp() / "cache"))
        yield Finished(tmp_path_factory.mktemp("committee"))


def test_scores_and_costs_of_members_are_those_of_their_records(finished: Finished):
    records = {(record.trial, record.seed): record for record in finished.results.records}

    found = form(Asked(members=("tiny-topics/0",), against=("tiny-topics/1",), rounds=0), finished.runs)

    assert found.task.labels == tuple(tasks.TOPICS)
    assert (found.task.n_valid, found.task.n_test) == (16, 24)
    for run in (*found.committee.runs, *found.against[0].runs):
        record = records[run.trial, run.seed]
        assert run.test == record.test_scores
        assert (run.test_nll, run.valid_nll) == pytest.approx((record.test_nll, record.val_nll), rel=1e-5)
        assert (run.n_params, run.finetuning_flops) == (record.n_params, record.train_flops)


def test_the_module_that_answers_is_the_one_that_the_run_ended_with(finished: Finished):
    for member in gather(["tiny-topics/0"], finished.runs).members:
        examples = labelled_set(member.experiment, finished.data)
        tokens = torch.from_numpy(examples.test.ids.astype("int64"))
        is_real = torch.from_numpy(examples.test.is_real.copy())
        with torch.inference_mode():
            logits = classifier_of(member.folder).labels(tokens, is_real)
        torch.testing.assert_close(logits, torch.from_numpy(member.test.logits))
        assert member.test.labels.tolist() == examples.test.labels.tolist()


def labelled_set(experiment: ExperimentSpec, data: Path) -> LabelledSet:
    """The examples of an experiment."""
    found = open_text(experiment, data)
    assert isinstance(found, LabelledSet)
    return found
