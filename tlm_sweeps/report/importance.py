"""Which hyperparameters mattered, by Optuna's PED-ANOVA. The only file of this room that knows Optuna.

PED-ANOVA (Watanabe, Bansal, Hutter 2023, arXiv 2304.10255) compares where the best trials lie with where all lie. It
sees main effects only, and rests on few trials in a small sweep: a ranking to look at, not a measurement.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tlm_sweeps.report.axes import Axis
from tlm_sweeps.report.statistics import TrialResult

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution

FEWEST_TRIALS = 4
_FEWEST_BEST = 5


@dataclass(frozen=True)
class Importance:
    """Shares that add up to 1, the largest first, by dotted name; or why there are none."""

    shares: Mapping[str, float]
    n_trials: int
    n_best: int
    """So many best trials were compared with all."""
    reason: str = ""
    """Why there is no importance; empty when there is."""


def importance(trials: Sequence[TrialResult], axes: Sequence[Axis]) -> Importance:
    """How much each hyperparameter decides whether a trial of one budget is among its best.

    Args:
        trials: ranked trials of one budget; baselines, which nobody searched, are left out.
        axes: the searched dimensions.
    """
    rows = [(trial, _positions(trial, axes)) for trial in trials if trial.baseline is None]
    known = [(trial, places) for trial, places in rows if places]
    varied = [axis for axis in axes if len({places.get(axis.name) for _, places in known}) > 1]
    n_best = max(2, min(math.ceil(len(known) / 2), max(_FEWEST_BEST, math.ceil(len(known) / 10))))
    if len(known) < FEWEST_TRIALS:
        return Importance({}, len(known), n_best, f"{len(known)} complete trials are too few: it takes {FEWEST_TRIALS}")
    if len(varied) < 2:
        return Importance({}, len(known), n_best, "fewer than two hyperparameters vary among the complete trials")
    shares = _ped_anova([(trial.nll, places) for trial, places in known], varied, (n_best - 0.5) / len(known))
    if not shares:
        return Importance({}, len(known), n_best, "the best trials lie where all trials lie: nothing stands out")
    return Importance(shares, len(known), n_best)


def _positions(trial: TrialResult, axes: Sequence[Axis]) -> dict[str, float]:
    places = {axis.name: axis.position(trial.settings.get(axis.name)) for axis in axes if axis.name in trial.settings}
    return {name: place for name, place in places.items() if place is not None}


def _ped_anova(
    rows: Sequence[tuple[float, Mapping[str, float]]], axes: Sequence[Axis], best_share: float
) -> dict[str, float]:
    import optuna

    space = {axis.name: _distribution(axis) for axis in axes}
    with _quiet_optuna():
        study = optuna.create_study(direction="minimize")
        for nll, places in rows:
            params: dict[str, Any] = {axis.name: _as_param(axis, places) for axis in axes if axis.name in places}
            chosen = {name: space[name] for name in params}
            study.add_trial(optuna.trial.create_trial(params=params, distributions=chosen, value=nll))
        evaluator = optuna.importance.PedAnovaImportanceEvaluator(target_quantile=best_share)
        found = evaluator.evaluate(study)
    total = sum(found.values())
    if not math.isfinite(total) or total <= 0:
        return {}
    return dict(sorted(((name, share / total) for name, share in found.items()), key=lambda each: -each[1]))


def _distribution(axis: Axis) -> BaseDistribution:
    from optuna.distributions import CategoricalDistribution, FloatDistribution

    if axis.scale == "choices":
        return CategoricalDistribution(tuple(range(len(axis.choices))))
    return FloatDistribution(axis.low, axis.high)


def _as_param(axis: Axis, places: Mapping[str, float]) -> float:
    place = places[axis.name]
    return int(place) if axis.scale == "choices" else min(max(place, axis.low), axis.high)


@contextmanager
def _quiet_optuna() -> Iterator[None]:
    import optuna

    before = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    try:
        yield
    finally:
        optuna.logging.set_verbosity(before)
