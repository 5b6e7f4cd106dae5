"""The scaled second study's runs by what they are: deep and shallow encoders, pre-trained and from random weights."""

from __future__ import annotations

from dataclasses import dataclass

from tlm_sweeps.studies.arms import Arm

SIZES = (1_250, 5_000, 20_000)
"""Passages of pre-training."""
MOST = SIZES[-1]
MEMBERS = 6
"""Shallow encoders in a committee: together they cost what the deep one does."""
_DEEP, _SHALLOW, _SHALLOW_SIZES = "tiny-scaled-deep", "tiny-scaled-shallow", "tiny-scaled-shallow-sizes"
PRETRAINING = (_DEEP, _SHALLOW, _SHALLOW_SIZES)
"""Names of the sweeps that pre-train."""


@dataclass(frozen=True)
class Task:
    """A labelled set, and the sweeps that fine-tune on it."""

    name: str
    """As in specs."""
    sweep: str
    """Deep encoders, and shallow ones after less text."""

    @property
    def members(self) -> str:
        """The sweep of the shallow encoders that sit in committees."""
        return f"{self.sweep}-members"


TASKS = (
    Task("ag-news", "tiny-scaled-ag-news"),
    Task("dbpedia-14", "tiny-scaled-dbpedia"),
    Task("fewrel", "tiny-scaled-fewrel"),
)
SIZED_SWEEPS = (_DEEP, _SHALLOW_SIZES, *(task.sweep for task in TASKS))
MEMBER_SWEEPS = (_SHALLOW, *(task.members for task in TASKS))
"""Sweeps that have `MEMBERS` seeds for each seed of the study."""
RUNS_PER_SEED = dict.fromkeys(MEMBER_SWEEPS, MEMBERS)


def deep(task: Task, passages: int = MOST) -> Arm:
    """The deep encoder after so many passages."""
    where = {"start_from": _DEEP, "passages.first_passages": passages}
    return Arm(task.sweep, f"deep, {passages:,} passages", where)


def deep_random(task: Task) -> Arm:
    """The deep encoder from random weights."""
    return Arm(task.sweep, "deep, random", {"start_from": None})


def shallow(task: Task, passages: int = MOST) -> Arm:
    """The shallow encoder after so many passages, at equal FLOPs; after the most it is the members' own."""
    if passages == MOST:
        return Arm(task.members, f"shallow, {passages:,} passages", {"start_from": _SHALLOW})
    where = {"start_from": _SHALLOW_SIZES, "passages.first_passages": passages}
    return Arm(task.sweep, f"shallow, {passages:,} passages", where)


def shallow_random(task: Task) -> Arm:
    """The shallow encoder from random weights."""
    return Arm(task.members, "shallow, random", {"start_from": None})
