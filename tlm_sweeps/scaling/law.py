"""The law L(N, D) = E + A / N^α + B / D^β, and where a budget of FLOPs is best spent under it. It refuses to know runs.

Source: Hoffmann et al. 2022, arXiv 2203.15556, section 3.3 and appendix D.3.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from tlm_sweeps.scaling.cost import CostLaw

Column = Float[np.ndarray, " n"]
"""A number for each point."""
_LARGEST = 600.0
"""Of natural logarithms: what is beyond is no number of anything."""


@dataclass(frozen=True)
class Law:
    """Coefficients. Losses are nats per token; N counts parameters, D tokens."""

    E: float
    """The loss that no size and no amount of text removes."""
    A: float
    B: float
    alpha: float
    beta: float

    def nll(self, n_params: float, n_tokens: float) -> float:
        """Predicted loss.

        >>> round(Law(E=1.0, A=4.0, B=9.0, alpha=0.5, beta=0.5).nll(16, 81), 9)
        3.0
        """
        log_nll = self.log_nll(np.log([n_params]), np.log([n_tokens]))[0]
        return math.exp(min(float(log_nll), _LARGEST))

    def log_nll(self, log_n: Column, log_d: Column) -> Column:
        """Predicted log loss at many points, from log N and log D. Nothing overflows, however odd a law."""
        by_size, by_text = math.log(self.A) - self.alpha * log_n, math.log(self.B) - self.beta * log_d
        return np.logaddexp(np.logaddexp(by_size, by_text), math.log(self.E))

    @property
    def has_optimum(self) -> bool:
        """Whether more of either always helps, so that a budget has one best split."""
        return self.alpha > 0 and self.beta > 0 and self.A > 0 and self.B > 0

    @property
    def exponents(self) -> tuple[float, float]:
        """The a and b of N* ∝ C^a and D* ∝ C^b where a token costs FLOPs in proportion to N."""
        both = self.alpha + self.beta
        return self.beta / both, self.alpha / both


COEFFICIENTS = ("E", "A", "B", "alpha", "beta")


@dataclass(frozen=True)
class Allocation:
    """How a budget is best spent."""

    n_params: float
    n_tokens: float
    nll: float


def best_allocation(law: Law, cost: CostLaw, train_flops: float) -> Allocation | None:
    """The size and the tokens that reach the lowest loss for a budget; None where the law has no such point.

    With C = κ N^ρ D, setting the derivative of L along the budget to 0 gives α A N^-α = ρ β B D^-β and so
    N* = (α A / (ρ β B) · (C / κ)^β)^(1 / (α + ρ β)); at κ = 6 and ρ = 1 this is Hoffmann's G · (C / 6)^(β / (α + β)).

    >>> law = Law(E=1.0, A=100.0, B=100.0, alpha=0.5, beta=0.5)
    >>> best = best_allocation(law, CostLaw(6.0, 1.0), 6e12)
    >>> round(best.n_params), round(best.n_tokens)
    (1000000, 1000000)
    """
    if not law.has_optimum or cost.exponent <= 0:
        return None
    slope = law.alpha + cost.exponent * law.beta
    balance = math.log(law.alpha * law.A) - math.log(cost.exponent * law.beta * law.B)
    log_n = (balance + law.beta * (math.log(train_flops) - math.log(cost.factor))) / slope
    if abs(log_n) > _LARGEST / 2:
        return None
    n_params = math.exp(log_n)
    n_tokens = cost.tokens(n_params, train_flops)
    if not 0 < n_tokens < math.inf:
        return None
    return Allocation(n_params, n_tokens, law.nll(n_params, n_tokens))


def interval(values: Sequence[float], confidence: float = 0.95) -> tuple[float, float]:
    """The middle part of bootstrapped values: between their percentiles (Efron 1979).

    >>> [round(end, 6) for end in interval([float(value) for value in range(101)], 0.9)]
    [5.0, 95.0]
    """
    tail = (1 - confidence) / 2
    low, high = np.quantile(values, [tail, 1 - tail])
    return float(low), float(high)
