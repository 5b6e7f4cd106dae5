"""Claims B1 to B3 of *Tiny language models*, asked of the scaled study's runs (docs/decisions/0017-second-study.md)."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from itertools import combinations, pairwise
from typing import Literal

from tlm_sweeps.report.sources import SweepResults
from tlm_sweeps.studies.arms import Arm
from tlm_sweeps.studies.contrasts import SAME_FLOPS_WITHIN
from tlm_sweeps.studies.quantities import Quantity, difference, first_reason
from tlm_sweeps.studies.quantity_claims import QuantityClaim, QuantitySetting
from tlm_sweeps.studies.tiny_arms import (
    MEMBER_SWEEPS,
    PRETRAINING,
    SIZED_SWEEPS,
    SIZES,
    TASKS,
    Task,
    deep,
    deep_random,
    shallow,
    shallow_random,
)
from tlm_sweeps.studies.tiny_evidence import Accuracies, accuracies, slopes
from tlm_sweeps.studies.wording import join

Sweeps = Mapping[str, SweepResults]
OverlapMeasure = Literal["task_kinds_seen", "common_mass"]
OVERLAPS: dict[OverlapMeasure, str] = {
    "task_kinds_seen": "distinct tokens",
    "common_mass": "frequency-weighted",
}
"""Measures of token overlap, as fields of `compute.encoder_facts.TokenOverlap`, in words."""
SAME_OVERLAP_WITHIN = 0.001
"""Overlaps of two tasks that are nearer than this are not compared."""
_ALL = tuple(dict.fromkeys((*PRETRAINING, *SIZED_SWEEPS, *MEMBER_SWEEPS)))
_DEEP_ONLY = (PRETRAINING[0], PRETRAINING[2], *(task.sweep for task in TASKS))

B1 = QuantityClaim(
    "B1",
    "pre-trained encoders beat those from random weights on AG News, DBpedia and FewRel, even at tiny scale",
    "test accuracy of the pre-trained encoder less that of its twin from random weights, by seed",
    _ALL,
)
B2 = QuantityClaim(
    "B2",
    "the gain of pre-training grows with the size of the pre-training set",
    "slope of test accuracy over log2 of the passages, by seed, per doubling; random twins are the same at every size",
    _ALL,
)
B3 = QuantityClaim(
    "B3",
    "the gain of pre-training grows with the overlap of the tokens of the pre-training set and of the task",
    "of two tasks, the gain where the overlap is larger less the gain where it is smaller, by seed",
    _DEEP_ONLY,
)
THREE_TASKS = (
    "three tasks have six orders, one of which agrees with the claim by chance in one of six: seeds can contradict it "
    "and cannot show it"
)


def settings_of_b1(sweeps: Sweeps) -> tuple[QuantitySetting, ...]:
    """Deep encoders, and shallow ones.

    Raises:
        InputError: when two runs of one seed answer to an arm.
    """
    return (
        QuantitySetting("deep", tuple(gain(task, deep(task), deep_random(task), sweeps) for task in TASKS)),
        QuantitySetting("shallow", tuple(gain(task, shallow(task), shallow_random(task), sweeps) for task in TASKS)),
    )


def settings_of_b2(sweeps: Sweeps) -> tuple[QuantitySetting, ...]:
    """As many passes over each size, as in the study; and as many FLOPs.

    Raises:
        InputError: when two runs of one seed answer to an arm.
    """
    note = "where more text is more compute too, what grows may be the gain of compute"
    return (
        QuantitySetting(
            "deep, equal passes",
            tuple(_trend(task, deep, sweeps, is_equal=False) for task in TASKS),
            beside=tuple(step for task in TASKS for step in _steps(task, deep, sweeps)),
            note=note,
        ),
        QuantitySetting(
            "shallow, equal FLOPs",
            tuple(_trend(task, shallow, sweeps, is_equal=True) for task in TASKS),
            beside=tuple(step for task in TASKS for step in _steps(task, shallow, sweeps)),
        ),
    )


def settings_of_b3(sweeps: Sweeps) -> tuple[QuantitySetting, ...]:
    """Overlap of distinct tokens, and weighted by frequency.

    Raises:
        InputError: when two runs of one seed answer to an arm.
    """
    return tuple(_ordered_by(measure, sweeps) for measure in OVERLAPS)


def _ordered_by(measure: OverlapMeasure, sweeps: Sweeps) -> QuantitySetting:
    """Pairs of tasks whose overlaps differ; of the others nothing can be said."""
    overlaps = {task: accuracies(deep(task), sweeps).overlap(measure) for task in TASKS}
    pairs = list(combinations(TASKS, 2))
    alike = [pair for pair in pairs if _is_same(*(overlaps[task] for task in pair))]
    names = join([f"{first.name} and {second.name}" for first, second in alike])
    note = f"not compared, since their overlaps are the same: {names}" if names else ""
    deciding = tuple(_pair(first, second, overlaps, sweeps) for first, second in pairs if (first, second) not in alike)
    return QuantitySetting(OVERLAPS[measure], deciding, at_best=THREE_TASKS, note=note)


def _is_same(first: float | None, second: float | None) -> bool:
    return first is not None and second is not None and abs(first - second) < SAME_OVERLAP_WITHIN


def gain(task: Task, pretrained: Arm, random: Arm, sweeps: Sweeps) -> Quantity:
    """What pre-training brings on a task: accuracy less that of the twin.

    Raises:
        InputError: when two runs of one seed answer to an arm.
    """
    first, second = accuracies(pretrained, sweeps), accuracies(random, sweeps)
    return Quantity(
        label=task.name,
        says="pre-trained − random",
        values=difference(first.by_seed, second.by_seed),
        missing=first_reason([first.missing, second.missing]),
        floor=max(first.one_example, second.one_example),
        n_asked=max(first.n_asked, second.n_asked),
    )


def _trend(task: Task, arm_of: Callable[[Task, int], Arm], sweeps: Sweeps, *, is_equal: bool) -> Quantity:
    found = {size: accuracies(arm_of(task, size), sweeps) for size in SIZES}
    missing = [each.missing for each in found.values()] + ([_unequal(found)] if is_equal else [])
    return Quantity(
        label=task.name,
        says="accuracy per doubling of the passages",
        values=slopes({size: each.by_seed for size, each in found.items()}),
        missing=first_reason(missing),
        floor=max(each.one_example for each in found.values()) / math.log2(SIZES[-1] / SIZES[0]),
        n_asked=min(each.n_asked for each in found.values()),
    )


def _steps(task: Task, arm_of: Callable[[Task, int], Arm], sweeps: Sweeps) -> list[Quantity]:
    """From each size to the next."""
    found = []
    for smaller, larger in pairwise(SIZES):
        less, more = accuracies(arm_of(task, smaller), sweeps), accuracies(arm_of(task, larger), sweeps)
        found.append(
            Quantity(
                label=task.name,
                says=f"{larger:,} − {smaller:,} passages",
                values=difference(more.by_seed, less.by_seed),
                missing=first_reason([less.missing, more.missing]),
                floor=max(less.one_example, more.one_example),
                n_asked=min(less.n_asked, more.n_asked),
            )
        )
    return found


def _unequal(found: Mapping[int, Accuracies]) -> str:
    """Why sizes cannot be said to have cost the same; empty where they have."""
    spent = [each.pretraining_flops for each in found.values()]
    known = [flops for flops in spent if flops]
    if len(known) < len(spent):
        return "what the pre-training of some size has cost is not known"
    ratio = max(known) / min(known)
    return "" if ratio <= 1 + SAME_FLOPS_WITHIN else f"the sizes have not cost the same: {ratio:.3g} times"


def _pair(first: Task, second: Task, overlaps: Mapping[Task, float | None], sweeps: Sweeps) -> Quantity:
    """The task of larger overlap before the other one, as soon as both are known."""
    known = {task: overlap for task in (first, second) if (overlap := overlaps[task]) is not None}
    more, less = sorted((first, second), key=lambda task: known.get(task, 0.0), reverse=True)
    gains = [gain(task, deep(task), deep_random(task), sweeps) for task in (more, less)]
    unknown = f"the overlap of {first.name} or of {second.name} is not known" if len(known) < 2 else ""
    return Quantity(
        label=f"{more.name} over {less.name}",
        says="gain − gain",
        values=difference(gains[0].values, gains[1].values),
        missing=first_reason([*(each.missing for each in gains), unknown]),
        floor=max(each.floor for each in gains),
        n_asked=max(each.n_asked for each in gains),
    )
