"""Approach 2 and the frontier: exact curves give exact minima, and what was not seen is not used."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from scipy import stats

from tests.scaling.planted import TINY, planted
from tlm_sweeps.scaling.cost import SIX_N_D
from tlm_sweeps.scaling.frontier import FrontierLaw, frontier_law, frontier_of
from tlm_sweeps.scaling.isoflop import isoflop_minima, power_law
from tlm_sweeps.scaling.law import Law, best_allocation, interval
from tlm_sweeps.scaling.points import Point, Setting, settings_of


def parabola(budget: float, best: float, *, steps: tuple[float, ...] = (0.25, 0.5, 1, 2, 4)) -> list[Point]:
    """Runs on an exact parabola over log N."""
    return [
        Point(
            size, SIX_N_D.tokens(size, budget), budget, 2 + 0.1 * np.log(size / best) ** 2, f"{budget}/{size}", budget
        )
        for size in (best * step for step in steps)
    ]


def curves(*points: list[Point]) -> list[Setting]:
    return settings_of(point for curve in points for point in curve)


def test_exact_parabolas_give_their_lowest_points_and_the_power_law_through_them():
    budgets = (1e10, 1e12, 1e14)
    found, passed = isoflop_minima(curves(*(parabola(budget, 0.3 * budget**0.4) for budget in budgets)), 50)

    assert passed == []
    assert [each.n_params for each in found] == pytest.approx([0.3 * budget**0.4 for budget in budgets])
    assert [each.nll for each in found] == pytest.approx([2, 2, 2])
    assert [each.curvature for each in found] == pytest.approx([0.1] * 3)
    assert [SIX_N_D.flops(each.n_params, each.n_tokens) for each in found] == pytest.approx(list(budgets))
    law = power_law(budgets, [each.n_params for each in found])
    assert (law.factor, law.exponent) == pytest.approx((0.3, 0.4))


@pytest.mark.parametrize(
    ("steps", "reason"),
    [
        ((0.5, 1, 2), "3 sizes; a parabola needs 4"),
        ((1.5, 2, 3, 4), "the smallest size is the best"),
        ((0.1, 0.2, 0.4, 0.8), "the largest size is the best"),
    ],
)
def test_a_minimum_that_was_not_seen_is_said_and_not_used(steps: tuple[float, ...], reason: str):
    found, passed = isoflop_minima(curves(parabola(1e12, 1e4, steps=steps), parabola(1e14, 1e5)), 50)

    assert [each.budget_flops for each in found] == [1e14]
    assert [each.budget_flops for each in passed] == [1e12]
    assert reason in passed[0].reason


def test_a_curve_that_opens_downward_has_no_minimum():
    losses = (2.00, 2.12, 1.99, 2.12, 2.00)
    points = [replace(point, nll=nll) for point, nll in zip(parabola(1e12, 1e4), losses, strict=True)]

    found, passed = isoflop_minima(curves(points), 50)
    assert found == []
    assert "no lowest point" in passed[0].reason


def test_minima_of_a_law_lie_near_its_best_sizes_and_their_intervals_hold_them():
    law = Law(1.1, 40.0, 300.0, 0.4, 0.4)  # alike, so that its isoFLOP curves are nearly parabolas
    found, _ = isoflop_minima(settings_of(planted(law, noise=0.002, sizes=9)), 400)

    for each in found:
        best = best_allocation(law, SIX_N_D, each.budget_flops)
        assert best
        low, high = interval([float(draw) for draw in np.exp(each.log_n_draws)])
        assert low < best.n_params < high
        assert high / low < 2


def test_the_frontiers_power_law_is_scipys_regression_line():
    settings = settings_of(planted(noise=0.01))
    found = frontier_law(settings)
    assert isinstance(found, FrontierLaw)
    best = {setting.budget_flops or 0.0: setting.nll for setting in sorted(settings, key=lambda each: -each.nll)}
    line: Any = stats.linregress(np.log(list(best)), np.log(list(best.values())))

    assert found.exponent == pytest.approx(-line.slope)
    assert found.factor == pytest.approx(np.exp(line.intercept))
    reach = stats.t.ppf(0.975, len(best) - 2) * line.stderr
    assert found.interval == pytest.approx((-line.slope - reach, -line.slope + reach))


def test_a_dearer_setting_that_is_worse_is_not_on_the_frontier():
    cheap, dear = settings_of(planted(budgets=(1e10, 1e12), sizes=1))

    assert frontier_of([replace(dear, nll=cheap.nll + 0.1), cheap]) == [cheap]
    assert frontier_law([cheap, dear]) == "2 points on the frontier; a power law needs 3"
    assert TINY.E < dear.nll < cheap.nll
