"""From points to the document: every fit that they allow, and why not where they do not."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

import numpy as np

from tlm_sweeps.errors import InputError
from tlm_sweeps.scaling.bootstrap import resampled_laws
from tlm_sweeps.scaling.cost import CostLaw, fitted_cost
from tlm_sweeps.scaling.document import (
    Basis,
    BestSplit,
    Coefficient,
    FitDocument,
    FrontierFit,
    HeldOut,
    HeldOutSetting,
    IsoFlopFit,
    IsoFlopMinimum,
    NotFitted,
    ParametricFit,
    RunPoint,
)
from tlm_sweeps.scaling.frontier import frontier_law
from tlm_sweeps.scaling.held_out import Foretold, held_out_check
from tlm_sweeps.scaling.isoflop import Minimum, PowerLaw, isoflop_minima, power_law, power_law_draws
from tlm_sweeps.scaling.law import COEFFICIENTS, interval
from tlm_sweeps.scaling.notes import notes_on
from tlm_sweeps.scaling.observations import Observations
from tlm_sweeps.scaling.parametric import HUBER_DELTA, columns_of, fit_law, huber_loss, residuals
from tlm_sweeps.scaling.points import Point, Setting, n_sizes, settings_of
from tlm_sweeps.scaling.prediction import widened
from tlm_sweeps.scaling.splitting import split_by_law, split_by_minima
from tlm_sweeps.scaling.sufficing import law_obstacle
from tlm_sweeps.units import format_flops

_FORETOLD = (1.0, 10.0)
"""Budgets that are split where none is asked for, in units of the largest that was trained."""
_FURTHEST = 1e6


def fit(
    observed: Observations, *, budgets: Sequence[float] = (), resamples: int = 400, command: str = ""
) -> FitDocument:
    """Everything that the points tell.

    Args:
        observed: runs of one kind of model on one text.
        budgets: training FLOPs to split between size and tokens; default: the largest budget, and ten times that.
        resamples: for intervals.
        command: what was typed.

    Raises:
        InputError: when the points tell nothing, with what they lack.
    """
    points, settings = observed.points, settings_of(observed.points)
    cost = observed.cost or fitted_cost(points)
    most = max(setting.budget_flops or setting.train_flops for setting in settings)
    asked = sorted({*budgets}) or [most * step for step in _FORETOLD]
    _ensure_reachable(asked, most)
    parametric = _parametric(points, settings, resamples)
    isoflop, by_minima = _isoflop(settings, asked, resamples)
    frontier = _frontier(settings)
    _ensure_something(parametric, isoflop, frontier)
    by_law: list[BestSplit] = []
    if isinstance(parametric, ParametricFit):
        found = (split_by_law(parametric.law, parametric.laws, cost, budget, settings) for budget in asked)
        by_law = [split for split in found if split]
    document = FitDocument(
        command=command,
        created_at=datetime.now(UTC).isoformat(timespec="seconds"),
        basis=_basis(observed, settings, cost),
        points=tuple(_run_point(setting) for setting in settings),
        parametric=parametric,
        isoflop=isoflop,
        frontier=frontier,
        held_out=_held_out(points, resamples),
        best_splits=tuple(sorted([*by_law, *by_minima], key=lambda split: split.train_flops)),
        notes=(),
    )
    return document.model_copy(update={"notes": (*observed.notes, *notes_on(document))})


def _parametric(points: Sequence[Point], settings: Sequence[Setting], resamples: int) -> ParametricFit | NotFitted:
    if obstacle := law_obstacle(settings):
        return NotFitted(reason=obstacle)
    columns = columns_of(points)
    law = fit_law(columns)
    laws = resampled_laws(law, points, resamples)
    left = residuals(law, columns)
    values = {name: getattr(law, name) for name in COEFFICIENTS} | dict(zip("ab", law.exponents, strict=True))
    draws = [{name: getattr(each, name) for name in COEFFICIENTS} | _exponents(each.exponents) for each in laws]
    coefficients = {
        name: Coefficient(value=value, interval=interval([each[name] for each in draws]))
        for name, value in values.items()
    }
    return ParametricFit(
        **coefficients,
        huber_delta=HUBER_DELTA,
        huber_loss=huber_loss(law, columns),
        mean_error=float(np.abs(np.expm1(left)).mean()),
        log_residuals=tuple(widened([float(value) for value in left])),
        laws=laws,
    )


def _exponents(pair: tuple[float, float]) -> dict[str, float]:
    return {"a": pair[0], "b": pair[1]}


def _isoflop(
    settings: Sequence[Setting], budgets: Sequence[float], resamples: int
) -> tuple[IsoFlopFit | NotFitted, list[BestSplit]]:
    minima, passed = isoflop_minima(settings, resamples)
    unused = {format_flops(each.budget_flops): each.reason for each in passed}
    if not minima:
        reasons = "; ".join(f"{budget}: {reason}" for budget, reason in unused.items())
        return NotFitted(reason=reasons or "no runs stand on one isoFLOP curve"), []
    found = IsoFlopFit(
        minima=tuple(_isoflop_minimum(each) for each in minima),
        unused=unused,
        size_factor=None,
        a=None,
        tokens_factor=None,
        b=None,
    )
    at = [each.budget_flops for each in minima]
    if len(minima) < 2:
        return found, []
    sizes = power_law_draws(at, [each.log_n_draws for each in minima])
    tokens = power_law_draws(at, [each.log_d_draws for each in minima])
    by_size = power_law(at, [each.n_params for each in minima])
    by_tokens = power_law(at, [each.n_tokens for each in minima])
    laws = {"size_factor": by_size.factor, "a": _exponent(by_size, sizes)}
    laws |= {"tokens_factor": by_tokens.factor, "b": _exponent(by_tokens, tokens)}
    splits = [split_by_minima((by_size, sizes), (by_tokens, tokens), budget, settings) for budget in budgets]
    return found.model_copy(update=laws), splits


def _exponent(law: PowerLaw, drawn: Sequence[PowerLaw]) -> Coefficient:
    return Coefficient(value=law.exponent, interval=interval([each.exponent for each in drawn]))


def _isoflop_minimum(each: Minimum) -> IsoFlopMinimum:
    def size(value: float, log_draws: np.ndarray) -> Coefficient:
        return Coefficient(value=value, interval=interval([float(draw) for draw in np.exp(log_draws)]))

    return IsoFlopMinimum(
        budget_flops=each.budget_flops,
        n_sizes=each.n_sizes,
        n_params=size(each.n_params, each.log_n_draws),
        n_tokens=size(each.n_tokens, each.log_d_draws),
        nll=each.nll,
        curvature=each.curvature,
        at_edge=each.at_edge,
    )


def _frontier(settings: Sequence[Setting]) -> FrontierFit | NotFitted:
    found = frontier_law(settings)
    if isinstance(found, str):
        return NotFitted(reason=found)
    exponent = Coefficient(value=found.exponent, interval=found.interval)
    return FrontierFit(factor=found.factor, exponent=exponent, budgets=found.budgets, nlls=found.nlls)


def _held_out(points: Sequence[Point], resamples: int) -> HeldOut | NotFitted:
    found = held_out_check(points, resamples)
    if isinstance(found, str):
        return NotFitted(reason=found)
    return HeldOut(
        n_fitted=found.n_fitted,
        settings=tuple(_held_out_setting(each) for each in found.foretold),
        mean_error=found.mean_error,
        best=_held_out_setting(found.best),
    )


def _held_out_setting(each: Foretold) -> HeldOutSetting:
    return HeldOutSetting(
        label=each.setting.label,
        n_params=each.setting.n_params,
        n_tokens=each.setting.n_tokens,
        train_flops=each.setting.train_flops,
        measured=each.setting.nll,
        predicted=each.prediction.nll,
        interval=each.prediction.interval,
        error=each.error,
        is_inside=each.is_inside,
    )


def _basis(observed: Observations, settings: Sequence[Setting], cost: CostLaw) -> Basis:
    spent = [point.train_flops for point in observed.points]
    return Basis(
        sources=observed.sources,
        sizes=observed.sizes,
        tokens=observed.tokens,
        account=observed.account,
        cost_factor=cost.factor,
        cost_exponent=cost.exponent,
        cost_worst_error=cost.worst_error,
        n_runs=len(observed.points),
        n_settings=len(settings),
        n_sizes=n_sizes(settings),
        budgets=tuple(sorted({each.budget_flops for each in settings if each.budget_flops is not None})),
        least_flops=min(spent),
        most_flops=max(spent),
        alike=dict(observed.alike),
        left_out=dict(observed.left_out),
    )


def _run_point(setting: Setting) -> RunPoint:
    return RunPoint(
        label=setting.label,
        n_params=setting.n_params,
        n_tokens=setting.n_tokens,
        train_flops=setting.train_flops,
        budget_flops=setting.budget_flops,
        nll=setting.nll,
        n_runs=setting.n_runs,
    )


def _ensure_reachable(budgets: Sequence[float], most: float) -> None:
    """Refuse budgets of which no law could say anything."""
    if budgets[-1] > _FURTHEST * most:
        message = f"{budgets[-1]:.4g} is more than a million times the largest budget that was trained, {most:.4g}"
        raise InputError(message, place="--budget", hint="ask for a smaller one: no law reaches so far")


def _ensure_something(*found: object) -> None:
    """Refuse points of which nothing could be told."""
    reasons = [each.reason for each in found if isinstance(each, NotFitted)]
    if len(reasons) == len(found):
        raise InputError(
            "no law can be fitted: " + "; ".join(dict.fromkeys(reasons)),
            hint="train at least four sizes at each of three budgets (`budget: {flops: [1e11, 3e11, 1e12]}`)",
        )
