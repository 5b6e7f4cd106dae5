"""Question 2: the best shape at each budget, and from which budget on a step of one dimension pays.

A step (depth 2 instead of 1) is compared at a budget with the other dimension tuned by validation for each of the two,
and its contrasts over all budgets are corrected together.
"""

from __future__ import annotations

import itertools
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tlm_sweeps.report.certainty import compare
from tlm_sweeps.report.sources import SweepResults
from tlm_sweeps.studies.arms import Arm, scores_of
from tlm_sweeps.studies.contrasts import Compared, Contrast, Verdict, compare_all
from tlm_sweeps.studies.questions import Shape
from tlm_sweeps.studies.sides import Measured, Tuned, measure
from tlm_sweeps.units import format_flops


@dataclass(frozen=True)
class Best:
    """The shape with the lowest mean validation NLL at one budget."""

    budget_flops: int
    shape: Measured | None
    """None while a shape is not over that might be better."""
    values: tuple[int, ...]
    """Its values in the dimensions, in their order."""
    close: tuple[tuple[int, ...], ...]
    """Other shapes whose paired 95 % interval of the difference in validation NLL includes 0, the nearest first."""


@dataclass(frozen=True)
class Step:
    """A step of one dimension, at every budget."""

    name: str
    """Dotted name of the dimension."""
    low: int
    high: int
    compared: tuple[Compared, ...]
    """Budgets rising; the first side has the higher value."""
    budgets: tuple[int, ...]

    @property
    def better_from(self) -> int | None:
        """The lowest budget from which on the higher value is better at every budget; None where there is none."""
        found = None
        for budget, each in zip(reversed(self.budgets), reversed(self.compared), strict=True):
            if each.verdict != "holds":
                break
            found = budget
        return found

    @property
    def worse_up_to(self) -> int | None:
        """The highest budget up to which the higher value is worse at every budget; None where there is none."""
        found = None
        for budget, each in zip(self.budgets, self.compared, strict=True):
            if each.verdict != "reversed":
                break
            found = budget
        return found

    def at(self, verdict: Verdict) -> tuple[int, ...]:
        """The budgets of one verdict, rising."""
        return tuple(
            budget for budget, each in zip(self.budgets, self.compared, strict=True) if each.verdict == verdict
        )


@dataclass(frozen=True)
class ShapeAnswer:
    """The whole answer."""

    asked: Shape
    best: tuple[Best, ...]
    steps: tuple[Step, ...]


def best_shapes(asked: Shape, sweeps: Mapping[str, SweepResults]) -> ShapeAnswer:
    """Find the best shapes and compare the steps, as far as they are run."""
    best = tuple(_best(asked, budget, sweeps) for budget in asked.budgets)
    steps = tuple(
        _step(asked, name, low, high, sweeps)
        for name, values in asked.steps.items()
        for low, high in itertools.pairwise(values)
    )
    return ShapeAnswer(asked, best, steps)


def _best(asked: Shape, budget: int, sweeps: Mapping[str, SweepResults]) -> Best:
    cells = list(itertools.product(*asked.steps.values()))
    arms = {values: _cell(asked, budget, values) for values in cells}
    val_nlls = {values: scores_of(arm, sweeps, "val_nll") for values, arm in arms.items()}
    whole = [measure(Tuned(arm, next(iter(asked.steps))), sweeps) for arm in _rows(asked, budget)]
    if any(row.missing for row in whole):
        return Best(budget, None, (), ())
    most = max(len(found) for found in val_nlls.values())
    known = {values: found for values, found in val_nlls.items() if len(found) == most}
    ranked = sorted((statistics.fmean(found.values()), values) for values, found in known.items())
    first = ranked[0][1]
    leads = [(values, compare(val_nlls[first], val_nlls[values])) for _, values in ranked[1:]]
    close = tuple(values for values, lead in leads if lead and lead.verdict == "within noise")
    return Best(budget, measure(arms[first], sweeps), first, close)


def _step(asked: Shape, name: str, low: int, high: int, sweeps: Mapping[str, SweepResults]) -> Step:
    other = next(each for each in asked.steps if each != name)
    word = name.rpartition(".")[2]

    def side(value: int, budget: int) -> Tuned:
        return Tuned(Arm(asked.sweep, f"{word} {value}", {name: value, "budget.flops": budget}), over=other)

    contrasts = [Contrast(side(high, budget), side(low, budget), format_flops(budget)) for budget in asked.budgets]
    return Step(name, low, high, compare_all(contrasts, sweeps, asked.equal), asked.budgets)


def _cell(asked: Shape, budget: int, values: Sequence[int]) -> Arm:
    where = dict(zip(asked.steps, values, strict=True))
    label = ", ".join(f"{name.rpartition('.')[2]} {value}" for name, value in where.items())
    return Arm(asked.sweep, label, {**where, "budget.flops": budget})


def _rows(asked: Shape, budget: int) -> list[Arm]:
    """One arm for each value of the second dimension, the first left open: together they are all shapes."""
    name = list(asked.steps)[1]
    return [Arm(asked.sweep, "", {name: value, "budget.flops": budget}) for value in asked.steps[name]]
