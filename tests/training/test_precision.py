"""bfloat16 against float32: the same learning curve, on real text."""

from statistics import fmean

import pytest

from tlm_sweeps.compute.steps import Steps
from tlm_sweeps.corpora.opening import Corpus, open_corpus
from tlm_sweeps.errors import RunError
from tlm_sweeps.spec.experiment import CorpusSpec, ExperimentSpec
from tlm_sweeps.training.job import TrainingJob
from tlm_sweeps.training.loop import finish, train
from tlm_sweeps.training.probing import seconds_per_step
from tlm_sweeps.training.state import start

STEPS = Steps(batch_size=16, windows_per_epoch=10_000, total=500)


@pytest.fixture(scope="module")
def text() -> Corpus:
    return open_corpus(CorpusSpec(name="python-docs"))


def job(precision: str, seed: int = 0, steps: Steps = STEPS) -> TrainingJob:
    experiment = ExperimentSpec.model_validate(
        {
            "corpus": {"name": "python-docs"},
            "model": {"kind": "transformer", "width": 32, "depth": 2, "heads": 2, "context": 32},
            "training": {"precision": precision, "learning_rate": 3e-3, "batch_size": 16},
            "evaluation": {"every": 1.0, "windows": 200},
        }
    )
    return TrainingJob(experiment, seed, steps)


def outcome(precision: str, seed: int, text: Corpus) -> tuple[float, float]:
    state = start(job(precision, seed), text)
    list(train(state))
    ended = finish(state)
    return ended.val_nll, ended.test_nll


def test_bfloat16_learns_what_float32_learns(text: Corpus):
    """Within 0.01 nat after 500 steps, over three seeds."""
    full = [outcome("fp32", seed, text) for seed in range(3)]
    low = [outcome("bf16", seed, text) for seed in range(3)]
    assert full != low
    for split in (0, 1):
        assert fmean(each[split] for each in low) == pytest.approx(fmean(each[split] for each in full), abs=0.01)
        for one, other in zip(full, low, strict=True):
            assert one[split] == pytest.approx(other[split], abs=0.02)


def test_both_precisions_are_timed(text: Corpus):
    seconds = seconds_per_step(job("auto", steps=Steps(batch_size=16, windows_per_epoch=10_000, total=4)), text)
    assert set(seconds) == {"fp32", "bf16"}
    assert all(each > 0 for each in seconds.values())


def test_a_probe_takes_small_batches_and_leaves_the_job_as_it_was(text: Corpus, monkeypatch: pytest.MonkeyPatch):
    large = TrainingJob(job("auto").experiment, 0, Steps(batch_size=64, windows_per_epoch=10_000, total=4))
    seen: list[int] = []
    monkeypatch.setattr(
        "tlm_sweeps.training.probing.take_step", lambda state: seen.append(len(state.windows.starts(0)))
    )
    seconds_per_step(large, text)
    assert seen == [16] * 8
    assert large.steps.batch_size == 64


def test_a_run_does_not_choose_its_precision_itself(text: Corpus):
    with pytest.raises(RunError, match="fp32 or bf16"):
        start(job("auto"), text)
