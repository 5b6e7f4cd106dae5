"""What the sweep has spent: training FLOPs in three accounts, evaluation, time."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import get_args

from tlm_sweeps.report.sources import SweepResults
from tlm_sweeps.runs.record import Record, State
from tlm_sweeps.spec.sweep import Account

ACCOUNTS: tuple[Account, ...] = get_args(Account)
CONVENTIONS: dict[Account, str] = {
    "matmul": "The account matmul is the multiply-adds of matrix products that forward and backward do, 2 FLOPs each.",
    "6nd": "The account 6nd is 6 · parameters without embeddings · positions (Kaplan et al. 2020).",
    "2nd": "The account 2nd is 2 · parameters · positions (arXiv 2512.20877).",
}
"""The accounts in a sentence; docs/decisions has the whole."""


@dataclass(frozen=True)
class Cost:
    """The runs in one state, or all of them."""

    name: str
    runs: int
    train_flops: tuple[int, ...]
    """In the order of `ACCOUNTS`."""
    evaluation_flops: int
    """Matrix-multiply FLOPs; never charged to the budget."""
    wall_seconds: float


def costs(results: SweepResults) -> list[Cost]:
    """A row for each state that has runs, and their sum last."""
    states: tuple[State, ...] = get_args(State)
    alike = {state: [record for record in results.records if record.state == state] for state in reversed(states)}
    order = sorted((state for state in alike if alike[state]), key=lambda state: state != "complete")
    return [*(_cost(state, alike[state]) for state in order), _cost("all", results.records)]


def _cost(name: str, records: Sequence[Record]) -> Cost:
    return Cost(
        name=name,
        runs=len(records),
        train_flops=tuple(
            sum((record.train_flops or {}).get(account, 0) for record in records) for account in ACCOUNTS
        ),
        evaluation_flops=_total(record.evaluation_flops for record in records),
        wall_seconds=sum(record.wall_seconds or 0.0 for record in records),
    )


def _total(counts: Iterable[int | None]) -> int:
    return sum(count or 0 for count in counts)
