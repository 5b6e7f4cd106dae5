"""What did not become a result and why: pruned, infeasible and failed runs, counted by reason."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from tlm_sweeps.report.naming import label_of
from tlm_sweeps.runs.record import Record, State

_STATES: tuple[State, ...] = ("failed", "pruned", "infeasible")
_NUMBER = re.compile(r"\d[\d_,]*(?:\.\d+)?(?:[eE][+-]?\d+)?")
_EXAMPLES = 3


@dataclass(frozen=True)
class Outcome:
    """Runs that ended alike for reasons that differ in their numbers only."""

    state: State
    count: int
    reason: str
    """The reason of the first, as it was recorded."""
    examples: tuple[str, ...]
    """A few of their trials in words."""
    n_trials: int


def outcomes(records: Iterable[Record]) -> list[Outcome]:
    """Failed, pruned and infeasible runs, in this order; within each the most frequent reason first."""
    groups: defaultdict[tuple[State, str], list[Record]] = defaultdict(list)
    for record in records:
        if record.state in _STATES:
            groups[record.state, _NUMBER.sub("#", record.reason)].append(record)
    found = [
        Outcome(
            state,
            len(alike),
            alike[0].reason or "no reason was recorded",
            _examples(alike),
            len({record.trial for record in alike}),
        )
        for (state, _), alike in groups.items()
    ]
    return sorted(found, key=lambda outcome: (_STATES.index(outcome.state), -outcome.count))


def _examples(alike: list[Record]) -> tuple[str, ...]:
    by_trial: defaultdict[int, list[Record]] = defaultdict(list)
    for record in alike:
        by_trial[record.trial].append(record)
    return tuple(_in_words(records, alike[0].reason) for records in list(by_trial.values())[:_EXAMPLES])


def _in_words(records: list[Record], said: str) -> str:
    """One trial: its seeds, its setting, and its reason where that has other numbers than the one already said."""
    seeds = " and ".join(str(record.seed) for record in records)
    where = f"trial {records[0].trial}, seed{'s'[: len(records) > 1]} {seeds}: {label_of(records[0])}"
    return where if records[0].reason == said else f"{where} ({records[0].reason})"
