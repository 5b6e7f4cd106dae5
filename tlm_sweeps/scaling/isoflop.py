"""Approach 2: a parabola of loss over log N for each budget, and power laws through their lowest points.

Hoffmann et al. 2022, arXiv 2203.15556, section 3.2: N* ∝ C^a and D* ∝ C^b. A budget whose minimum was not seen is said,
with the reason, and not used.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from tlm_sweeps.scaling.law import Column
from tlm_sweeps.scaling.points import Setting, by_budget, n_sizes

_LEAST_SIZES = 4
"""A parabola goes through any three points."""
_SEED = 21
Draws = Float[np.ndarray, " resamples"]


@dataclass(frozen=True)
class Minimum:
    """Where the parabola of one budget is lowest, and where those of its resamples are."""

    budget_flops: float
    n_sizes: int
    n_params: float
    n_tokens: float
    nll: float
    curvature: float
    """The parabola is nll + curvature · (log N - log N*)²."""
    log_n_draws: Draws
    log_d_draws: Draws
    at_edge: float
    """Share of resamples whose lowest point is at the smallest or the largest size."""


@dataclass(frozen=True)
class Passed:
    """A budget that is not used, and why."""

    budget_flops: float
    reason: str


@dataclass(frozen=True)
class PowerLaw:
    """y = factor · C^exponent."""

    factor: float
    exponent: float

    def at(self, flops: float) -> float:
        """The value at a budget."""
        return self.factor * flops**self.exponent


def isoflop_minima(settings: Sequence[Setting], resamples: int) -> tuple[list[Minimum], list[Passed]]:
    """The minimum of each budget, and the budgets without one.

    The intervals come from resampled residuals: sizes stay, as they were chosen and not drawn, and residuals of all
    budgets are drawn, each widened by what the fit took up (Davison and Hinkley 1997, section 6.3).
    """
    groups = by_budget(settings)
    reasons = {budget: _obstacle(group) for budget, group in groups.items()}
    used = {budget: _Parabola.through(group) for budget, group in groups.items() if not reasons[budget]}
    pool = np.concatenate([each.widened_residuals for each in used.values()]) if used else np.zeros(0)
    draws = np.random.default_rng(_SEED)
    found = [_minimum(budget, each, pool, draws, resamples) for budget, each in used.items()]
    return found, [Passed(budget, reason) for budget, reason in reasons.items() if reason]


def power_law(budgets: Sequence[float], values: Sequence[float]) -> PowerLaw:
    """The straight line through logarithms, by least squares.

    >>> law = power_law([1.0, 100.0, 10_000.0], [3.0, 30.0, 300.0])
    >>> round(law.factor, 6), round(law.exponent, 6)
    (3.0, 0.5)
    """
    level, slope = np.polynomial.polynomial.polyfit(np.log(budgets), np.log(values), 1)
    return PowerLaw(float(np.exp(level)), float(slope))


def power_law_draws(budgets: Sequence[float], log_values: Sequence[Draws]) -> list[PowerLaw]:
    """The line through each resample's minima."""
    levels, slopes = np.polynomial.polynomial.polyfit(np.log(budgets), np.stack(log_values), 1)
    return [PowerLaw(float(np.exp(level)), float(slope)) for level, slope in zip(levels, slopes, strict=True)]


@dataclass(frozen=True)
class _Parabola:
    """Loss over log N at one budget, and log D over log N, which is a straight line there."""

    settings: tuple[Setting, ...]
    middle: float
    design: Float[np.ndarray, "settings 3"]
    nll: Column
    coefficients: Float[np.ndarray, " 3"]
    """Level, slope, curvature about the middle."""

    @classmethod
    def through(cls, settings: Sequence[Setting]) -> _Parabola:
        log_n = np.log([setting.n_params for setting in settings])
        middle = float(log_n.mean())
        design = np.vander(log_n - middle, 3, increasing=True)
        nll = np.array([setting.nll for setting in settings])
        return cls(tuple(settings), middle, design, nll, np.linalg.lstsq(design, nll)[0])

    @property
    def widened_residuals(self) -> Column:
        """Residuals over √(1 - leverage), about a mean of 0."""
        leverage = (self.design * np.linalg.pinv(self.design).T).sum(axis=1)
        widened = (self.nll - self.design @ self.coefficients) / np.sqrt(np.maximum(1 - leverage, 1e-3))
        return widened - widened.mean()

    def lowest(self, coefficients: Float[np.ndarray, "3 resamples"]) -> Draws:
        """Log N where each parabola is lowest between the smallest and the largest size."""
        _, slope, curvature = coefficients
        low, high = self.design[:, 1].min(), self.design[:, 1].max()
        with np.errstate(divide="ignore", invalid="ignore"):
            vertex = np.clip(-slope / (2 * curvature), low, high)
        falls = slope + curvature * (low + high) < 0
        return self.middle + np.where(curvature > 0, vertex, np.where(falls, high, low))

    def log_d(self, log_n: Draws) -> Draws:
        """Log tokens that the budget pays for at a size."""
        rows = np.log([setting.n_tokens for setting in self.settings])
        level, slope = np.polynomial.polynomial.polyfit(self.design[:, 1], rows, 1)
        return level + slope * (log_n - self.middle)


def _obstacle(settings: Sequence[Setting]) -> str:
    """Why a budget's minimum cannot be told; empty where it can."""
    sizes = n_sizes(settings)
    if sizes < _LEAST_SIZES:
        return f"{sizes} size{'s'[: sizes > 1]}; a parabola needs {_LEAST_SIZES}"
    ordered = sorted(settings, key=lambda setting: setting.n_params)
    best = min(ordered, key=lambda setting: setting.nll)
    for edge, name in ((ordered[0], "smallest"), (ordered[-1], "largest")):
        if best.n_params == edge.n_params:
            return f"the {name} size is the best, so the minimum lies beyond or at the edge"
    parabola = _Parabola.through(settings)
    vertex = float(parabola.lowest(parabola.coefficients[:, None])[0])
    if parabola.coefficients[2] <= 0 or vertex in {np.log(ordered[0].n_params), np.log(ordered[-1].n_params)}:
        return "the parabola has no lowest point between the smallest and the largest size"
    return ""


def _minimum(budget: float, each: _Parabola, pool: Column, draws: np.random.Generator, resamples: int) -> Minimum:
    vertex = each.lowest(each.coefficients[:, None])
    drawn = draws.choice(pool, size=(len(each.nll), resamples))
    refitted = np.linalg.pinv(each.design) @ (each.design @ each.coefficients[:, None] + drawn)
    log_n_draws = each.lowest(refitted)
    level, slope, curvature = each.coefficients
    log_n = each.design[:, 1] + each.middle
    at_edge = np.isclose(log_n_draws, log_n.min()) | np.isclose(log_n_draws, log_n.max())
    return Minimum(
        budget_flops=budget,
        n_sizes=n_sizes(each.settings),
        n_params=float(np.exp(vertex[0])),
        n_tokens=float(np.exp(each.log_d(vertex)[0])),
        nll=float(level - slope**2 / (4 * curvature)),
        curvature=float(curvature),
        log_n_draws=log_n_draws,
        log_d_draws=each.log_d(log_n_draws),
        at_edge=float(at_edge.mean()),
    )
