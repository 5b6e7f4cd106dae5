"""The check that a law must pass: fitted to the cheaper runs, does it foretell the dearest?"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean

from tlm_sweeps.scaling.bootstrap import resampled_laws
from tlm_sweeps.scaling.parametric import columns_of, fit_law, residuals
from tlm_sweeps.scaling.points import Point, Setting, by_budget, settings_of
from tlm_sweeps.scaling.prediction import Prediction, predicted, widened
from tlm_sweeps.scaling.sufficing import law_obstacle

_LEAST_BUDGETS = 3
_SHARE = 0.1
"""Of the settings: as many of the dearest are held out where runs stand on no isoFLOP curves."""


@dataclass(frozen=True)
class Foretold:
    """One setting that the law was not fitted to."""

    setting: Setting
    prediction: Prediction

    @property
    def error(self) -> float:
        """Predicted over measured, less 1."""
        return self.prediction.nll / self.setting.nll - 1

    @property
    def is_inside(self) -> bool:
        """Whether the measured loss, the mean of its seeds, lies in the interval of one run."""
        low, high = self.prediction.interval
        return low <= self.setting.nll <= high


@dataclass(frozen=True)
class HeldOutCheck:
    """What the law of the others says of the settings that were held out."""

    n_fitted: int
    """Settings."""
    foretold: tuple[Foretold, ...]
    """By size."""

    @property
    def mean_error(self) -> float:
        """Mean relative error without its sign."""
        return fmean(abs(each.error) for each in self.foretold)

    @property
    def best(self) -> Foretold:
        """Of the setting with the lowest measured loss."""
        return min(self.foretold, key=lambda each: each.setting.nll)


def held_out_check(points: Sequence[Point], resamples: int) -> HeldOutCheck | str:
    """Fit without the largest budget and foretell it; or why that cannot be done."""
    settings = settings_of(points)
    names = {setting.name for setting in _dearest(settings)}
    kept = [point for point in points if point.setting not in names]
    if not kept:
        return "nothing is left to fit"
    obstacle = law_obstacle(settings_of(kept))
    if obstacle:
        return f"without the largest budget, {obstacle}"
    columns = columns_of(kept)
    law = fit_law(columns)
    laws = resampled_laws(law, kept, resamples)
    noise = widened([float(value) for value in residuals(law, columns)])
    asked = sorted((each for each in settings if each.name in names), key=lambda setting: setting.n_params)
    foretold = tuple(
        Foretold(setting, predicted(law, laws, noise, setting.n_params, setting.n_tokens)) for setting in asked
    )
    return HeldOutCheck(len(settings) - len(asked), foretold)


def _dearest(settings: Sequence[Setting]) -> list[Setting]:
    """The settings of the largest budget, where all stand on isoFLOP curves; else the dearest tenth."""
    groups = by_budget(settings)
    if len(groups) >= _LEAST_BUDGETS and all(setting.budget_flops is not None for setting in settings):
        steps = [group for group in groups.values() if len(group) > 1]
        if len(steps) == len(groups):
            return groups[max(groups)]
    ordered = sorted(settings, key=lambda setting: setting.train_flops)
    return ordered[-math.ceil(_SHARE * len(ordered)) :]
