"""The reference work, the same for every side: the shape, the text, and the spec that asks for it.

A transformer of depth 3, 4 heads, width 128 and context 128, GPT-2's block (pre-norm, learned positions, GELU, tied
head, biases), no dropout, no clipping; AdamW at a constant rate; batches of 64 windows, every position a target: 8,192
positions and 34.2 GFLOP a step.
"""

from __future__ import annotations

import json
import pickle
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tlm_sweeps.compute.counting import train_flops_per_window
from tlm_sweeps.corpora.opening import open_corpus
from tlm_sweeps.errors import InputError
from tlm_sweeps.spec.experiment import CorpusSpec, TrainingSpec
from tlm_sweeps.spec.models import TransformerModel

DEPTH, HEADS, WIDTH, CONTEXT, BATCH = 3, 4, 128, 128, 64
WEIGHT_DECAY = 0.1
STEPS = 40
"""Of a trial."""
LEARNING_RATES = (3e-4, 6e-4, 1e-3, 1.5e-3, 2e-3, 3e-3, 4e-3, 6e-3)
"""What the trials of a sweep differ in, so that all cost the same; the first so many are taken."""


@dataclass(frozen=True)
class Text:
    """A tokenised text on disk, as nanoGPT and the rivals' scripts read it, and what it is called here."""

    folder: Path
    """`train.bin` and `val.bin` (uint16 token ids) and `meta.pkl` (its `vocab_size`)."""
    corpus: str
    vocabulary_size: int
    data_dir: Path | None


def prepare_text(data_dir: Path | None, folder: Path) -> Text:
    """Put the text where every side can read it, from this project's own corpora: all train on the same tokens.

    Args:
        data_dir: folder that holds Tiny Shakespeare; without one the text that is on every machine is taken.
        folder: an empty folder for the token files.

    Raises:
        InputError: the folder has no such text.
    """
    name = "python-docs" if data_dir is None else "tiny-shakespeare"
    corpus = open_corpus(
        CorpusSpec(name=name), data_dir
    )  # which also warms our own cache, as nanoGPT's prepare.py does
    size = corpus.facts.vocabulary_size
    if size > np.iinfo(np.uint16).max:
        raise InputError(f"a vocabulary of {size} does not fit nanoGPT's two bytes a token", place=name)
    corpus.train.astype(np.uint16).tofile(folder / "train.bin")
    corpus.valid.astype(np.uint16).tofile(folder / "val.bin")
    (folder / "meta.pkl").write_bytes(pickle.dumps({"vocab_size": size}))  # nanoGPT's format
    return Text(folder, name, size, data_dir)


def precisions() -> tuple[str, ...]:
    """What `training.precision` may be, from the schema: fp32 first; only that where there is no such field yet."""
    field: dict[str, Any] = TrainingSpec.model_json_schema()["properties"].get("precision", {})
    return tuple(field.get("enum", ("fp32",)))


def flops_per_step(vocabulary_size: int) -> int:
    """Training FLOPs of an optimizer step, in the account `matmul`."""
    model = TransformerModel.model_validate(_model())
    return BATCH * train_flops_per_window(model, vocabulary_size, "all").matmul


def sweep_spec(text: Text, trials: int, steps: int, precision: str) -> str:
    """The spec of a sweep of some trials, which differ in their learning rate, as YAML.

    One validation batch and one test batch are scored, at the end, as nanoGPT cannot help scoring two at the start.
    """
    spec = {
        "name": f"reference-{trials}-{precision}",
        "experiment": experiment(text, steps, precision),
        "search": {"training.learning_rate": list(LEARNING_RATES[:trials])},
        "budget": {"flops": steps * flops_per_step(text.vocabulary_size), "account": "matmul", "match": "epochs"},
        "engine": {"kind": "optuna", "sampler": "grid"},
        "tracking": {"wandb": "off"},
    }
    return json.dumps(spec, indent=1)  # which is YAML


def experiment(text: Text, steps: int, precision: str) -> dict[str, Any]:
    """The reference work as an experiment, for so many steps in one epoch."""
    training: dict[str, Any] = {
        "optimizer": "adamw",
        "weight_decay": WEIGHT_DECAY,
        "learning_rate": LEARNING_RATES[0],
        "batch_size": BATCH,
        "predict": "all",
        "windows_per_epoch": BATCH * steps,
    }
    if "precision" in TrainingSpec.model_fields:
        training["precision"] = precision
    return {
        "corpus": {"name": text.corpus, "level": "char"},
        "model": _model(),
        "training": training,
        "evaluation": {"every": 1.0, "windows": BATCH, "batch_size": BATCH},
    }


def _model() -> dict[str, Any]:
    shape = {"width": WIDTH, "depth": DEPTH, "heads": HEADS, "context": CONTEXT}
    return {"kind": "transformer", **shape, "tied_head": True}
