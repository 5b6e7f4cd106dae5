"""A small corpus made here, and runs small enough to repeat, for every test of the room."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
import torch

from tlm_sweeps.compute.facts import CorpusFacts
from tlm_sweeps.compute.steps import Steps, windows_per_epoch
from tlm_sweeps.spec.experiment import ExperimentSpec
from tlm_sweeps.training.job import TrainingJob

VOCABULARY = 11


@dataclass(frozen=True)
class SmallCorpus:
    """A tokenised corpus in memory."""

    facts: CorpusFacts
    train: np.ndarray
    valid: np.ndarray
    test: np.ndarray


def markov_text(length: int, seed: int) -> np.ndarray:
    """A text that can be learned: each token is followed by one of three."""
    random = np.random.default_rng(seed)
    tokens = [0]
    for jump in random.integers(0, 3, size=length - 1):
        tokens.append((3 * tokens[-1] + int(jump) + 1) % VOCABULARY)
    return np.array(tokens, dtype=np.uint16)


@pytest.fixture(scope="session")
def corpus() -> SmallCorpus:
    """2,000 + 300 + 310 tokens."""
    facts = CorpusFacts("markov", "char", VOCABULARY, 2000, 300, 310, "none")
    return SmallCorpus(facts, markov_text(2000, 0), markov_text(300, 1), markov_text(310, 2))


@pytest.fixture
def job(corpus: SmallCorpus) -> Callable[..., TrainingJob]:
    """Make a job of a small model: `job(model={...}, training={...}, evaluation={...}, steps=12, seed=0)`."""

    def made(
        model: dict[str, Any] | None = None,
        training: dict[str, Any] | None = None,
        evaluation: dict[str, Any] | None = None,
        *,
        steps: int = 12,
        seed: int = 0,
    ) -> TrainingJob:
        experiment = ExperimentSpec.model_validate(
            {
                "corpus": {"name": "markov"},
                "model": {"width": 8, "context": 6} | (model or {"kind": "transformer", "depth": 2, "heads": 2}),
                "training": {"batch_size": 4, "learning_rate": 1e-2} | (training or {}),
                "evaluation": {"every": 0.25} | (evaluation or {}),
            }
        )
        epoch = windows_per_epoch(experiment, corpus.facts)
        return TrainingJob(experiment, seed, Steps(experiment.training.batch_size, epoch, steps))

    return made


@pytest.fixture(autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)
