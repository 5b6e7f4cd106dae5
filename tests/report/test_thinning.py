"""A page of very many trials draws some of them for all, and says so; one of few draws every one."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tlm_sweeps.report.figures.gallery import draw_all
from tlm_sweeps.report.figures.thinning import MOST_DRAWN, drawn_trials
from tlm_sweeps.report.frontier import run_curves
from tlm_sweeps.report.sources import SweepResults
from tlm_sweeps.report.statistics import by_budget, leaderboard
from tlm_sweeps.report.views import leaderboard_tables


@pytest.fixture(scope="module")
def large(make_results: Callable[..., SweepResults]) -> SweepResults:
    return make_results(trials=260, budgets=(2e11, 8e11), seeds=1, evaluations=2)


def _points(results: SweepResults, key: str) -> int:
    """Places in all traces of a figure, gaps between its lines included."""
    (drawn,) = (each for each in draw_all(results, leaderboard(results)).drawn if each.key == key)
    return sum(len(trace["x"]) for trace in drawn.figure.to_dict()["data"])


def test_of_many_trials_the_best_the_baselines_and_some_others_are_drawn(large: SweepResults):
    ranked, curves = leaderboard(large), run_curves(large)
    drawn = drawn_trials(ranked, curves)
    assert len(drawn & {trial.trial for trial in ranked}) == MOST_DRAWN < len(ranked)
    for trials in by_budget(ranked).values():
        assert next(trial.trial for trial in trials if trial.baseline is None) in drawn
    assert {trial.trial for trial in ranked if trial.baseline is not None} <= drawn
    assert drawn == drawn_trials(ranked, curves), "the same page is made twice"


def test_a_figure_that_leaves_trials_out_says_so_and_is_smaller(large: SweepResults):
    ranked = leaderboard(large)
    for each in draw_all(large, ranked).drawn:
        draws_trials = not each.key.startswith(("importance", "heatmap"))
        assert (f"{MOST_DRAWN} of {len(ranked)} ranked" in each.description) is draws_trials, each.key
    for key in ("learning", "isoflop", "panel-0"):
        assert _points(large, key) < 4 * MOST_DRAWN


def test_what_is_said_of_the_best_is_of_all_trials(large: SweepResults):
    figures = {each.key: each for each in draw_all(large, leaderboard(large)).drawn}
    lowest = min(trial.nll for trial in leaderboard(large) if trial.baseline is None)
    dots = [trace for trace in figures["panel-0"].figure.to_dict()["data"] if trace["mode"] == "markers"]
    assert lowest == pytest.approx(min(nll for trace in dots for nll in trace["y"]))
    names = [trace["name"] for trace in figures["parallel-0"].figure.to_dict()["data"]]
    assert names == ["other settings", "the rest of the best quarter", "best"]


def test_of_few_trials_every_one_is_drawn_and_nothing_said(make_results: Callable[..., SweepResults]):
    results = make_results(trials=30)
    drawn = drawn_trials(leaderboard(results), run_curves(results))
    assert {curve.record.trial for curve in run_curves(results)} == drawn
    assert not any("Drawn are" in each.description for each in draw_all(results, leaderboard(results)).drawn)


def test_a_leaderboard_ends_where_a_page_would_burst_and_says_of_how_many(make_results: Callable[..., SweepResults]):
    results = make_results(trials=1300, seeds=1, evaluations=1)
    (table,) = leaderboard_tables(results)
    n_ranked = len(leaderboard(results))
    assert len(table.rows) + len(table.rest) == 1000 < n_ranked
    assert table.caption.startswith(f"the best 1,000 of {n_ranked:,} settings")
