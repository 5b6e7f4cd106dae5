"""The runs of a sweep in memory, and where the sweep stands by them.

What is asked many times a second (what waits, how many are over, which is best, what the rest will spend) is kept up
to date with every record that is put, so that it takes as long after ten thousand trials as after ten.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator

from tlm_sweeps.runs.record import Record, State
from tlm_sweeps.search.trials import is_over


class Roster:
    """The newest record of every run, by trial. Trials and their seeds keep the order in which they came."""

    def __init__(self, records: Iterable[Record] = ()) -> None:
        """Take records as they were kept, by trial and seed."""
        self._trials: dict[int, dict[str, Record]] = {}
        self._unfinished: set[int] = set()
        self._states: Counter[State] = Counter()
        self._counted = 0
        self._over = 0
        self._budgeted_flops = 0
        self._without_budget = 0
        self._best: Record | None = None
        for record in records:
            self.put(record)

    def put(self, record: Record) -> None:
        """Enter a run, or its newest record in place of an older one."""
        runs = self._trials.setdefault(record.trial, {})
        old = runs.get(record.run_id)
        self._count(record.trial, -1)
        runs[record.run_id] = record
        self._count(record.trial, +1)
        self._states[record.state] += 1
        if old is not None:
            self._states[old.state] -= 1
        if is_over(tuple(runs.values())):
            self._unfinished.discard(record.trial)
        else:
            self._unfinished.add(record.trial)
        if _is_better(record, self._best):
            self._best = record

    def of_trial(self, trial: int) -> tuple[Record, ...]:
        """The runs of a trial, seeds in order; none of a proposal that became no trial."""
        return tuple(self._trials.get(trial, {}).values())

    def unfinished(self) -> Iterator[tuple[Record, ...]]:
        """The trials that have a run waiting or running, lowest number first, each as its runs."""
        return (self.of_trial(trial) for trial in sorted(self._unfinished))

    @property
    def states(self) -> dict[State, int]:
        """How many runs are in each state."""
        return dict(+self._states)

    @property
    def trials_over(self) -> int:
        """Trials whose runs have all ended, infeasible ones not counted."""
        return self._over

    @property
    def best(self) -> Record | None:
        """The complete run of lowest validation NLL; of equal ones the first."""
        return self._best

    def planned_flops(self, wanted: int | None) -> int | None:
        """FLOPs that the wanted trials will spend, if the rest is like those known so far; None when that is open."""
        if not wanted or not self._counted or self._without_budget:
            return None
        return round(wanted * self._budgeted_flops / self._counted)

    def _count(self, trial: int, sign: int) -> None:
        """Add a trial to the sums over all trials, or take it out of them."""
        records = self.of_trial(trial)
        if not records or records[0].state == "infeasible":
            return
        flops = sum(record.budget_flops or 0 for record in records)
        self._counted += sign
        self._over += sign * is_over(records)
        self._budgeted_flops += sign * flops
        self._without_budget += sign * (not flops)


def _is_better(record: Record, best: Record | None) -> bool:
    if record.state != "complete" or record.val_nll is None:
        return False
    if best is None or best.val_nll is None:
        return True
    return (record.val_nll, record.trial) < (best.val_nll, best.trial)
