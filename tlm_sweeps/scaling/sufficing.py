"""Whether points can tell a law at all: what no fit, however good, can read out of too few of them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tlm_sweeps.scaling.points import Setting, by_budget, n_amounts, n_sizes

_LEAST_SETTINGS = 7
"""Five coefficients, and something left over to tell how well they fit."""
_LEAST_APART = 3
"""Sizes, and amounts of tokens: two can be joined by any exponent."""
_FEW_SETTINGS = 15
_THINNEST = 0.1
"""Standard deviation, in natural logarithms, across the line that runs along most of the points."""


def law_obstacle(settings: Sequence[Setting]) -> str:
    """Why L(N, D) cannot be told; empty where it can."""
    sizes, amounts = n_sizes(settings), n_amounts(settings)
    if sizes < _LEAST_APART:
        return f"there {_are(sizes, 'size')}; {_LEAST_APART} are needed to tell α from E"
    if amounts < _LEAST_APART:
        return f"there {_are(amounts, 'amount')} of tokens; {_LEAST_APART} are needed to tell β from E"
    if len(settings) < _LEAST_SETTINGS:
        return f"there {_are(len(settings), 'setting')}; {_LEAST_SETTINGS} are needed for five coefficients"
    if len(by_budget(settings)) == 1 and all(setting.budget_flops is not None for setting in settings):
        return "there is one budget only: tokens follow from the size, so α and β cannot be told apart"
    if _thickness(settings) < _THINNEST:
        return "tokens follow from the size in all settings, so α and β cannot be told apart"
    return ""


def is_scant(settings: Sequence[object]) -> bool:
    """Whether there are fewer than three settings for each coefficient."""
    return len(settings) < _FEW_SETTINGS


def _are(count: int, what: str) -> str:
    return f"is {count} {what}" if count == 1 else f"are {count} {what}s"


def _thickness(settings: Sequence[Setting]) -> float:
    """Spread of the points in the plane of log N and log D, in its thinnest direction."""
    plane = np.log([[setting.n_params, setting.n_tokens] for setting in settings])
    return float(np.sqrt(np.linalg.eigvalsh(np.cov(plane.T))[0]))
