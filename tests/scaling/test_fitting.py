"""The whole fit: its document, the check on the dearest budget, and what is refused because nobody can know it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.scaling.planted import BUDGETS, TINY, planted
from tlm_sweeps.errors import InputError
from tlm_sweeps.scaling.cost import SIX_N_D
from tlm_sweeps.scaling.document import FitDocument, FrontierFit, HeldOut, IsoFlopFit, NotFitted, ParametricFit
from tlm_sweeps.scaling.fitting import fit
from tlm_sweeps.scaling.law import best_allocation
from tlm_sweeps.scaling.observations import Observations
from tlm_sweeps.scaling.points import Point, settings_of
from tlm_sweeps.scaling.sufficing import law_obstacle


def observed(points: list[Point]) -> Observations:
    return Observations(tuple(points), ("planted",), "6 N D", SIX_N_D)


@pytest.fixture(scope="module")
def found() -> FitDocument:
    """Of four budgets and seven sizes."""
    return fit(observed(planted(noise=0.003)), budgets=[1e13, 1e15], resamples=200, command="tlm-sweeps fit planted")


def test_the_best_split_of_a_budget_is_the_planted_laws_within_its_interval(found: FitDocument):
    by_law = [split for split in found.best_splits if split.approach == "parametric"]

    assert [split.train_flops for split in by_law] == [1e13, 1e15]
    assert [split.beyond for split in by_law] == [1, 100]
    for split in by_law:
        best = best_allocation(TINY, SIX_N_D, split.train_flops)
        assert best
        assert split.n_params.interval[0] < best.n_params < split.n_params.interval[1]
        assert split.nll
        assert split.nll.interval[0] < best.nll < split.nll.interval[1]
    assert any("more than 10 times the largest budget" in note for note in found.notes)


def test_both_approaches_agree_on_the_exponent(found: FitDocument):
    assert isinstance(found.parametric, ParametricFit)
    assert isinstance(found.isoflop, IsoFlopFit)
    assert isinstance(found.frontier, FrontierFit)
    assert found.isoflop.a
    assert found.isoflop.a.value == pytest.approx(TINY.exponents[0], abs=0.05)
    assert found.parametric.a.interval[0] < TINY.exponents[0] < found.parametric.a.interval[1]


def test_the_dearest_budget_is_foretold(found: FitDocument):
    assert isinstance(found.held_out, HeldOut)
    assert found.held_out.n_fitted == 21
    assert {each.train_flops for each in found.held_out.settings} == {BUDGETS[-1]}
    assert found.held_out.mean_error < 0.02
    assert sum(each.is_inside for each in found.held_out.settings) >= 6


def test_a_law_that_bends_where_nobody_had_looked_fails_the_check():
    bent = [
        replace(point, nll=1.2 * point.nll) if point.train_flops == BUDGETS[-1] else point
        for point in planted(noise=0.003)
    ]
    found = fit(observed(bent), resamples=100)

    assert isinstance(found.held_out, HeldOut)
    assert found.held_out.mean_error > 0.1
    assert not any(each.is_inside for each in found.held_out.settings)


def test_the_document_survives_json(found: FitDocument):
    assert FitDocument.model_validate_json(found.model_dump_json()) == found


def test_the_same_points_always_give_the_same_intervals():
    points = planted(noise=0.01)
    first, second = (fit(observed(points), resamples=50) for _ in range(2))

    assert first.parametric == second.parametric
    assert first.isoflop == second.isoflop


@pytest.mark.parametrize(
    ("points", "reason"),
    [
        (planted(budgets=(1e12,), sizes=9), "one budget only"),
        (planted(budgets=tuple(10.0**power for power in range(9, 18)), sizes=1), "tokens follow from"),
        (planted(budgets=(1e10, 1e12), sizes=3), "there are 6 settings; 7 are needed"),
        ([Point(1e3 * 2**k, 2e4 * 2**k, 1.2e8 * 4**k, 3 - 0.1 * k, str(k)) for k in range(9)], "tokens follow from"),
        ([Point(1e4, 1e6 * 2**k, 6e10 * 2**k, 3 - 0.1 * k, str(k)) for k in range(9)], "there is 1 size"),
    ],
)
def test_what_the_points_cannot_tell_is_said(points: list[Point], reason: str):
    assert reason in law_obstacle(settings_of(points))
    assert law_obstacle(settings_of([*points, *planted()])) == ""


def test_points_that_tell_nothing_are_refused_with_what_they_lack():
    with pytest.raises(InputError, match="no law can be fitted: there are 2 sizes") as refused:
        fit(observed(planted(budgets=(1e10, 1e12), sizes=1)), resamples=50)

    assert "three budgets" in str(refused.value)


def test_one_budget_still_shows_its_minimum():
    found = fit(observed(planted(budgets=(1e12,), sizes=9)), resamples=50)

    assert isinstance(found.isoflop, IsoFlopFit)
    assert len(found.isoflop.minima) == 1
    assert found.isoflop.a is None
    assert found.best_splits == ()
    assert isinstance(found.parametric, NotFitted)
    assert "one budget only" in found.parametric.reason
