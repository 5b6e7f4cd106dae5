"""The tracker protocol: what a run tells the outside while it trains, and who listens.

The contract, for every tracker: no call raises, whatever is wrong outside; `log` returns in microseconds; `finish`
and `mark_preempted` return within a few seconds; nothing a tracker does can change a result. Refuses to know how the
telling is done.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol, assert_never

from tlm_sweeps.runs.record import Measurement, State
from tlm_sweeps.spec.sweep import TrackingSpec
from tlm_sweeps.tracking.tracked_run import TrackedRun
from tlm_sweeps.tracking.wandb_tracker import WandbTracker


class Tracker(Protocol):
    """Open it with `open_tracker`, `log` every measurement, then end it once, by `finish` or `mark_preempted`.

    A tracker that is never ended (the process crashed) leaves the run marked as failed, with all that was logged.
    What is called after the end is ignored.
    """

    def log(self, measurement: Measurement) -> None:
        """One more point of the curves."""
        ...

    @property
    def is_stop_asked(self) -> bool:
        """Whether somebody outside wants the run stopped. Answered in microseconds."""
        ...

    @property
    def complaint(self) -> str:
        """What is wrong with the telling, in a line for people; empty as long as nothing is."""
        ...

    def log_model(self, files: Sequence[Path]) -> None:
        """The weights that the run ends with, in these files; said before `finish`."""
        ...

    def finish(self, record_summary: Mapping[str, Any], state: State) -> None:
        """The run has ended.

        Args:
            record_summary: fields of its `Record`, as many as there are.
            state: how it ended; `complete` and `pruned` are successes to the outside, others are not, except in a W&B
                sweep: its server would have a run that ended badly run again.
        """
        ...

    def mark_preempted(self) -> None:
        """The run is interrupted (SIGTERM, Ctrl-C) and will go on later under the same id."""
        ...


class Silent:
    """Tells nobody."""

    def log(self, measurement: Measurement) -> None:
        """Nothing is told."""

    @property
    def is_stop_asked(self) -> bool:
        """Nobody asks."""
        return False

    @property
    def complaint(self) -> str:
        """Nothing can be wrong."""
        return ""

    def log_model(self, files: Sequence[Path]) -> None:
        """Nothing is told."""

    def finish(self, record_summary: Mapping[str, Any], state: State) -> None:
        """Nothing is told."""

    def mark_preempted(self) -> None:
        """Nothing is told."""


def open_tracker(tracking: TrackingSpec, run: TrackedRun) -> Tracker:
    """The tracker that the spec asks for. Returns in milliseconds and never raises.

    Args:
        tracking: `wandb: off` gives a silent tracker; offline and online give W&B's.
        run: what is tracked.
    """
    match tracking.wandb:
        case "off":
            return Silent()
        case "offline" | "online":
            return WandbTracker(tracking, run)
        case _:
            assert_never(tracking.wandb)
