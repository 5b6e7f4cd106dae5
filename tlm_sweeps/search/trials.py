"""Trials as groups of records: whether one is over, how it ended, and its value. It knows no engine."""

from __future__ import annotations

from typing import Literal

from tlm_sweeps.runs.record import Record
from tlm_sweeps.spec.sweep import SweepSpec

Ending = Literal["complete", "pruned", "failed"]


def outcome_of(spec: SweepSpec, records: tuple[Record, ...]) -> tuple[Ending, tuple[float, ...] | None]:
    """How a trial ended, and the objectives of a complete one: means over its seeds."""
    if any(record.state == "pruned" for record in records):
        return "pruned", None
    if not records or any(record.state != "complete" for record in records):
        return "failed", None
    return "complete", tuple(
        sum(_objective(spec, record, name) for record in records) / len(records) for name in spec.engine.objectives
    )


def records_by_trial(records: tuple[Record, ...]) -> dict[int, tuple[Record, ...]]:
    """Records grouped by trial, seeds in order."""
    grouped: dict[int, tuple[Record, ...]] = {}
    for record in records:
        grouped[record.trial] = (*grouped.get(record.trial, ()), record)
    return grouped


def is_over(records: tuple[Record, ...]) -> bool:
    """Whether all runs of a trial have ended."""
    return all(record.state not in ("waiting", "running") for record in records)


def _objective(spec: SweepSpec, record: Record, name: str) -> float:
    match name:
        case "train_flops":
            account = spec.budget.account if spec.budget else "matmul"
            value = (record.train_flops or {}).get(account)
        case "n_params":
            value = record.n_params
        case _:
            value = record.val_nll
    if value is None:
        raise ValueError(f"run {record.run_id} is complete but has no {name}")
    return value
