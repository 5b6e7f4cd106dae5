"""What a coordinator knows around its runs: who still tells W&B, what went wrong there, with workers and the disk."""

from __future__ import annotations

from pathlib import Path

from tlm_sweeps.runs.unwritable import put_down
from tlm_sweeps.search.messages import Complained, Told


class Outside:
    """The tellings of one sweep's runs, and the deaths of its workers."""

    def __init__(self) -> None:
        self._telling: dict[str, int] = {}
        self._untold: set[str] = set()
        self._known: set[str] = set()
        self._fresh: list[str] = []
        self._refusal = ""

    @property
    def is_outstanding(self) -> bool:
        """Whether some worker has not yet told the end of a run."""
        return bool(self._telling)

    @property
    def untold(self) -> int:
        """Runs of which W&B does not know all."""
        return len(self._untold)

    def ended(self, run_id: str, worker: int) -> None:
        """A tracked run has ended: its worker tells so now."""
        self._telling[run_id] = worker

    def died(self, worker: int) -> None:
        """A worker is gone, with whatever it was telling."""
        self._telling = {run_id: teller for run_id, teller in self._telling.items() if teller != worker}

    def lost(self, how: str) -> None:
        """A run has lost its worker, which is said each time."""
        self._fresh.append(how)

    def put_down(self, refusal: str) -> None:
        """A run was put down; by itself, where the disk refused to take its files."""
        self._refusal = self._refusal or refusal

    def ensure_files_are_kept(self, folder: Path) -> None:
        """End the sweep where files of runs cannot be written: no other run would fare better.

        Raises:
            RunError: with why.
        """
        if self._refusal:
            raise put_down(folder, self._refusal)

    def hear(self, report: Complained | Told) -> None:
        """What a worker says of it."""
        if isinstance(report, Told):
            self._telling.pop(report.run_id, None)
            return
        self._untold.add(report.run_id)
        if report.complaint not in self._known:
            self._known.add(report.complaint)
            self._fresh.append(report.complaint)

    def complaints(self) -> tuple[str, ...]:
        """What went wrong since this was last asked; what W&B says, once in a sweep."""
        fresh, self._fresh = tuple(self._fresh), []
        return fresh
