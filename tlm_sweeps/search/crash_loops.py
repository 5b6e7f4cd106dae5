"""When everything crashes: a sweep that is stopped keeps the settings that it would have burned.

A run may crash by its own fault, and settings that are alike may crash alike. But where many runs of several settings
crash for one reason and none gets to its end in between, the machine or the program is to blame, and going on would
end every setting that is left as failed.
"""

from __future__ import annotations

import re
from pathlib import Path

from tlm_sweeps.errors import RunError
from tlm_sweeps.runs.record import Record

_MOST_IN_A_ROW = 10
"""Runs, until the machine is to blame."""
_LEAST_SETTINGS = 3
"""Among them: all seeds of a setting may crash by its fault."""
_OF_A_DEATH = re.compile(r"its worker died[^:]*: ([^,]*)")
_OUT_OF_MEMORY = "out of memory"


def crash_of(record: Record) -> str | None:
    """What a run crashed of, without what differs from run to run; None where it did not crash.

    A run that diverged, was pruned or could not be afforded has not crashed.
    """
    if record.state != "failed":
        return None
    if died := _OF_A_DEATH.match(record.reason):
        return f"its worker died: {died[1]}"
    if record.reason.startswith("crashed: "):
        return ":".join(record.reason.split(":")[:2])
    return _OUT_OF_MEMORY if record.reason == _OUT_OF_MEMORY else None


class CrashLoop:
    """The crashes of one kind since a run last came to another end. It begins anew with each start of the sweep."""

    def __init__(self, folder: Path) -> None:
        """Begin with none; `folder` is the sweep's."""
        self._folder = folder
        self._kind: str | None = None
        self._crashed: list[Record] = []

    def hear(self, record: Record) -> None:
        """A run has ended. Runs that were never trained say nothing of the machine."""
        crash = crash_of(record)
        if crash is None and record.started_at is None:
            return
        if crash is None or crash != self._kind:
            self._kind, self._crashed = crash, []
        if crash is not None:
            self._crashed.append(record)

    def ensure_none(self) -> None:
        """Go on as long as it makes sense.

        Raises:
            RunError: everything crashes.
        """
        if len(self._crashed) < _MOST_IN_A_ROW or len({each.trial for each in self._crashed}) < _LEAST_SETTINGS:
            return
        last = self._crashed[-1]
        story = self._folder / last.run_id / "error.txt"
        raise RunError(
            f"{len(self._crashed)} runs in a row crashed alike, so the sweep was stopped: {last.reason}",
            place=str(story if story.exists() else self._folder),
            hint="once that is put right, the same command goes on with the settings that are left",
        )
