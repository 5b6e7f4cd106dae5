"""Passages made here, and runs of tiny encoders on them."""

from __future__ import annotations

from typing import Any

import numpy as np

from tlm_sweeps.compute.encoder_facts import PassageFacts
from tlm_sweeps.compute.steps import Steps
from tlm_sweeps.corpora import framing
from tlm_sweeps.corpora.passage_arrays import Passages
from tlm_sweeps.corpora.pieces import SPECIAL_PIECES, WordPieces
from tlm_sweeps.spec.experiment import ExperimentSpec
from tlm_sweeps.training.job import TrainingJob

CONTEXT = 12
PIECES = WordPieces((*SPECIAL_PIECES, *(f"piece{number}" for number in range(25))), "made here")


def rows(n_passages: int, seed: int, shortest: int = 1) -> np.ndarray:
    """Passages of 1 to `CONTEXT` - 2 pieces: runs of numbers, which can be learned."""
    random = np.random.default_rng(seed)
    lengths = random.integers(shortest, CONTEXT - framing.FRAME + 1, n_passages)
    texts = [(5 + (int(random.integers(25)) + np.arange(length)) % 25).astype("<u2") for length in lengths]
    return framing.framed(PIECES, texts, CONTEXT)


def passages() -> Passages:
    """50 + 20 + 10 passages."""
    train, valid, test = rows(50, 0), rows(20, 1), rows(10, 2)
    facts = PassageFacts(
        "made",
        "made here",
        PIECES.fingerprint,
        len(PIECES.vocabulary),
        CONTEXT,
        50,
        20,
        10,
        int((train > 0).sum()),
        "x",
    )
    return Passages(facts, PIECES, train, valid, test)


def job(steps: int = 12, seed: int = 0, model: dict[str, Any] | None = None, **training: Any) -> TrainingJob:
    """A run of a tiny encoder: batches of 8 of the 50 passages, so that an epoch ends with a smaller one."""
    experiment = ExperimentSpec.model_validate(
        {
            "corpus": {"name": "made"},
            "passages": {"length": CONTEXT},
            "model": {"kind": "bert", "width": 8, "heads": 2, "depth": 2, "context": CONTEXT} | (model or {}),
            "training": {"batch_size": 8, "learning_rate": 1e-2, "predict": "masked", "windows": "shuffled"} | training,
            "evaluation": {"every": 0.25},
        }
    )
    return TrainingJob(experiment, seed, Steps(experiment.training.batch_size, 50, steps))
