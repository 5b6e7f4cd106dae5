"""Which passages a run trains on, in which order, and how those that it is judged on are masked. It knows no model."""

from __future__ import annotations

from typing import Literal

import numpy as np
import torch

from tlm_sweeps.compute.steps import evaluation_windows
from tlm_sweeps.corpora.passage_arrays import Passages
from tlm_sweeps.spec.experiment import ExperimentSpec
from tlm_sweeps.spec.masking import MaskingSpec
from tlm_sweeps.training.epochs import ShuffledEpochs
from tlm_sweeps.training.job import TrainingJob
from tlm_sweeps.training.masking import MaskedWindows, Masking
from tlm_sweeps.training.seeding import held_out_masking_stream, masking_stream


class TrainingPassages:
    """The batches of a run by step number: any step's batch, in any order, always the same.

    An epoch is all passages of train, in an order of its own. What is masked changes with every step.
    """

    def __init__(self, job: TrainingJob, passages: Passages, device: torch.device) -> None:
        self._seed, self._epochs, self._device = job.seed, ShuffledEpochs(job), device
        self._rows = passages.train
        self._masking = _masking(job.experiment, passages)

    def batch(self, step: int) -> MaskedWindows:
        """The masked passages of the step with this number, counted from 0; fewer at the end of an epoch."""
        rows = self._rows[self._epochs.rows(step)]
        return self._masking.of(rows, masking_stream(self._seed, step), self._device)


def held_out(
    experiment: ExperimentSpec, passages: Passages, split: Literal["valid", "test"], device: torch.device
) -> MaskedWindows:
    """The passages that a split is scored on, masked alike for every run, seed and step."""
    rows = passages.valid if split == "valid" else passages.test
    count = evaluation_windows(experiment, passages.facts, len(rows)).count
    return _masking(experiment, passages).of(np.asarray(rows[:count]), held_out_masking_stream(), device)


def _masking(experiment: ExperimentSpec, passages: Passages) -> Masking:
    return Masking(passages.pieces, experiment.training.masking or MaskingSpec())
