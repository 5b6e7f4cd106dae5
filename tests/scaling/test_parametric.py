"""Approach 3 finds planted laws, agrees with scipy's own Huber regression, and is not bent by failed runs."""

from __future__ import annotations

from dataclasses import astuple, replace

import numpy as np
import pytest
from scipy.optimize import least_squares

from tests.scaling.planted import TINY, planted
from tlm_sweeps.scaling.bootstrap import resampled_laws
from tlm_sweeps.scaling.law import COEFFICIENTS, Law, interval
from tlm_sweeps.scaling.parametric import HUBER_DELTA, columns_of, fit_law, huber_loss
from tlm_sweeps.scaling.points import Point
from tlm_sweeps.scaling.prediction import predicted, widened


@pytest.mark.parametrize("law", [TINY, Law(1.69, 406.4, 410.7, 0.34, 0.28), Law(0.5, 5.0, 9000.0, 0.2, 0.7)])
def test_runs_without_noise_give_back_the_law_that_made_them(law: Law):
    budgets = (1e18, 1e19, 1e20, 1e21) if law.A > 100 else (1e10, 1e11, 1e12, 1e13)

    assert astuple(fit_law(columns_of(planted(law, budgets=budgets)))) == pytest.approx(astuple(law), rel=2e-3)


def test_the_fit_is_no_worse_than_scipys_huber_regression_from_the_truth():
    """`least_squares` minimises the same loss by another algorithm."""
    columns = columns_of(planted(noise=0.01, sizes=10))
    truth = np.array([np.log(TINY.E), np.log(TINY.A), np.log(TINY.B), TINY.alpha, TINY.beta])

    def residuals(at: np.ndarray) -> np.ndarray:
        law = Law(*np.exp(at[:3]), *at[3:])
        return law.log_nll(columns.log_n, columns.log_d) - columns.log_nll

    known = least_squares(
        residuals, truth, loss="huber", f_scale=HUBER_DELTA, x_scale="jac", xtol=1e-14, ftol=1e-14, gtol=1e-14
    )
    assert huber_loss(fit_law(columns), columns) <= known.cost * (1 + 1e-6)


def test_failed_runs_do_not_bend_the_law():
    points = planted(noise=0.001)
    failed = [replace(point, nll=point.nll * 1.5) if number % 9 == 4 else point for number, point in enumerate(points)]
    sound = fit_law(columns_of(points))

    for n_params, n_tokens in ((1e4, 1e6), (1e5, 1e8)):
        assert fit_law(columns_of(failed)).nll(n_params, n_tokens) == pytest.approx(
            sound.nll(n_params, n_tokens), rel=0.01
        )


def test_units_of_tokens_move_nothing_but_their_coefficient():
    points = planted(noise=0.005)
    in_millions = [replace(point, n_tokens=point.n_tokens / 1e6) for point in points]
    law, scaled = fit_law(columns_of(points)), fit_law(columns_of(in_millions))

    assert (scaled.E, scaled.alpha, scaled.beta) == pytest.approx((law.E, law.alpha, law.beta), rel=1e-3)
    assert scaled.B * 1e6**scaled.beta == pytest.approx(law.B, rel=1e-2)


def test_seeds_of_a_setting_are_drawn_together():
    """A run told twice under one setting tells nothing new: the intervals stay as they are."""
    points = planted(noise=0.01)
    twice = [point for point in points for _ in range(2)]
    once, doubled = (resampled_laws(fit_law(columns_of(found)), found, 60) for found in (points, twice))

    for name in COEFFICIENTS:
        ends = interval([getattr(law, name) for law in once])
        assert interval([getattr(law, name) for law in doubled]) == pytest.approx(ends, rel=1e-2)


def test_runs_told_twice_as_settings_of_their_own_are_twice_the_evidence():
    points = planted(noise=0.01)
    apart = [replace(point, setting=f"{point.setting}/{copy}") for point in points for copy in range(2)]
    once, doubled = (resampled_laws(fit_law(columns_of(found)), found, 100) for found in (points, apart))

    assert width(doubled, "beta") < 0.9 * width(once, "beta")


def width(laws: tuple[Law, ...], name: str) -> float:
    low, high = interval([getattr(law, name) for law in laws])
    return high - low


def test_one_more_run_lies_in_its_interval_as_often_as_it_should():
    points = planted(noise=0.01, sizes=9)
    columns = columns_of(points)
    law = fit_law(columns)
    laws, noise = (
        resampled_laws(law, points, 300),
        widened([float(each) for each in columns.log_nll - law_of(law, points)]),
    )
    told = predicted(law, laws, noise, 3e4, 1e8)
    draws = np.random.default_rng(11).normal(size=2000)
    runs = TINY.nll(3e4, 1e8) * np.exp(0.01 * draws)

    inside = np.mean((runs > told.interval[0]) & (runs < told.interval[1]))
    assert 0.88 < inside < 0.995


def law_of(law: Law, points: list[Point]) -> np.ndarray:
    return np.log([law.nll(point.n_params, point.n_tokens) for point in points])
