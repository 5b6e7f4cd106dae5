"""Three sweeps that really ran: decoders of many shapes on characters, on words, and encoders on word pieces."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

import tlm_sweeps as tlm
from tests import tasks
from tlm_sweeps.inference.kept_models import KeptModel, read_model

CHARACTERS = """\
name: characters
experiment:
  corpus: {name: python-docs, vocabulary: 16, first_tokens: {train: 20000, valid: 3000, test: 3000}}
  model: {kind: transformer, width: 16, depth: 1, heads: 2, context: 16}
  training: {learning_rate: 1e-2, batch_size: 8, epochs: 0.3}
  evaluation: {every: 50%}
budget: {flops: 1e12, match: none}
baselines:
  gpt2: {model.depth: 2}
  relu: {model.activation: relu, model.positions: sinusoidal, model.ffn_width: 24}
  plain: {model.biases: false, model.positions: none, model.tied_head: true}
  rotating: {model.positions: rope, model.kv_heads: 1}
  llama: {model.positions: rope, model.norm: rmsnorm, model.activation: swiglu, model.biases: false,
          model.kv_heads: 1, model.tied_head: true, model.depth: 3}
  last: {training.predict: last}
  linear: {model.kind: linear, training.predict: last}
  mlp: {model.kind: mlp, model.hidden: 16, training.predict: last}
  attention: {model.kind: attention, evaluation.average: batches, evaluation.windows: 50, evaluation.batch_size: 7}
  postnorm: {model.norm_placement: post, model.activation: relu}
engine: {sampler: grid}
"""
"""No search: a trial of the experiment itself, and one for each baseline."""

WORDS = """\
name: words
experiment:
  corpus: {path: PATH, level: word, vocabulary: 30, eos: true}
  model: {kind: transformer, width: 16, depth: 1, heads: 2, context: 12, biases: false}
  training: {learning_rate: 1e-2, batch_size: 8, epochs: 1}
  evaluation: {every: 50%}
budget: {flops: 1e12, match: none}
engine: {sampler: grid}
"""

Model = Callable[[str], KeptModel]


@pytest.fixture(scope="session", autouse=True)
def _cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TLM_CACHE", str(tmp_path_factory.getbasetemp() / "cache"))
        yield


@pytest.fixture(scope="session")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder for texts, labelled sets and runs."""
    return tmp_path_factory.mktemp("inference")


@pytest.fixture(scope="session")
def articles(place: Path) -> Path:
    """A text of the words of four topics."""
    return tasks.text(place)


@pytest.fixture(scope="session")
def runs(place: Path, articles: Path) -> Path:
    """A runs folder with the sweeps `characters`, `words`, `gaps` (pre-trained encoders) and `labels` (fine-tuned)."""
    folder = place / "runs"
    for text in (CHARACTERS, WORDS.replace("PATH", str(articles))):
        _swept(text, place, folder)
    _swept(yaml.safe_dump(_gaps(articles)), place, folder)
    tlm.sweep(tasks.sweep_of(place, name="labels", seeds=1), runs_dir=folder, data_dir=tasks.data(place), workers=1)
    return folder


@pytest.fixture(scope="session")
def model(runs: Path) -> Model:
    """Read a model by its name: `model("characters/linear")`."""
    return lambda name: read_model(name, runs)


def _swept(spec: str, place: Path, runs: Path) -> None:
    file = place / "spec.yaml"
    file.write_text(spec, encoding="utf-8")
    results = tlm.sweep(tlm.load(file), runs_dir=runs, workers=1)
    assert {record.state for record in results.records} == {"complete"}, [each.reason for each in results.records]


def _gaps(articles: Path) -> dict[str, Any]:
    """Encoders with and without convolutions that fill gaps."""
    return {
        "name": "gaps",
        "experiment": {
            "corpus": {"path": str(articles)},
            "passages": {"pieces": {"kind": "trained", "size": 200}, "length": 12},
            "model": {"kind": "bert", "width": 16, "depth": 1, "heads": 2, "context": 12},
            "training": {
                "batch_size": 8,
                "epochs": 3,
                "learning_rate": 0.01,
                "predict": "masked",
                "windows": "shuffled",
            },
            "evaluation": {"every": "epoch"},
        },
        "baselines": {
            "plain": {"model.depth": 2},
            "convolutional": {"model.convolution": {"layers": 1, "channels": 4}},
        },
        "budget": {"flops": 1e12, "match": "none"},
        "engine": {"sampler": "grid"},
    }
