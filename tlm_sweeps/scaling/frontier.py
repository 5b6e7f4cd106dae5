"""The power law of the frontier: the lowest loss of each budget against its FLOPs, a straight line in logarithms."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import stdtrit

from tlm_sweeps.scaling.points import Setting

_LEAST = 3


@dataclass(frozen=True)
class FrontierLaw:
    """L = factor · C^-exponent. It has no floor: beyond the points it promises too much."""

    factor: float
    exponent: float
    interval: tuple[float, float]
    """Of the exponent: 95 %, by t with two degrees of freedom less than there are points; that each point is the best
    of several is not in it."""
    budgets: tuple[float, ...]
    nlls: tuple[float, ...]

    def at(self, flops: float) -> float:
        """The loss at a budget."""
        return self.factor * flops**-self.exponent


def frontier_of(settings: Sequence[Setting]) -> list[Setting]:
    """The best setting of each budget, cheapest first, where the loss falls; without a budget, FLOPs are one."""
    best: dict[float, Setting] = {}
    for setting in settings:
        cost = setting.budget_flops or setting.train_flops
        if cost not in best or setting.nll < best[cost].nll:
            best[cost] = setting
    falling: list[Setting] = []
    for cost in sorted(best):
        if not falling or best[cost].nll < falling[-1].nll:
            falling.append(best[cost])
    return falling


def frontier_law(settings: Sequence[Setting]) -> FrontierLaw | str:
    """The law, or why there is none."""
    points = frontier_of(settings)
    if len(points) < _LEAST:
        return f"{len(points)} point{'s'[: len(points) > 1]} on the frontier; a power law needs {_LEAST}"
    budgets, nlls = [point.train_flops for point in points], [point.nll for point in points]
    (slope, level), covariance = np.polyfit(np.log(budgets), np.log(nlls), 1, cov=True)
    reach = float(stdtrit(len(points) - 2, 0.975)) * math.sqrt(covariance[0, 0])
    ends = (float(-slope) - reach, float(-slope) + reach)
    return FrontierLaw(math.exp(level), float(-slope), ends, tuple(budgets), tuple(nlls))
