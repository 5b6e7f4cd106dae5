"""The law and its best split, against a numerical search and the published closed form."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import minimize_scalar

from tests.scaling.planted import TINY, planted
from tlm_sweeps.scaling.cost import SIX_N_D, CostLaw, fitted_cost
from tlm_sweeps.scaling.law import Law, best_allocation
from tlm_sweeps.scaling.points import Point

_EXPONENTS = st.floats(0.15, 1.2)


@given(_EXPONENTS, _EXPONENTS, st.floats(0.5, 1.3), st.floats(9, 20))
def test_the_best_split_is_where_a_search_along_the_budget_finds_it(
    alpha: float, beta: float, exponent: float, power: float
):
    law, cost, budget = Law(1.5, 300.0, 500.0, alpha, beta), CostLaw(4.0, exponent), 10**power

    def loss(log_n: float) -> float:
        return law.A * math.exp(-alpha * log_n) + law.B * cost.tokens(math.exp(log_n), budget) ** -beta

    best = best_allocation(law, cost, budget)
    assert best
    middle = math.log(best.n_params)
    searched = minimize_scalar(loss, bounds=(middle - 5, middle + 5), method="bounded", options={"xatol": 1e-9})
    assert middle == pytest.approx(searched.x, abs=1e-3)
    assert cost.flops(best.n_params, best.n_tokens) == pytest.approx(budget)
    assert best.nll == pytest.approx(law.nll(best.n_params, best.n_tokens))


def test_at_six_n_d_it_is_hoffmanns_formula():
    law, budget = Law(1.69, 406.4, 410.7, 0.34, 0.28), 5.76e23
    g = (law.alpha * law.A / (law.beta * law.B)) ** (1 / (law.alpha + law.beta))
    a, b = law.exponents

    best = best_allocation(law, SIX_N_D, budget)
    assert best
    assert best.n_params == pytest.approx(g * (budget / 6) ** a)
    assert best.n_tokens == pytest.approx((budget / 6) ** b / g)


@pytest.mark.parametrize("law", [Law(1, 1, 1, -0.1, 0.3), Law(1, 1, 1, 0.3, 0), Law(1, 0, 1, 0.3, 0.3)])
def test_a_law_by_which_more_does_not_help_has_no_best_split(law: Law):
    assert best_allocation(law, SIX_N_D, 1e12) is None


def test_many_points_are_told_as_one_by_one():
    sizes, tokens = np.array([1e3, 1e5]), np.array([1e6, 1e7])
    one_by_one = [math.log(TINY.nll(*pair)) for pair in zip(sizes, tokens, strict=True)]

    assert TINY.log_nll(np.log(sizes), np.log(tokens)) == pytest.approx(one_by_one)


def test_the_cost_of_a_token_is_found_in_what_runs_spent():
    points = [Point(n, d, 9.0 * n**0.8 * d, 2.0, "") for n in (1e3, 1e4, 1e5) for d in (1e6, 3e6)]
    found = fitted_cost(points)

    assert (found.factor, found.exponent) == pytest.approx((9.0, 0.8))
    assert found.worst_error == pytest.approx(0, abs=1e-9)
    assert fitted_cost(planted()).exponent == pytest.approx(1)


def test_runs_off_the_cost_law_are_told():
    costs = (1.0, 1.0, 1.0, 1.0, 1.5)
    points = [Point(n, 1e6, 6e6 * n * more, 2.0, "") for n, more in zip((1e3, 2e3, 4e3, 8e3, 4e3), costs, strict=True)]

    assert 0.2 < fitted_cost(points).worst_error < 0.5
    assert fitted_cost(points[:1]).exponent == 1
