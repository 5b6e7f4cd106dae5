"""Labelled examples made here, and runs of tiny classifiers on them."""

from __future__ import annotations

from typing import Any

import numpy as np

from tests.training.masked_runs import CONTEXT, PIECES
from tlm_sweeps.compute.encoder_facts import TaskFacts
from tlm_sweeps.compute.steps import Steps
from tlm_sweeps.corpora import framing
from tlm_sweeps.corpora.labelled_arrays import LabelledPart, LabelledSet
from tlm_sweeps.spec.experiment import ExperimentSpec
from tlm_sweeps.training.job import TrainingJob

LABELS = ("low", "middle", "high")
N_TRAIN = 30


def part(per_label: int, seed: int) -> LabelledPart:
    """Label by label, texts of 1 to `CONTEXT` - 2 pieces, most of which are those of the label."""
    random = np.random.default_rng(seed)
    texts, labels = [], []
    for label in range(len(LABELS)):
        for _ in range(per_label):
            length = int(random.integers(1, CONTEXT - framing.FRAME + 1))
            own = 5 + 8 * label + random.integers(0, 8, length)
            texts.append(np.where(random.random(length) < 0.8, own, random.integers(5, 29, length)).astype("<u2"))
            labels.append(label)
    ids = framing.framed(PIECES, texts, CONTEXT)
    return LabelledPart(ids, framing.is_real(PIECES, ids), np.array(labels, dtype="<u2"))


def labelled(n_labels: int = len(LABELS)) -> LabelledSet:
    """10 + 5 + 7 examples of each of three labels; a head may know more labels than there are examples of."""
    train, valid, test = part(N_TRAIN // 3, 0), part(5, 1), part(7, 2)
    names = tuple(f"label {number}" for number in range(n_labels))
    facts = TaskFacts("made", PIECES.fingerprint, len(PIECES.vocabulary), CONTEXT, names, 30, 15, 21, 0, "y")
    return LabelledSet(facts, train, valid, test)


def job(steps: int = 12, seed: int = 0, model: dict[str, Any] | None = None, **training: Any) -> TrainingJob:
    """A run of a tiny classifier: batches of 8 of the 30 examples, so that an epoch ends with a smaller one."""
    experiment = ExperimentSpec.model_validate(
        {
            "corpus": {"name": "made"},
            "passages": {"length": CONTEXT},
            "task": {"name": "ag-news", "length": CONTEXT},
            "model": {"kind": "bert", "width": 8, "heads": 2, "depth": 2, "context": CONTEXT} | (model or {}),
            "training": {"batch_size": 8, "learning_rate": 1e-2, "predict": "label", "windows": "shuffled"} | training,
            "evaluation": {"every": 0.25},
        }
    )
    return TrainingJob(experiment, seed, Steps(experiment.training.batch_size, N_TRAIN, steps))
