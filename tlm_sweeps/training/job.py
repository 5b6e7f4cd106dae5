"""What one run is asked to do, and what it needs of a corpus. Only data: nothing here computes."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, runtime_checkable

import numpy as np

from tlm_sweeps.compute.facts import CorpusFacts
from tlm_sweeps.compute.steps import Steps
from tlm_sweeps.corpora.labelled_arrays import LabelledSet
from tlm_sweeps.corpora.passage_arrays import Passages
from tlm_sweeps.spec.experiment import ExperimentSpec


@dataclass(frozen=True)
class FirstWeights:
    """A file of weights that a run begins with, and what tells whether it still is that file."""

    path: Path
    sha256: str


@dataclass(frozen=True)
class TrainingJob:
    """One experiment, trained once with one seed for a known number of steps. The seed decides everything."""

    experiment: ExperimentSpec
    """Its width is given."""
    seed: int
    """0 or more."""
    steps: Steps
    first_weights: FirstWeights | None = None
    """Of the encoder. Everything else, and without them everything, is drawn from the seed."""


@runtime_checkable
class TokenisedCorpus(Protocol):
    """A tokenised text; `corpora.opening` makes it. The splits are one-dimensional arrays of token ids."""

    @property
    def facts(self) -> CorpusFacts:
        """Counts and fingerprint."""
        ...

    @property
    def train(self) -> np.ndarray:
        """What is trained on."""
        ...

    @property
    def valid(self) -> np.ndarray:
        """What chooses."""
        ...

    @property
    def test(self) -> np.ndarray:
        """What is read once, at the end."""
        ...


Text = TokenisedCorpus | Passages | LabelledSet
"""What a run reads: tokens in a row, passages of word pieces, or labelled examples."""
