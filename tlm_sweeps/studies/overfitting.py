"""Question 3, and what claim A6 looks at: when validation NLL is lowest, and how much it has risen at the end."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from tlm_sweeps.report.certainty import Estimate, estimate
from tlm_sweeps.report.sources import SweepResults
from tlm_sweeps.runs.record import Measurement
from tlm_sweeps.studies.arms import Arm, records_of
from tlm_sweeps.studies.contrasts import FEWEST_SEEDS, Compared, Contrast, compare_all
from tlm_sweeps.studies.questions import Overfitting
from tlm_sweeps.studies.sides import Measured, measure


@dataclass(frozen=True)
class Course:
    """How an arm's validation NLL went, over seeds. Epochs are passes over the text, in targets."""

    measured: Measured
    """Test NLL, of the weights of the best epoch."""
    best_epoch: Estimate | None
    """When validation NLL was lowest; None without a curve."""
    epochs: float | None
    """At the end."""
    best_val_nll: Estimate | None
    rise: Estimate | None
    """Validation NLL at the end less the lowest, nats per target: never below 0."""

    @property
    def verdict(self) -> str:
        """Whether the rise can be told from 0: `overfits`, `does not overfit`, `within noise` or `not run`."""
        if self.measured.unfinished or self.rise is None:
            return "not run"
        if self.rise.n < FEWEST_SEEDS or self.rise.interval is None:
            return "not run"
        if self.rise.mean == 0:
            return "does not overfit"
        return "overfits" if self.rise.interval[0] > 0 else "within noise"


@dataclass(frozen=True)
class OverfittingAnswer:
    """The whole answer."""

    reference: Course
    others: tuple[Course, ...]
    compared: tuple[Compared, ...]
    """Test NLL of each other against the reference, in the order of `others`."""

    @property
    def courses(self) -> tuple[Course, ...]:
        """The reference and the others."""
        return (self.reference, *self.others)


def overfitting(asked: Overfitting, sweeps: Mapping[str, SweepResults]) -> OverfittingAnswer:
    """Look at the curves, and compare the test NLLs that are reached.

    Raises:
        InputError: when two runs of one seed answer to an arm.
    """
    compared = compare_all([Contrast(arm, asked.reference) for arm in asked.others], sweeps, asked.equal)
    courses = tuple(course_of(arm, sweeps) for arm in asked.others)
    return OverfittingAnswer(course_of(asked.reference, sweeps), courses, compared)


def course_of(arm: Arm, sweeps: Mapping[str, SweepResults]) -> Course:
    """How an arm's validation NLL went, over its complete runs.

    Raises:
        InputError: when two runs of one seed answer to the arm.
    """
    measured = measure(arm, sweeps)
    if measured.missing:
        return Course(measured, None, None, None, None)
    curves = [sweeps[arm.sweep].curves.get(record.run_id, ()) for record in records_of(arm, sweeps).values()]
    found = [(curve[-1], min(curve, key=_val_nll)) for curve in curves if curve]
    if not found:
        return Course(measured, None, None, None, None)
    return Course(
        measured=measured,
        best_epoch=estimate([best.epochs for _, best in found]),
        epochs=max(last.epochs for last, _ in found),
        best_val_nll=estimate([best.val_nll for _, best in found]),
        rise=estimate([last.val_nll - best.val_nll for last, best in found]),
    )


def _val_nll(measurement: Measurement) -> float:
    return measurement.val_nll
