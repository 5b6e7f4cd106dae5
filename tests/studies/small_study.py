"""The second study's nine sweeps cut down to moments: its own names, arms and seeds, tiny encoders, made-up texts."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import yaml

from tests.corpora.labelled_files import write_table
from tlm_sweeps.studies.tiny_arms import SIZES, TASKS, Task

_STEMS, _ENDINGS = ("ba", "do", "ki", "lu", "me", "no", "ra", "su"), ("fan", "gel", "tor")
_WORDS = [f"{stem}{ending}" for stem in _STEMS for ending in _ENDINGS]
_N_LABELS = {"ag-news": 4, "dbpedia-14": 14, "fewrel": 3}
_LENGTH = 8
_STEPS = 40
"""Of pre-training a shallow encoder, on however many passages."""
_BATCH = 8


def write_study(folder: Path) -> Path:
    """The specs, a text with as many passages as the study reads, and the three labelled sets, in `folder/data`."""
    specs = folder / "specs"
    specs.mkdir(parents=True)
    _write_texts(folder)
    passages = {"first_passages": SIZES[-1]}
    deep, shallow = _pretraining(folder, 2), _pretraining(folder, 1, passages)
    sized = _pretraining(folder, 1, passages={"first_passages": SIZES[0]}, training={"epochs": _epochs(SIZES[0])})
    middle = {"passages.first_passages": SIZES[1], "training.epochs": _epochs(SIZES[1])}
    _write(specs, "tiny-scaled-deep", deep, search={"passages.first_passages": list(SIZES)})
    _write(specs, "tiny-scaled-shallow", shallow)
    _write(specs, "tiny-scaled-shallow-sizes", sized, baselines={"middle": middle})
    for task in TASKS:
        _write_tuning(specs, folder, task)
    return specs


def _write_tuning(specs: Path, folder: Path, task: Task) -> None:
    deep = _tuning(folder, task, 2) | {"start_from": "tiny-scaled-deep"}
    less = {"model.depth": 1, "start_from": "tiny-scaled-shallow-sizes"}
    baselines = {
        "random": {"start_from": None, "passages.first_passages": SIZES[-1]},
        **{f"shallow-{size}": {**less, "passages.first_passages": size} for size in SIZES[:-1]},
    }
    _write(specs, task.sweep, deep, search={"passages.first_passages": list(SIZES)}, baselines=baselines)
    member = _tuning(folder, task, 1, {"first_passages": SIZES[-1]}) | {"start_from": "tiny-scaled-shallow"}
    _write(specs, task.members, member, baselines={"random": {"start_from": None}})


def _pretraining(
    folder: Path, depth: int, passages: dict[str, Any] | None = None, training: dict[str, Any] | None = None
) -> dict[str, Any]:
    pieces = {"kind": "trained", "size": 120, "alphabet": 40}
    return {
        "corpus": {"path": str(folder / "articles.txt")},
        "passages": {"pieces": pieces, "length": _LENGTH, "heldout_passages": 8} | (passages or {}),
        "model": {"kind": "bert", "width": 8, "heads": 2, "context": _LENGTH, "depth": depth, "dropout": 0.0},
        "training": {
            "batch_size": _BATCH,
            "epochs": _epochs(SIZES[-1]),
            "learning_rate": 0.01,
            "predict": "masked",
            "windows": "shuffled",
        }
        | (training or {}),
        "evaluation": {"every": 1.0, "restore_best": False},
    }


def _tuning(folder: Path, task: Task, depth: int, passages: dict[str, Any] | None = None) -> dict[str, Any]:
    shape = _pretraining(folder, depth, passages, {"epochs": 8, "learning_rate": 0.03, "predict": "label"})
    counts = {"train_per_label": 8, "valid_per_label": 2, "test_per_label": 10}
    return shape | {"task": {"name": task.name, "length": _LENGTH, **counts}, "evaluation": {"every": 0.5}}


def _epochs(passages: int) -> float:
    """Passes that are as many steps on any number of passages."""
    return _STEPS * _BATCH / passages


def _write(specs: Path, name: str, experiment: dict[str, Any], **sections: Any) -> None:
    bound = {"flops": 1_000_000_000_000, "match": "none"}
    spec = {"name": name, "experiment": experiment, **sections, "budget": bound, "engine": {"sampler": "grid"}}
    (specs / f"{name}.yaml").write_text(yaml.safe_dump(json.loads(json.dumps(spec))))


def _write_texts(folder: Path) -> None:
    """Each label has words of its own among those of the articles."""
    draw, data = random.Random(0), folder / "data"
    articles = (" ".join(draw.choices(_WORDS, k=300)) for _ in range(700))
    (folder / "articles.txt").write_text("\n\n".join(articles), encoding="utf-8")
    texts = {name: [_texts(draw, label, 20) for label in range(n)] for name, n in _N_LABELS.items()}
    for name, place in (("ag-news", "ag_news"), ("dbpedia-14", "dbpedia_14")):
        rows = [[str(label), "title", text] for label, own in enumerate(texts[name], 1) for text in own]
        for part in ("train.csv", "test.csv"):
            write_table(data / place / part, rows)
    relations = {
        f"P{label}": [{"tokens": text.split(), "h": ["x", "Q1", [[0]]], "t": ["y", "Q2", [[1]]]} for text in own]
        for label, own in enumerate(texts["fewrel"])
    }
    (data / "fewrel").mkdir(parents=True)
    (data / "fewrel" / "train_wiki.json").write_text(json.dumps(relations), encoding="utf-8")


def _texts(draw: random.Random, label: int, count: int) -> list[str]:
    own = [_WORDS[(5 * label + number) % len(_WORDS)] for number in range(5)]
    return [" ".join(draw.choices(own, k=5)) for _ in range(count)]
