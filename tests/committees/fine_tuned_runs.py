"""Sweeps of fine-tuned runs as a finished sweep leaves them, with real modules; a test decides what they say."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.numpy import save_file
from safetensors.torch import save_file as save_tensors

from tlm_sweeps.models.encoder_heads import Classifier
from tlm_sweeps.runs.ledger import Proposal, writing
from tlm_sweeps.runs.record import Record, StartedFrom
from tlm_sweeps.spec.encoders import BertModel
from tlm_sweeps.spec.experiment import ExperimentSpec
from tlm_sweeps.spec.fingerprint import fingerprint
from tlm_sweeps.training.state import weights_of

VOCABULARY, CONTEXT = 19, 8
LABELS = ("World", "Sports", "Business", "Sci/Tech")
ARRAYS = Mapping[str, np.ndarray]


@dataclass(frozen=True)
class Said:
    """What one run says: logits and right labels of both sets of examples."""

    valid_logits: np.ndarray
    valid_labels: np.ndarray
    test_logits: np.ndarray
    test_labels: np.ndarray


def said(seed: int, *, skill: float = 1.5, n_valid: int = 12, n_test: int = 40, n_labels: int = 4) -> Said:
    """Noisy logits that favour the right label by `skill`; the labels are the same for every seed."""
    draw = np.random.default_rng(1000 + seed)
    parts = []
    for n in (n_valid, n_test):
        labels = np.arange(n, dtype=np.int64) % n_labels
        logits = draw.normal(size=(n, n_labels)) + skill * np.eye(n_labels)[labels]
        parts += [logits.astype(np.float32), labels]
    return Said(*parts)


def experiment_of(depth: int = 1, *, task: str = "ag-news", context: int = CONTEXT, **training: Any) -> ExperimentSpec:
    """A tiny encoder on a task."""
    written = {
        "corpus": {"name": "python-docs"},
        "passages": {"length": context},
        "task": {"name": task, "length": context},
        "model": {"kind": "bert", "width": 8, "depth": depth, "heads": 2, "context": context},
        "training": {"predict": "label", "batch_size": 4, **training},
    }
    return ExperimentSpec.model_validate_json(json.dumps(written))


def started_from(seed: int, flops: int = 1000) -> StartedFrom:
    """A pre-training of a seed of its own."""
    spent = {"matmul": flops, "6nd": 2 * flops, "2nd": 3 * flops}
    return StartedFrom(
        sweep="pre", run_id=f"pre-0000-s{seed}", fingerprint="aa", sha256=f"{seed:064x}", train_flops=spent
    )


def record_of(
    sweep: str, seed: int, experiment: ExperimentSpec, *, trial: int = 0, flops: int = 1000, **changes: Any
) -> Record:
    """The record of a complete run."""
    known: dict[str, Any] = {
        "run_id": f"{trial:04d}-s{seed}",
        "sweep": sweep,
        "trial": trial,
        "seed": seed,
        "state": "complete",
        "settings": {"model.depth": getattr(experiment.model, "depth", 1)},
        "spec": experiment.model_dump(mode="json"),
        "fingerprint": fingerprint(experiment.model_dump(mode="json")),
        "train_flops": {"matmul": 10, "6nd": 20, "2nd": 30},
        "started_from": started_from(seed, flops),
    }
    return Record.model_validate(known | changes)


def write_run(
    folder: Path,
    experiment: ExperimentSpec,
    spoken: Said,
    *,
    seed: int = 0,
    labels: Sequence[str] = LABELS,
    facts: Mapping[str, Any] | None = None,
) -> None:
    """The files of a complete run, with the weights of a real classifier."""
    folder.mkdir(parents=True)
    assert isinstance(experiment.model, BertModel)
    torch.manual_seed(seed)
    module = Classifier(experiment.model, VOCABULARY, len(labels))
    save_tensors(weights_of(module), folder / "model.safetensors")
    task = experiment.task
    known = {
        "name": task.name if task else "",
        "pieces_fingerprint": "cc",
        "vocabulary_size": VOCABULARY,
        "length": CONTEXT,
        "labels": list(labels),
        "fingerprint": "0123456789abcdef",
        **(facts or {}),
    }
    written = {"experiment": experiment.model_dump(mode="json"), "seed": seed, "steps": {}, "corpus": known}
    (folder / "model.json").write_text(json.dumps(written), encoding="utf-8")
    save_file(vars(spoken), folder / "predictions.safetensors")


def write_ledger(runs: Path, sweep: str, records: Sequence[Record]) -> None:
    """A ledger that knows these runs."""
    with writing(runs / sweep) as ledger:
        for trial in sorted({record.trial for record in records}):
            mine = tuple(record for record in records if record.trial == trial)
            asked = Proposal(trial, None, mine[0].baseline, mine[0].settings, "trial", "", mine[0].fingerprint, {})
            ledger.propose(asked, mine)


def fine_tuned_sweep(
    runs: Path, sweep: str, spoken: Sequence[Said], *, depth: int = 1, flops: int = 1000, first_seed: int = 0
) -> tuple[Record, ...]:
    """A finished sweep of one trial, a run for each of those that speak; seeds rise."""
    experiment = experiment_of(depth)
    seeds = range(first_seed, first_seed + len(spoken))
    records = tuple(record_of(sweep, seed, experiment, flops=flops) for seed in seeds)
    write_ledger(runs, sweep, records)
    for record, each in zip(records, spoken, strict=True):
        write_run(runs / sweep / record.run_id, experiment, each, seed=record.seed)
    return records
