"""A text and a sweep small enough to train for real in a second."""

import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.train_orders import train_order
from tlm_sweeps.runs.ledger import reading
from tlm_sweeps.runs.record import Record
from tlm_sweeps.search.messages import TrainOrder
from tlm_sweeps.search.sweeping import sweep
from tlm_sweeps.spec.sweep import SweepSpec

SPEC: dict[str, Any] = {
    "name": "tiny",
    "experiment": {
        "model": {"kind": "transformer", "width": 16, "context": 8, "dropout": 0.1, "heads": 2},
        "training": {"batch_size": 8, "learning_rate": 3e-3},
        "evaluation": {"every": 0.25, "windows": 50},
    },
    "search": {
        "model.depth": [1, 2],
        "model.heads": [1, 2, 4],
        "training.learning_rate": {"log_uniform": [1e-3, 1e-2]},
    },
    "budget": {"flops": 1e9},
    "engine": {"sampler": "tpe", "trials": 4},
}


@pytest.fixture
def text(tmp_path: Path) -> Path:
    """Words in a random order: enough structure for a loss to fall."""
    words = ("the", "model", "reads", "a", "window", "of", "tokens", "and", "predicts", "what", "comes", "after", "it")
    drawn = random.Random(0).choices(words, k=6000)
    path = tmp_path / "words.txt"
    path.write_text(" ".join(drawn), encoding="utf-8")
    return path


@pytest.fixture
def tiny(text: Path) -> Callable[..., SweepSpec]:
    """Makes the tiny sweep's spec, with sections replaced."""

    def make(**changes: Any) -> SweepSpec:
        data = json.loads(json.dumps(SPEC | changes))
        data["experiment"].setdefault("corpus", {"path": str(text)})
        return SweepSpec.model_validate_json(json.dumps(data))

    return make


@pytest.fixture
def order_of() -> Callable[[SweepSpec, Path], TrainOrder]:
    """Makes an order to train the spec's own experiment, with a verdict awaited after each measurement."""

    def made(spec: SweepSpec, folder: Path) -> TrainOrder:
        return train_order(spec, folder, run_id="r", judged=True)

    return made


@pytest.fixture
def swept(tmp_path: Path) -> Callable[..., tuple[Record, ...]]:
    """Runs a sweep to its end and reads its records."""

    def run(spec: SweepSpec, workers: int = 1, runs: str = "runs") -> tuple[Record, ...]:
        for _ in sweep(spec, tmp_path / runs, workers=workers):
            pass
        return records(tmp_path / runs / spec.name)

    return run


def records(folder: Path) -> tuple[Record, ...]:
    with reading(folder) as ledger:
        return ledger.records()
