"""One side of a comparison: which runs of which sweep, chosen by what they were, never by their names."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from tlm_sweeps.report.sources import SweepResults
from tlm_sweeps.runs.record import Record

Score = Literal["test_nll", "val_nll"]


@dataclass(frozen=True)
class Arm:
    """Runs of one setting, one for each seed."""

    sweep: str
    """The sweep's name."""
    label: str
    """What it is called in tables: `transformer, L = 3`."""
    where: Mapping[str, Any] = field(default_factory=dict)
    """Dotted names of the resolved experiment and the values that the runs have; `budget.flops` is the run's budget."""


def records_of(arm: Arm, sweeps: Mapping[str, SweepResults]) -> dict[int, Record]:
    """The complete runs of an arm, by seed; none where the sweep has not been run.

    Raises:
        ValueError: two runs of one seed answer to the arm, so that it does not say which it means.
    """
    found: dict[int, Record] = {}
    for record in runs_of(arm, sweeps):
        if record.state != "complete":
            continue
        if record.seed in found:
            raise ValueError(f"{arm.label}: {found[record.seed].run_id} and {record.run_id} are of one seed")
        found[record.seed] = record
    return dict(sorted(found.items()))


def runs_of(arm: Arm, sweeps: Mapping[str, SweepResults]) -> list[Record]:
    """The runs of an arm in whatever state; none where the sweep has not been run."""
    records = sweeps[arm.sweep].records if arm.sweep in sweeps else ()
    return [record for record in records if is_of(arm, record.spec, record.budget_flops)]


def scores_of(arm: Arm, sweeps: Mapping[str, SweepResults], score: Score = "test_nll") -> dict[int, float]:
    """NLLs of an arm's complete runs, nats per target, by seed."""
    values = {seed: getattr(record, score) for seed, record in records_of(arm, sweeps).items()}
    return {seed: value for seed, value in values.items() if value is not None and math.isfinite(value)}


def is_of(arm: Arm, experiment: Mapping[str, Any], budget_flops: int | None) -> bool:
    """Whether a run of a resolved experiment at this budget is one of the arm's."""
    return all(_value(experiment, budget_flops, name) == wanted for name, wanted in arm.where.items())


def value_of(record: Record, name: str) -> Any:
    """A field of the run's resolved experiment by its dotted name; None where its model has no such field."""
    return _value(record.spec, record.budget_flops, name)


def _value(experiment: Mapping[str, Any], budget_flops: int | None, name: str) -> Any:
    if name == "budget.flops":
        return budget_flops
    section: Any = experiment
    for part in name.split("."):
        section = section.get(part) if isinstance(section, Mapping) else None
    return section
