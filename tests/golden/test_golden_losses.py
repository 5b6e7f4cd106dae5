"""Ten losses of a tiny model of each kind, kept beside this file. README.md says what they are for.

`python tests/golden/test_golden_losses.py` makes them anew.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from tlm_sweeps.compute.facts import CorpusFacts
from tlm_sweeps.compute.steps import Steps
from tlm_sweeps.spec.experiment import ExperimentSpec
from tlm_sweeps.training.job import TrainingJob
from tlm_sweeps.training.loop import finish, train
from tlm_sweeps.training.state import start

KEPT = Path(__file__).with_name("losses.json")
VOCABULARY = 13
MODELS: dict[str, dict[str, Any]] = {
    "linear": {"kind": "linear"},
    "mlp": {"kind": "mlp", "hidden": 16, "dropout": 0.1},
    "attention, post-norm, as the study's": {
        "kind": "attention",
        "heads": 2,
        "norm_placement": "post",
        "activation": "relu",
        "dropout": 0.1,
        "dropout_at": ["attention", "ffn"],
    },
    "transformer": {"kind": "transformer", "depth": 2, "heads": 2},
    "transformer, every modern option": {
        "kind": "transformer",
        "depth": 2,
        "heads": 4,
        "kv_heads": 2,
        "norm": "rmsnorm",
        "activation": "swiglu",
        "positions": "rope",
        "tied_head": True,
        "biases": False,
        "dropout": 0.1,
    },
}
TRAINING: dict[str, Any] = {
    "optimizer": "adamw",
    "weight_decay": 0.1,
    "learning_rate": 1e-2,
    "schedule": {"kind": "cosine", "warmup": 0.2, "final": 0.1},
    "clip": 1.0,
    "batch_size": 8,
}


@dataclass(frozen=True)
class CountingRhyme:
    """A text made by arithmetic alone: squares modulo a prime, cut to the vocabulary."""

    facts: CorpusFacts
    train: np.ndarray
    valid: np.ndarray
    test: np.ndarray


def rhyme() -> CountingRhyme:
    numbers = np.arange(1200, dtype=np.int64)
    tokens = (numbers * numbers % 101 % VOCABULARY).astype(np.uint16)
    facts = CorpusFacts("rhyme", "char", VOCABULARY, 1000, 100, 100, "none")
    return CountingRhyme(facts, tokens[:1000], tokens[1000:1100], tokens[1100:])


def losses_of(model: dict[str, Any]) -> dict[str, Any]:
    """Training loss and validation NLL of each of ten steps, and the test NLL, on one thread in float32."""
    torch.set_num_threads(1)
    predict = "all" if model["kind"] == "transformer" else "last"
    described = {
        "corpus": {"name": "rhyme"},
        "model": {"width": 8, "context": 10} | model,
        "training": TRAINING | {"predict": predict},
        "evaluation": {"every": 0.1},
    }
    experiment = ExperimentSpec.model_validate_json(json.dumps(described))
    state = start(TrainingJob(experiment, 689, Steps(batch_size=8, windows_per_epoch=100, total=10)), rhyme())
    list(train(state))
    return {
        "train_nll": [each.train_nll for each in state.measurements],
        "val_nll": [each.val_nll for each in state.measurements],
        "test_nll": finish(state).test_nll,
    }


@pytest.mark.parametrize("name", MODELS)
def test_ten_losses_are_what_they_were(name: str):
    expected, found = json.loads(KEPT.read_text())[name], losses_of(MODELS[name])
    assert len(found["train_nll"]) == 10
    for what, values in expected.items():
        assert found[what] == pytest.approx(values, rel=1e-5), what


if __name__ == "__main__":
    KEPT.write_text(json.dumps({name: losses_of(model) for name, model in MODELS.items()}, indent=1) + "\n")
