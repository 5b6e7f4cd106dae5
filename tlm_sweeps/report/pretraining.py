"""What stands behind runs that began with the weights of others: shared by many, it is counted once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from tlm_sweeps.report.costs import ACCOUNTS
from tlm_sweeps.runs.record import Record
from tlm_sweeps.spec.sweep import Account
from tlm_sweeps.units import format_flops


@dataclass(frozen=True)
class Pretraining:
    """The runs that a sweep's runs began with, and what both cost."""

    n_started: int
    """Runs of this sweep that began with another one's weights."""
    n_behind: int
    """Runs whose weights these are."""
    sweeps: tuple[str, ...]
    """Of those runs."""
    own_flops: dict[str, int]
    """Spent by the runs that began so, in the three accounts."""
    behind_flops: dict[str, int]
    """Spent on the weights, each run once, in the three accounts; no run of this sweep was charged for it."""

    def document(self) -> dict[str, Any]:
        """For programs."""
        return asdict(self)


def pretraining_of(records: Sequence[Record]) -> Pretraining | None:
    """What is behind a sweep's runs; None where all began with random weights."""
    started = [record for record in records if record.started_from is not None]
    behind = {origin.sha256: origin for each in started if (origin := each.started_from) is not None}
    if not started:
        return None
    return Pretraining(
        n_started=len(started),
        n_behind=len(behind),
        sweeps=tuple(dict.fromkeys(origin.sweep for origin in behind.values())),
        own_flops=_summed([each.train_flops for each in started]),
        behind_flops=_summed([origin.train_flops for origin in behind.values()]),
    )


def pretraining_sentence(records: Sequence[Record], account: Account) -> str:
    """The same in words; empty where all began with random weights."""
    found = pretraining_of(records)
    if found is None:
        return ""
    behind = f"{found.n_behind} run{'s'[: found.n_behind != 1]} of {' and '.join(found.sweeps)}"
    own, other = format_flops(found.own_flops[account]), format_flops(found.behind_flops[account])
    return (
        f"{found.n_started} of {len(records)} runs began with the weights of {behind}. They spent {own} themselves; "
        f"the pre-training behind them took {other} ({account}), each run counted once, which none of them is charged."
    )


def _summed(spent: Sequence[dict[str, int] | None]) -> dict[str, int]:
    return {account: sum((each or {}).get(account, 0) for each in spent) for account in ACCOUNTS}
