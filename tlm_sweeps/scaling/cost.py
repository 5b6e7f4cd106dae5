"""What a token costs in training FLOPs: C = κ N^ρ D. 6 N D by convention, or fitted to what runs really spent."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tlm_sweeps.scaling.points import Point


@dataclass(frozen=True)
class CostLaw:
    """Training FLOPs = factor · N^exponent · tokens."""

    factor: float
    exponent: float
    worst_error: float = 0.0
    """Largest relative distance of a run's FLOPs from it."""

    def flops(self, n_params: float, n_tokens: float) -> float:
        """Training FLOPs.

        >>> SIX_N_D.flops(10, 100)
        6000.0
        """
        return self.factor * n_params**self.exponent * n_tokens

    def tokens(self, n_params: float, train_flops: float) -> float:
        """Tokens that a budget pays for: the inverse of `flops`."""
        return train_flops / (self.factor * n_params**self.exponent)


SIX_N_D = CostLaw(6.0, 1.0)
"""Kaplan et al. 2020, arXiv 2001.08361: 2 FLOPs a parameter and token forward, twice that backward."""


def fitted_cost(points: Sequence[Point]) -> CostLaw:
    """The cost law of runs by least squares in logarithms; of one size, its own cost with the exponent 1.

    In small models embeddings, attention over the window and heads that read one position move the cost of a token away
    from 6 N; the power takes up what changes with size, and `worst_error` says what it leaves.
    """
    log_n = np.log([point.n_params for point in points])
    per_token = np.log([point.train_flops / point.n_tokens for point in points])
    if np.ptp(log_n) < 1e-9:
        factor, exponent = float(np.exp(np.mean(per_token - log_n))), 1.0
    else:
        slope, level = np.polynomial.polynomial.polyfit(log_n, per_token, 1)[::-1]
        factor, exponent = math.exp(level), float(slope)
    errors = np.exp(per_token - exponent * log_n - math.log(factor)) - 1
    return CostLaw(factor, exponent, float(np.abs(errors).max()))
