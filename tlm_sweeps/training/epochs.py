"""Rows that are passed over in epochs, each in an order of its own. What the rows are is not its affair."""

from __future__ import annotations

import numpy as np
from jaxtyping import Int

from tlm_sweeps.training.job import TrainingJob
from tlm_sweeps.training.seeding import window_stream


class ShuffledEpochs:
    """The rows of a run by step number: any step's rows, in any order, always the same."""

    def __init__(self, job: TrainingJob) -> None:
        self._seed, self._steps = job.seed, job.steps
        self._epoch = -1
        self._order: Int[np.ndarray, " n"] = np.arange(0)

    def rows(self, step: int) -> Int[np.ndarray, " b"]:
        """Those of the step with this number, counted from 0; fewer at the end of an epoch."""
        epoch, place = divmod(step, self._steps.per_epoch)
        if epoch != self._epoch:
            self._epoch = epoch
            self._order = window_stream(self._seed, epoch).permutation(self._steps.windows_per_epoch)
        return self._order[place * self._steps.batch_size : (place + 1) * self._steps.batch_size]
