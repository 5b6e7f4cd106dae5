"""What a law says of a run that was not made: the loss, and the interval in which one more run would lie."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tlm_sweeps.scaling.law import Law, interval

_SEED = 22


@dataclass(frozen=True)
class Prediction:
    """Nats per token."""

    nll: float
    interval: tuple[float, float]
    """95 %, for one run."""


def predicted(
    law: Law, laws: Sequence[Law], log_residuals: Sequence[float], n_params: float, n_tokens: float
) -> Prediction:
    """The loss of one run of this size and this many tokens.

    The interval holds what resampling does to the law, and what one run adds: each resampled law is moved by one of the
    residuals. That the law itself may bend where nobody has looked is in no interval.

    Args:
        law: fitted to all points.
        laws: fitted to resamples.
        log_residuals: of the points: log of measured less log of predicted.
        n_params: as the law counts them.
        n_tokens: as the law counts them.
    """
    moved = np.random.default_rng(_SEED).choice(np.asarray(log_residuals), size=len(laws))
    drawn = [each.nll(n_params, n_tokens) * float(np.exp(move)) for each, move in zip(laws, moved, strict=True)]
    return Prediction(law.nll(n_params, n_tokens), interval(drawn))


def widened(log_residuals: Sequence[float]) -> list[float]:
    """Residuals as large as those of runs that the law was not fitted to: times √(n / (n - 5)), at most 200 of them."""
    n = len(log_residuals)
    scale = np.sqrt(n / max(n - 5, 1))
    shares = (np.arange(min(n, 200)) + 0.5) / min(n, 200)
    return [float(value) for value in scale * np.quantile(log_residuals, shares)]
