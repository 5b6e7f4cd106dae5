"""What the figures compute before they are drawn, against the records themselves."""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable
from itertools import pairwise

import pytest

from tlm_sweeps.report.axes import axes_of
from tlm_sweeps.report.figures.gallery import draw_all
from tlm_sweeps.report.figures.heatmap import heat_info
from tlm_sweeps.report.figures.isoflop import iso_curves
from tlm_sweeps.report.figures.learning import mean_curves
from tlm_sweeps.report.figures.panels import panel_info
from tlm_sweeps.report.figures.parallel import parallel_info
from tlm_sweeps.report.figures.theme import group_styles
from tlm_sweeps.report.frontier import run_curves
from tlm_sweeps.report.sources import SweepResults
from tlm_sweeps.report.statistics import leaderboard
from tlm_sweeps.runs.record import Record
from tlm_sweeps.spec.sweep import SweepSpec


@pytest.fixture
def sweep(make_results: Callable[..., SweepResults]):
    return make_results(trials=30)


def test_a_panel_has_a_dot_for_every_ranked_run_and_the_means_of_its_values(sweep: SweepResults):
    ranked, axes = leaderboard(sweep), axes_of(sweep.spec.search)
    searched = [trial for trial in ranked if trial.baseline is None]
    info = panel_info(axes[0], ranked)
    assert info is not None
    (series,) = info.series
    assert len(series.dots) == sum(trial.n_seeds for trial in searched)
    for at, mean in series.means:
        depth = axes[0].choices[int(at)]
        runs = [
            nll
            for trial in searched
            if trial.settings["model.depth"] == depth
            for nll in trial.val_nll_by_seed.values()
        ]
        assert mean == pytest.approx(statistics.fmean(runs))


def test_a_panel_of_a_range_averages_parts_of_it(sweep: SweepResults):
    axis = axes_of(sweep.spec.search)[-1]
    info = panel_info(axis, leaderboard(sweep))
    assert info is not None
    (series,) = info.series
    assert 2 <= len(series.means) <= 6
    assert all(best <= mean for (_, mean), (_, best) in zip(series.means, series.best, strict=True))


def test_a_learning_curve_is_the_mean_over_seeds(sweep: SweepResults):
    curves = mean_curves(run_curves(sweep), leaderboard(sweep))
    for curve in curves:
        runs = [sweep.curves[record.run_id] for record in curve.trial.records]
        last = [run[-1].val_nll for run in runs]
        assert curve.points[-1].nll == pytest.approx(statistics.fmean(last))
        assert len(curve.points) == len(runs[0])
    assert sum(curve.best for curve in curves) == 1


def test_parallel_lines_begin_with_the_best_and_end_at_their_nll(sweep: SweepResults):
    ranked = leaderboard(sweep)
    info = parallel_info(ranked, axes_of(sweep.spec.search))
    assert info is not None
    ends = [line.heights[-1] for line in info.lines]
    assert (ends[0], max(ends)) == (0, 1)
    assert ends == sorted(ends)
    assert all(-0.05 <= height <= 1.05 for line in info.lines for height in line.heights)


def test_a_heat_map_keeps_the_best_of_each_cell(sweep: SweepResults):
    ranked = leaderboard(sweep)
    info = heat_info(ranked, axes_of(sweep.spec.search))
    assert info is not None
    for row, depth in enumerate(info.rows.choices):
        for column, context in enumerate(info.columns.choices):
            here = [
                trial.nll
                for trial in ranked
                if trial.baseline is None
                and (trial.settings["model.depth"], trial.settings["model.context"]) == (depth, context)
            ]
            cell = info.cells[row][column]
            assert (cell.nll if cell else None) == (min(here) if here else None)


def test_isoflop_hulls_lie_under_their_points_and_touch_the_best(make_results: Callable[..., SweepResults]):
    results = make_results(trials=20, budgets=(2e11, 8e11))
    curves = iso_curves(leaderboard(results))
    assert len(curves) == 2
    for curve in curves:
        assert curve.best in curve.hull
        assert {curve.hull[0].trial, curve.hull[-1].trial} <= {trial.trial for trial in curve.trials}
        slopes = [
            (right.nll - left.nll) / _log_ratio(right.n_params, left.n_params) for left, right in pairwise(curve.hull)
        ]
        assert slopes == sorted(slopes)


def test_one_budget_draws_no_isoflop_curve(sweep: SweepResults):
    assert iso_curves(leaderboard(sweep)) == []


def test_every_figure_has_a_title_words_and_named_axes(make_results: Callable[..., SweepResults]):
    results = make_results(trials=14, budgets=(2e11, 8e11))
    gallery = draw_all(results, leaderboard(results))
    assert len({drawn.key for drawn in gallery.drawn}) == len(gallery.drawn)
    for drawn in gallery.drawn:
        assert drawn.title
        assert drawn.description.endswith(".")
    layouts = {drawn.key: drawn.figure.to_dict()["layout"] for drawn in gallery.drawn}
    assert layouts["frontier"]["xaxis"]["title"]["text"] == "training FLOPs spent (matmul)"
    for key in ("frontier", "learning", "isoflop", "panel-0"):
        assert layouts[key]["yaxis"]["title"]["text"] == "validation NLL (nats per target)"


def test_a_single_run_draws_what_it_can(make_record: Callable[..., Record], make_spec: Callable[..., SweepSpec]):
    results = SweepResults(make_spec(seeds=1, search={}), (make_record(settings={}),), {}, 0, "", "")
    gallery = draw_all(results, leaderboard(results))
    assert [drawn.key for drawn in gallery.drawn] == ["frontier"]
    assert gallery.skipped == ()


def test_groups_never_look_alike():
    styles = group_styles([f"group {number}" for number in range(25)])
    assert len(set(styles.values())) == 25


def _log_ratio(above: int | None, below: int | None) -> float:
    return math.log((above or 1) / (below or 1))
