"""A chain of two tiny sweeps, pre-training and fine-tuning, on the text that is on every machine and a made-up task."""

from __future__ import annotations

import random
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from tests.corpora.labelled_files import write_table

_WORDS = (
    *("function", "module", "object", "class", "return", "value", "list", "string"),
    *("import", "name", "type", "error", "argument", "method", "file"),
)

PRETRAINING: dict[str, Any] = {
    "name": "pre",
    "experiment": {
        "corpus": {"name": "python-docs"},
        "passages": {
            "pieces": {"kind": "trained", "size": 400, "alphabet": 60},
            "length": 16,
            "first_passages": 40,
            "heldout_passages": 20,
        },
        "model": {"kind": "bert", "width": 8, "heads": 2, "context": 16},
        "training": {"batch_size": 8, "epochs": 2, "predict": "masked", "windows": "shuffled"},
        "evaluation": {"every": 0.5},
    },
    "search": {"model.depth": [1, 2]},
    "budget": {"flops": 50000000, "match": "none"},
    "engine": {"sampler": "grid"},
}
FINE_TUNING: dict[str, Any] = {
    "name": "fine",
    "after": ["pre.yaml"],
    "experiment": PRETRAINING["experiment"]
    | {
        "task": {"name": "ag-news", "length": 16, "train_per_label": 6, "valid_per_label": 2, "test_per_label": 3},
        "start_from": "pre",
        "training": {"batch_size": 8, "epochs": 2, "predict": "label", "windows": "shuffled"},
    },
    "search": {"model.depth": [1, 2]},
    "baselines": {"random": {"start_from": None, "model.depth": 1}},
    "budget": {"flops": 50000000, "match": "none"},
    "engine": {"sampler": "grid"},
}


def write_spec(folder: Path, spec: Mapping[str, Any], **changes: Any) -> Path:
    """The spec with sections replaced (and fields of the experiment, by `experiment_<section>`), as NAME.yaml."""
    parts = {name.removeprefix("experiment_"): each for name, each in changes.items() if name.startswith("experiment_")}
    top = {name: each for name, each in changes.items() if not name.startswith("experiment_")}
    data = {**spec, **top, "experiment": {**spec["experiment"], **parts}}
    path = folder / f"{data['name']}.yaml"
    path.write_text(yaml.safe_dump({name: each for name, each in data.items() if each is not None}))
    return path


def write_task(folder: Path) -> Path:
    """A data folder with AG News made of a few words, each label with words of its own."""
    draw = random.Random(0)
    for name, count in (("train.csv", 10), ("test.csv", 4)):
        rows = [
            [str(label), name[:3] + str(number), " ".join(draw.choices(_WORDS[3 * label - 3 : 3 * label + 2], k=6))]
            for number in range(count)
            for label in (1, 2, 3, 4)
        ]
        write_table(folder / "ag_news" / name, rows)
    return folder
