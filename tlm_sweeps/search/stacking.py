"""How many runs of one shape a worker trains as one."""

from __future__ import annotations

from dataclasses import dataclass

from tlm_sweeps.compute.planning import PlannedTrial

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
