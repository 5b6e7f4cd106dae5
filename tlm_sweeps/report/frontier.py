"""The frontier: the lowest NLL that anything reached for so much spent compute."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

from tlm_sweeps.report.naming import group_of, label_of
from tlm_sweeps.report.sources import SweepResults
from tlm_sweeps.report.statistics import is_scored, spent_by
from tlm_sweeps.runs.record import Record


@dataclass(frozen=True)
class Point:
    """An NLL and the training FLOPs that it took."""

    train_flops: float
    nll: float
    """Validation NLL, nats per target."""
    trial: int = 0
    seed: int = 0


@dataclass(frozen=True)
class RunCurve:
    """What one run reached on its way."""

    record: Record
    label: str
    group: str
    points: tuple[Point, ...]
    """In the order of spent FLOPs."""


def frontier(points: Iterable[Point]) -> list[Point]:
    """The lower envelope: every point than which none is both cheaper (or as cheap) and better (or as good).

    >>> [point.nll for point in frontier([Point(1, 3.0), Point(2, 3.5), Point(4, 2.0)])]
    [3.0, 2.0]
    """
    envelope: list[Point] = []
    for point in sorted(points, key=lambda point: (point.train_flops, point.nll)):
        if not envelope or point.nll < envelope[-1].nll:
            envelope.append(point)
    return envelope


def run_curves(results: SweepResults) -> list[RunCurve]:
    """The curve of every run that measured something, in the budget's account; what is not finite is left out.

    A complete run without measurements is the one point of its record.
    """
    curves = []
    for record in results.records:
        points = _measured(results, record) or _recorded(results, record)
        if points:
            curves.append(RunCurve(record, label_of(record), group_of(record), points))
    return curves


def _measured(results: SweepResults, record: Record) -> tuple[Point, ...]:
    points = (
        Point(measurement.train_flops.get(results.account, 0), measurement.val_nll, record.trial, record.seed)
        for measurement in results.curves.get(record.run_id, ())
    )
    return tuple(point for point in points if point.train_flops > 0 and math.isfinite(point.nll))


def _recorded(results: SweepResults, record: Record) -> tuple[Point, ...]:
    spent = spent_by(record, results.account)
    if not spent or record.val_nll is None or not is_scored(record):
        return ()
    return (Point(spent, record.val_nll, record.trial, record.seed),)
