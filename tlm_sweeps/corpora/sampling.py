"""Drawing the same number of examples of every label, by a seed. It knows no pieces and no files."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tlm_sweeps.corpora.examples import Examples
from tlm_sweeps.corpora.task_catalog import KnownTask
from tlm_sweeps.errors import InputError
from tlm_sweeps.spec.tasks import TaskSpec

_PLACE = "experiment.task"


@dataclass(frozen=True)
class PerLabel:
    """Examples of each label."""

    train: int
    valid: int
    test: int


@dataclass(frozen=True, eq=False)
class Drawn:
    """Texts with the numbers of their labels, label by label: whoever trains on them shuffles."""

    train: list[tuple[int, str]]
    valid: list[tuple[int, str]]
    test: list[tuple[int, str]]


def wanted_per_label(spec: TaskSpec, task: KnownTask) -> PerLabel:
    """What a spec asks for; what it leaves out is the study's."""
    train, test = task.study
    return PerLabel(spec.train_per_label or train, spec.valid_per_label, spec.test_per_label or test)


def draw(examples: Examples, wanted: PerLabel, seed: int, name: str) -> Drawn:
    """Draw examples without replacement; train, valid and test have none in common.

    The examples of each label are shuffled by the seed. Test takes the first of them, then valid, then train, so that
    asking for more to train on changes neither test nor valid. Where the set has test examples of its own, test is
    drawn from those.

    Raises:
        InputError: a label has fewer examples than are asked for.
    """
    _refuse_too_few(examples, wanted, name)
    drawn = Drawn([], [], [])
    for number, (label, texts) in enumerate(examples.train.items()):
        ordered = _shuffled(texts, [seed, number])
        if examples.test is None:
            test, ordered = ordered[: wanted.test], ordered[wanted.test :]
        else:
            test = _shuffled(examples.test[label], [seed, number, 1])[: wanted.test]
        drawn.test.extend((number, text) for text in test)
        drawn.valid.extend((number, text) for text in ordered[: wanted.valid])
        drawn.train.extend((number, text) for text in ordered[wanted.valid : wanted.valid + wanted.train])
    return drawn


def _shuffled(texts: list[str], seed: list[int]) -> list[str]:
    return [texts[place] for place in np.random.default_rng(seed).permutation(len(texts))]


def _refuse_too_few(examples: Examples, wanted: PerLabel, name: str) -> None:
    if not examples.train:
        raise InputError(f"{name} has no labels", place=f"{_PLACE}.name", hint="use a file with examples in it")
    if examples.test is None:
        parts = {"train_per_label": wanted.train, "valid_per_label": wanted.valid, "test_per_label": wanted.test}
        _require(examples.train, parts, f"{name} has", "train_per_label")
        return
    parts = {"train_per_label": wanted.train, "valid_per_label": wanted.valid}
    _require(examples.train, parts, f"the train part of {name} has", "train_per_label")
    _require(examples.test, {"test_per_label": wanted.test}, f"the test part of {name} has", "test_per_label")


def _require(texts: dict[str, list[str]], parts: dict[str, int], whose: str, field: str) -> None:
    asked = sum(parts.values())
    poorest = min(texts, key=lambda label: len(texts[label]))
    most = len(texts[poorest])
    if most >= asked:
        return
    several = " + ".join(f"{count:,} by {part}" for part, count in parts.items() if count)
    short = sum(len(each) < asked for each in texts.values())
    left = most - asked + parts[field]
    raise InputError(
        f"{whose} {most:,} examples of {poorest!r}, and {asked:,} of each label are asked for ({several}); "
        f"{short} of {len(texts)} labels have too few",
        place=f"{_PLACE}.{field}",
        hint=f"write {field}: {left}" if left > 0 else f"ask for at most {most:,} of each label in all",
    )
