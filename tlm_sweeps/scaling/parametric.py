"""Approach 3: the law by Huber's loss on log L, through log-sum-exp, by L-BFGS from many starts.

Hoffmann et al. 2022 (arXiv 2203.15556, appendix D.3) start from a grid over all five coefficients. Here the grid is
over α and β, and E, A and B are solved for each pair, because the law is linear in them: the starts are good ones
whatever the units of N and D, and few. Losses are summed, not averaged, and descended until they no longer fall:
stopping early is what moved the published coefficients (Besiroglu et al. 2024, arXiv 2404.10102).
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from scipy.optimize import minimize, nnls

from tlm_sweeps.scaling.law import Column, Law
from tlm_sweeps.scaling.points import Point

HUBER_DELTA = 1e-3
"""Residuals of log L beyond it count linearly, so that a failed run cannot bend the law."""
_EXPONENTS = np.linspace(0.05, 2.0, 14)
_DESCENTS = 12
"""Of the starts, the best of which are descended from."""
Coordinates = Float[np.ndarray, "5"]
"""Logarithms of A, B and E at the middle of the points, then α and β: coordinates that hardly lean on each other."""


@dataclass(frozen=True)
class Columns:
    """Points as the fit reads them."""

    log_n: Column
    log_d: Column
    log_nll: Column

    @property
    def middle(self) -> tuple[float, float]:
        """Mean log N and log D."""
        return float(self.log_n.mean()), float(self.log_d.mean())


def columns_of(points: Sequence[Point]) -> Columns:
    """The logarithms of size, tokens and loss."""
    rows = np.log([[point.n_params, point.n_tokens, point.nll] for point in points])
    return Columns(rows[:, 0], rows[:, 1], rows[:, 2])


def fit_law(columns: Columns) -> Law:
    """The law that fits best, over all starts.

    Args:
        columns: at least five points whose sizes and tokens vary apart from each other.
    """
    alike = np.ones_like(columns.log_nll)
    found = [_descended(start, columns, alike) for start in _starts(columns)]
    return min(found, key=lambda law: huber_loss(law, columns))


def refit_law(law: Law, columns: Columns, weights: Column) -> Law:
    """The law that fits weighted points best, near one that fits them all alike."""
    return _descended(_coordinates(law, columns), columns, weights)


def huber_loss(law: Law, columns: Columns) -> float:
    """What is minimised: Huber's loss (1964) of the residuals of log L, summed."""
    return float(_huber(residuals(law, columns)).sum())


def residuals(law: Law, columns: Columns) -> Column:
    """Log of the measured loss less log of the predicted one."""
    return columns.log_nll - law.log_nll(columns.log_n, columns.log_d)


def _starts(columns: Columns) -> list[Coordinates]:
    """The best of a grid over α and β, each with the E, A and B ≥ 0 of least relative squares."""
    middle_n, middle_d = columns.middle
    by_loss = []
    for alpha, beta in itertools.product(_EXPONENTS, _EXPONENTS):
        by_size = np.exp(-alpha * (columns.log_n - middle_n))
        by_text = np.exp(-beta * (columns.log_d - middle_d))
        terms = np.stack([by_size, by_text, np.ones_like(by_size)], axis=1) * np.exp(-columns.log_nll)[:, None]
        levels, _ = nnls(terms, np.ones_like(by_size))
        raised = np.log(np.maximum(levels, 1e-3 * levels.max()))
        start = np.array([*raised, alpha, beta])
        by_loss.append((huber_loss(_law(start, columns), columns), start))
    by_loss.sort(key=lambda each: each[0])
    return [start for _, start in by_loss[:_DESCENTS]]


def _descended(start: Coordinates, columns: Columns, weights: Column) -> Law:
    """The minimum below a start, in coordinates in which the valley is round."""
    round_ = _rounding(start, columns, weights)

    def loss_and_slope(moved: Coordinates) -> tuple[float, Coordinates]:
        loss, slope = _loss_and_slope(start + round_ @ moved, columns, weights)
        return loss, round_.T @ slope

    options = {"maxiter": 2000, "maxfun": 5000, "ftol": 1e-11, "gtol": 1e-8}
    found = minimize(loss_and_slope, np.zeros(5), jac=True, method="L-BFGS-B", options=options)
    return _law(start + round_ @ found.x, columns)


def _loss_and_slope(at: Coordinates, columns: Columns, weights: Column) -> tuple[float, Coordinates]:
    """Weighted loss in units of δ, so that L-BFGS's tolerances mean something, and its gradient."""
    log_nll, jacobian = _predicted(at, columns)
    wrong = log_nll - columns.log_nll
    slope = jacobian @ (weights * np.clip(wrong, -HUBER_DELTA, HUBER_DELTA))
    return float((weights * _huber(wrong)).sum()) / HUBER_DELTA, slope / HUBER_DELTA


def _predicted(at: Coordinates, columns: Columns) -> tuple[Column, Float[np.ndarray, "5 n"]]:
    """Log L by log-sum-exp, and its derivatives."""
    middle_n, middle_d = columns.middle
    from_n, from_d = columns.log_n - middle_n, columns.log_d - middle_d
    terms = np.stack([at[0] - at[3] * from_n, at[1] - at[4] * from_d, np.full_like(from_n, at[2])])
    largest = terms.max(axis=0)
    shares = np.exp(terms - largest)
    total = shares.sum(axis=0)
    shares /= total
    return largest + np.log(total), np.stack([*shares, -shares[0] * from_n, -shares[1] * from_d])


def _rounding(at: Coordinates, columns: Columns, weights: Column) -> Float[np.ndarray, "5 5"]:
    """The inverse root of Gauss and Newton's Hessian; flat directions are taken as a thousandth of the steepest."""
    _, jacobian = _predicted(at, columns)
    steepness, directions = np.linalg.eigh((jacobian * weights) @ jacobian.T)
    return directions / np.sqrt(np.maximum(steepness, 1e-6 * steepness[-1]))


def _huber(wrong: Column) -> Column:
    size = np.abs(wrong)
    return np.where(size <= HUBER_DELTA, wrong * wrong / 2, HUBER_DELTA * (size - HUBER_DELTA / 2))


def _coordinates(law: Law, columns: Columns) -> Coordinates:
    middle_n, middle_d = columns.middle
    by_size, by_text = np.log(law.A) - law.alpha * middle_n, np.log(law.B) - law.beta * middle_d
    return np.array([by_size, by_text, np.log(law.E), law.alpha, law.beta])


def _law(at: Coordinates, columns: Columns) -> Law:
    middle_n, middle_d = columns.middle
    alpha, beta = float(at[3]), float(at[4])
    levels = np.exp(np.clip([at[2], at[0] + alpha * middle_n, at[1] + beta * middle_d], -700, 700))
    return Law(float(levels[0]), float(levels[1]), float(levels[2]), alpha, beta)
