"""Which windows are trained on: where they lie, how often, and that a batch depends on its step alone."""

from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from tlm_sweeps.compute.facts import CorpusFacts
from tlm_sweeps.compute.steps import Steps, windows_per_epoch
from tlm_sweeps.corpora.cache import publish, read_tokens
from tlm_sweeps.corpora.tokenising import Tokens
from tlm_sweeps.spec.experiment import ExperimentSpec
from tlm_sweeps.training.job import TrainingJob
from tlm_sweeps.training.windows import TrainingWindows, resident, window_starts


def job_on(n_train: int, context: int, windows: str, *, predict: str = "last", batch_size: int = 3, seed: int = 0):
    experiment = ExperimentSpec.model_validate(
        {
            "corpus": {"name": "numbers"},
            "model": {"kind": "attention", "width": 4, "context": context},
            "training": {"windows": windows, "predict": predict, "batch_size": batch_size},
        }
    )
    count = windows_per_epoch(experiment, CorpusFacts("numbers", "char", 2, n_train, 0, 0, ""))
    return TrainingJob(experiment, seed, Steps(batch_size, count, 100))


def batches(job: TrainingJob, n_train: int) -> TrainingWindows:
    return TrainingWindows(job, resident(np.arange(n_train), torch.device("cpu")))


def test_a_split_that_is_mapped_is_not_copied_and_cannot_be_written(tmp_path: Path):
    tokens = np.arange(70_000, 0, -1).astype(np.uint16)
    publish(Tokens(("a",) * 2**16, tokens, tokens[:100], tokens[:100]), "word", tmp_path / "entry")
    read = read_tokens(tmp_path / "entry")
    assert read is not None
    tensor = resident(read.train, torch.device("cpu"))
    assert tensor.data_ptr() == read.train.ctypes.data
    assert torch.equal(tensor.long(), torch.from_numpy(tokens.astype(np.int64)))
    with pytest.raises(ValueError, match="read-only"):
        read.train[0] = 1
    tensor[0] = 3
    again = read_tokens(tmp_path / "entry")
    assert again is not None
    assert again.train[0] == tokens[0], "the file is another matter"


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.int32])
def test_batches_are_the_same_from_every_type_of_token(dtype: type):
    job = job_on(200, 7, "shuffled")
    narrow = TrainingWindows(job, resident(np.arange(200).astype(dtype), torch.device("cpu")))
    for step in range(10):
        for one, other in zip(narrow.batch(step), batches(job, 200).batch(step), strict=True):
            assert torch.equal(one, other)


@given(n_train=st.integers(20, 200), context=st.integers(1, 12), epoch=st.integers(0, 50), seed=st.integers(0, 99))
@settings(deadline=None)
def test_every_window_and_its_target_lie_in_the_text(n_train: int, context: int, epoch: int, seed: int):
    for windows in ("replacement", "shuffled"):
        job = job_on(n_train, context, windows, seed=seed)
        starts = window_starts(job, n_train, epoch)
        assert len(starts) == job.steps.windows_per_epoch
        if len(starts):
            assert starts.min() >= 0
            assert starts.max() + context < n_train


@given(n_train=st.integers(20, 200), context=st.integers(1, 12), epoch=st.integers(0, 50))
@settings(deadline=None)
def test_shuffled_windows_do_not_overlap(n_train: int, context: int, epoch: int):
    starts = np.sort(window_starts(job_on(n_train, context, "shuffled"), n_train, epoch))
    assert set(np.diff(starts)) <= {context}


def test_replacement_draws_every_start_about_equally_often():
    job = job_on(26, 5, "replacement")
    drawn = Counter(int(start) for epoch in range(2000) for start in window_starts(job, 26, epoch))
    expected = 2000 * job.steps.windows_per_epoch / 21
    assert set(drawn) == set(range(21))
    assert all(abs(count - expected) < 5 * expected**0.5 for count in drawn.values())


def test_shuffled_epochs_begin_at_every_offset():
    job = job_on(60, 5, "shuffled")
    assert {int(window_starts(job, 60, epoch).min()) for epoch in range(100)} == set(range(5))


@pytest.mark.parametrize("windows", ["replacement", "shuffled"])
def test_targets_follow_their_inputs(windows: str):
    inputs, targets = batches(job_on(100, 7, windows), 100).batch(4)
    assert torch.equal(targets, inputs[:, -1:] + 1)
    inputs, targets = batches(job_on(100, 7, windows, predict="all"), 100).batch(4)
    assert torch.equal(targets, inputs + 1)
    assert inputs.dtype == targets.dtype == torch.int64


@pytest.mark.parametrize("windows", ["replacement", "shuffled"])
def test_an_epochs_batches_hold_its_windows_and_the_last_is_smaller(windows: str):
    job = job_on(100, 7, windows)
    found = [batches(job, 100).batch(step)[0] for step in range(2 * job.steps.per_epoch)]
    sizes = [len(inputs) for inputs in found]
    assert sizes == [job.steps.windows_after(step + 1) - job.steps.windows_after(step) for step in range(len(sizes))]
    for epoch in range(2):
        rows = torch.cat(found[epoch * job.steps.per_epoch : (epoch + 1) * job.steps.per_epoch])
        assert rows[:, 0].tolist() == window_starts(job, 100, epoch).tolist()


def test_a_batch_depends_on_its_step_and_seed_alone():
    job = job_on(100, 7, "shuffled")
    in_order, backwards = batches(job, 100), batches(job, 100)
    forth = [in_order.batch(step)[0] for step in range(20)]
    back = [backwards.batch(step)[0] for step in reversed(range(20))]
    assert all(torch.equal(one, other) for one, other in zip(forth, reversed(back), strict=True))
    other_seed = batches(job_on(100, 7, "shuffled", seed=1), 100)
    assert not torch.equal(forth[0], other_seed.batch(0)[0])
