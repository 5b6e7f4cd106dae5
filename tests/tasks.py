"""A text, a labelled set and a sweep that tells its labels apart, small enough to train for real in seconds."""

from __future__ import annotations

import csv
import json
import random
from pathlib import Path
from typing import Any

from tlm_sweeps.spec.sweep import SweepSpec

TOPICS = {
    "World": ["treaty", "border", "summit", "minister", "election", "embassy"],
    "Sports": ["match", "goal", "season", "coach", "player", "stadium"],
    "Business": ["market", "shares", "profit", "bank", "trade", "investor"],
    "Sci/Tech": ["software", "chip", "planet", "researcher", "network", "gene"],
}
"""What the examples of each label of AG News speak of."""
OTHER = ["the", "a", "of", "in", "and", "on", "new", "first", "after", "says"]

SPEC: dict[str, Any] = {
    "name": "tiny-topics",
    "experiment": {
        "passages": {"pieces": {"kind": "trained", "size": 200}, "length": 12, "heldout_passages": 5},
        "task": {"name": "ag-news", "train_per_label": 10, "valid_per_label": 4, "test_per_label": 6, "length": 12},
        "model": {"kind": "bert", "width": 16, "heads": 2, "context": 12, "dropout": 0.0},
        "training": {
            "batch_size": 8,
            "epochs": 20,
            "learning_rate": 0.01,
            "predict": "label",
            "windows": "shuffled",
        },
        "evaluation": {"every": "epoch"},
    },
    "search": {"model.depth": [1, 2]},
    "engine": {"sampler": "grid"},
    "seeds": 2,
}


def text(folder: Path) -> Path:
    """A text of many short articles, each of one topic."""
    path, random_ = folder / "articles.txt", random.Random(0)
    articles = (" ".join(_sentence(topic, random_) for _ in range(2)) for topic in 20 * list(TOPICS))
    path.write_text("\n\n".join(articles), encoding="utf-8")
    return path


def data(folder: Path, per_label: int = 20) -> Path:
    """A data folder with a labelled set as AG News lies in one: label from 1, title, text."""
    random_ = random.Random(1)
    (folder / "ag_news").mkdir(parents=True, exist_ok=True)
    for name in ("train.csv", "test.csv"):
        with (folder / "ag_news" / name).open("w", encoding="utf-8", newline="") as file:
            for _ in range(per_label):
                rows = ([str(number), "", _sentence(topic, random_)] for number, topic in enumerate(TOPICS, 1))
                csv.writer(file).writerows(rows)
    return folder


def sweep_of(folder: Path, **changes: Any) -> SweepSpec:
    """The sweep on the text of a folder, with parts of its experiment or whole sections replaced."""
    data_ = json.loads(json.dumps(SPEC))
    data_["experiment"]["corpus"] = {"path": str(text(folder))}
    for name, change in changes.items():
        if name in data_["experiment"]:
            data_["experiment"][name] |= change
        else:
            data_[name] = change
    return SweepSpec.model_validate_json(json.dumps(data_))


def _sentence(topic: str, random_: random.Random) -> str:
    words = random_.sample(TOPICS[topic], 3) + random_.sample(OTHER, 3)
    random_.shuffle(words)
    return " ".join(words)
