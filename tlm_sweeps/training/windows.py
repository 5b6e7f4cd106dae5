"""Which windows a run trains on, in which order, and their batches. It knows no model and no loss."""

from __future__ import annotations

from typing import assert_never

import numpy as np
import torch
from jaxtyping import Int, Integer
from torch import Tensor

from tlm_sweeps.training.job import TrainingJob
from tlm_sweeps.training.seeding import window_stream


def resident(tokens: np.ndarray, device: torch.device) -> Integer[Tensor, " n"]:
    """A split as a tensor that stays in memory.

    On a CPU it is the array itself, in its own small type: mapped from the cache, its pages are the same for every
    worker. Windows become int64 when they are gathered, which costs the same from any type. On a GPU it is a copy in
    int32, since indexing by torch's unsigned types is young there.
    """
    if device.type != "cpu":
        return torch.from_numpy(tokens.astype(np.int32)).to(device)
    same = tokens.view()
    try:
        same.flags.writeable = True  # torch knows no tensor that must not be written, and warns of one; nobody writes
    except ValueError:  # of memory that cannot be written at all
        same = tokens.copy()
    return torch.from_numpy(same)


def window_starts(job: TrainingJob, n_train: int, epoch: int) -> Int[np.ndarray, " windows"]:
    """Where the windows of an epoch begin, in the order of training.

    A window is `context` inputs and the token after the last of them. With replacement every start is equally
    likely. Shuffled: disjoint windows from a random offset below the context, in random order, so that over the
    epochs every token is a last target.
    """
    context, count = job.experiment.model.context, job.steps.windows_per_epoch
    stream = window_stream(job.seed, epoch)
    match job.experiment.training.windows:
        case "replacement":
            return stream.integers(0, n_train - context, size=count)
        case "shuffled":
            return stream.integers(0, context) + context * stream.permutation(count)
        case _:
            assert_never(job.experiment.training.windows)


class TrainingWindows:
    """The batches of a run by step number: any step's batch, in any order, always the same."""

    def __init__(self, job: TrainingJob, tokens: Integer[Tensor, " n"]) -> None:
        self._job = job
        self._n_tokens = tokens.shape[0]
        self._every_window = tokens.unfold(0, job.experiment.model.context + 1, 1)
        self._epoch = -1
        self._starts = tokens[:0]

    def batch(self, step: int) -> tuple[Int[Tensor, "b t"], Int[Tensor, "b q"]]:
        """Inputs and targets of the step with this number, counted from 0.

        There are `context` targets, or one with `predict: last`. The last batch of an epoch is smaller when the
        batch size does not divide the epoch.
        """
        return self.split(self.rows(self.starts(step)))

    def starts(self, step: int) -> Int[Tensor, " b"]:
        """Where the windows of a step begin."""
        epoch, place = divmod(step, self._job.steps.per_epoch)
        if epoch != self._epoch:
            starts = window_starts(self._job, self._n_tokens, epoch)
            self._epoch, self._starts = epoch, torch.from_numpy(starts).to(self._every_window.device)
        first = place * self._job.steps.batch_size
        return self._starts[first : first + self._job.steps.batch_size]

    def rows(self, starts: Int[Tensor, "*b"]) -> Int[Tensor, "*b n"]:
        """The windows that begin there, with the token after each."""
        return self._every_window[starts].long()

    def split(self, rows: Int[Tensor, "*b n"]) -> tuple[Int[Tensor, "*b t"], Int[Tensor, "*b q"]]:
        """Inputs and targets of windows."""
        return rows[..., :-1], rows[..., -1:] if self._job.experiment.training.predict == "last" else rows[..., 1:]
