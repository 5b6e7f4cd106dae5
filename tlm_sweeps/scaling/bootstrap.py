"""Laws of resampled settings: how far the coefficients would move had other settings and seeds been trained."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tlm_sweeps.scaling.law import Law
from tlm_sweeps.scaling.parametric import columns_of, refit_law
from tlm_sweeps.scaling.points import Point

_SEED = 20
"""Of the draws: the same points always give the same intervals."""


def resampled_laws(law: Law, points: Sequence[Point], resamples: int) -> tuple[Law, ...]:
    """The law refitted to so many resamples of the settings; the runs of a setting are drawn or left out together.

    Args:
        law: fitted to all points; each refit starts from it.
        points: runs.
        resamples: how many.
    """
    columns = columns_of(points)
    numbers = {name: number for number, name in enumerate(dict.fromkeys(point.setting for point in points))}
    setting_of = np.array([numbers[point.setting] for point in points])
    draws, n = np.random.default_rng(_SEED), len(numbers)
    counts = draws.multinomial(n, np.full(n, 1 / n), size=resamples)
    return tuple(refit_law(law, columns, drawn[setting_of].astype(float)) for drawn in counts)
