"""Which labelled examples a run trains on, in which order, and those that it is judged on. It knows no model."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from jaxtyping import Bool, Int
from torch import Tensor

from tlm_sweeps.corpora.labelled_arrays import LabelledPart, LabelledSet
from tlm_sweeps.training.epochs import ShuffledEpochs
from tlm_sweeps.training.job import TrainingJob


@dataclass(frozen=True, eq=False)
class Examples:
    """Windows of one example each, with their labels."""

    inputs: Int[Tensor, "b t"]
    is_real: Bool[Tensor, "b t"]
    """Where it is no padding."""
    labels: Int[Tensor, " b"]

    def __len__(self) -> int:
        return len(self.inputs)

    def part(self, first: int, end: int) -> Examples:
        """Some of the examples."""
        return Examples(self.inputs[first:end], self.is_real[first:end], self.labels[first:end])


class TrainingExamples:
    """The batches of a run by step number: any step's batch, in any order, always the same.

    An epoch is all examples of train, in an order of its own: as they are kept, they come label by label.
    """

    def __init__(self, job: TrainingJob, labelled: LabelledSet, device: torch.device) -> None:
        self._epochs, self._part, self._device = ShuffledEpochs(job), labelled.train, device

    def batch(self, step: int) -> Examples:
        """The examples of the step with this number, counted from 0; fewer at the end of an epoch."""
        return _examples(self._part, self._epochs.rows(step), self._device)


def held_out_examples(labelled: LabelledSet, split: Literal["valid", "test"], device: torch.device) -> Examples:
    """All examples of a split, in their order."""
    part = labelled.valid if split == "valid" else labelled.test
    return _examples(part, np.arange(len(part.labels)), device)


def _examples(part: LabelledPart, chosen: Int[np.ndarray, " b"], device: torch.device) -> Examples:
    found = (part.ids[chosen].astype(np.int64), part.is_real[chosen], part.labels[chosen].astype(np.int64))
    return Examples(*(torch.from_numpy(np.asarray(each)).to(device) for each in found))
