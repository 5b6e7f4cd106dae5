"""The study's linear row, trained again: the protocol as a whole is the study's."""

import os
from pathlib import Path

import pytest

from tlm_sweeps.compute.steps import Steps, windows_per_epoch
from tlm_sweeps.corpora.opening import open_corpus
from tlm_sweeps.spec.experiment import ExperimentSpec
from tlm_sweeps.training.job import TrainingJob
from tlm_sweeps.training.loop import finish, train
from tlm_sweeps.training.state import start

LINEAR_ROW = {
    "corpus": {"name": "tiny-shakespeare", "split": "paper"},
    "model": {"kind": "linear", "width": 128, "context": 128},
    "training": {"predict": "last", "learning_rate": 3e-4, "batch_size": 64, "windows_per_epoch": 50_000},
    "evaluation": {"every": "epoch", "windows": 10_000, "average": "batches"},
}
PUBLISHED_TEST_NLL, PUBLISHED_VALID = 3.0549, (3.101, 3.031, 2.971)


@pytest.fixture
def data_folder() -> Path:
    folder = Path(os.environ.get("TLM_DATA") or Path(__file__).parents[3] / "shared" / "data")
    if not (folder / "tinyshakespeare").is_dir():
        pytest.skip("Tiny Shakespeare is not on this machine: set TLM_DATA to the folder of the corpora")
    return folder.resolve()


@pytest.mark.slow
def test_the_linear_row_gives_the_published_nll(
    data_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Over seeds the test NLL varies (standard deviation 0.02); the study's seed begins with the study's weights."""
    monkeypatch.setenv("TLM_CACHE", str(tmp_path))
    experiment = ExperimentSpec.model_validate(LINEAR_ROW)
    corpus = open_corpus(experiment.corpus, data_folder)
    epoch = windows_per_epoch(experiment, corpus.facts)
    state = start(TrainingJob(experiment, 689, Steps(64, epoch, 3 * -(-epoch // 64))), corpus)
    list(train(state))
    outcome = finish(state)
    assert outcome.test_nll == pytest.approx(PUBLISHED_TEST_NLL, abs=0.02)
    assert [each.val_nll for each in state.measurements] == pytest.approx(PUBLISHED_VALID, abs=0.05)
    assert outcome.train_flops["2nd"] == 2 * 1_073_345 * 128 * 150_000
