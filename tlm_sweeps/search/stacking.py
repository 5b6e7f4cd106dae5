"""Which runs of one shape a worker trains as one, and how many."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from tlm_sweeps.compute.planning import PlannedTrial
from tlm_sweeps.runs.record import Record

STACK = 8
"""Runs in a stack on a GPU, unless the user says otherwise."""


@dataclass(frozen=True)
class Stacking:
    """The most, by wish and by memory."""

    wanted: int
    """Runs in a stack."""
    room_bytes: int | None = None
    """Memory for a stack; None where it is no matter."""

    def most(self, planned: PlannedTrial) -> int:
        """How many runs of this trial's shape may be stacked: at least one."""
        if self.room_bytes is None or planned.cost is None:
            return self.wanted
        return max(1, min(self.wanted, self.room_bytes // planned.cost.memory_bytes))


ALONE = Stacking(1)


def alike(
    first: Record,
    waiting: Callable[[], Iterable[Record]],
    key: Callable[[Record], object | None],
    most: int,
    propose: Callable[[], bool] | None,
) -> list[Record]:
    """A run and those that can be trained with it as one.

    Args:
        first: the run.
        waiting: the runs whose turn it is, itself among them.
        key: what runs that are trained as one have in common; None of a run that is trained alone.
        most: so many in all.
        propose: takes a new setting up, whose runs are then waiting, and says whether there was one; None where
            settings must not be looked for ahead of their turn, because results have a bearing on them.
    """
    wanted = key(first)
    if most == 1 or wanted is None:
        return [first]
    ahead = most
    while True:
        others = (each for each in waiting() if each.run_id != first.run_id)
        found = [first, *(each for each in others if key(each) == wanted)][:most]
        if len(found) == most or ahead == 0 or propose is None or not propose():
            return found
        ahead -= 1
