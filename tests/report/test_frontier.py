"""The frontier is a lower envelope: below it lies nothing, and it only falls."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from tlm_sweeps.report.frontier import Point, frontier, run_curves
from tlm_sweeps.report.sources import SweepResults
from tlm_sweeps.runs.record import Record
from tlm_sweeps.spec.sweep import SweepSpec

POINTS = st.lists(
    st.builds(Point, st.integers(1, 40).map(float), st.integers(1, 30).map(lambda n: n / 10)), max_size=40
)


@given(POINTS)
def test_no_point_lies_below_it(points: list[Point]):
    envelope = frontier(points)
    for point in points:
        as_cheap = [other.nll for other in envelope if other.train_flops <= point.train_flops]
        assert as_cheap
        assert min(as_cheap) <= point.nll


@given(POINTS)
def test_it_rises_in_flops_and_falls_in_nll(points: list[Point]):
    envelope = frontier(points)
    assert all(left.train_flops < right.train_flops and left.nll > right.nll for left, right in pairwise(envelope))


@given(POINTS)
def test_it_is_made_of_points_that_were_there_and_is_its_own_frontier(points: list[Point]):
    envelope = frontier(points)
    assert set(envelope) <= set(points)
    assert frontier(envelope) == envelope


def test_curves_are_in_the_budgets_account(
    make_results: Callable[..., SweepResults], make_spec: Callable[..., SweepSpec]
):
    results = make_results(trials=3)
    in_6nd = make_spec(budget={"flops": 2e11, "account": "6nd", "match": "width"})
    for curve, in_another in zip(run_curves(results), run_curves(replace(results, spec=in_6nd)), strict=True):
        measured = results.curves[curve.record.run_id]
        assert [point.train_flops for point in curve.points] == [each.train_flops["matmul"] for each in measured]
        assert [point.train_flops for point in in_another.points] == [each.train_flops["6nd"] for each in measured]


def test_what_diverged_or_cost_nothing_is_no_point(make_results: Callable[..., SweepResults]):
    results = make_results(trials=0, seeds=1)
    run_id, curve = next((run_id, curve) for run_id, curve in results.curves.items() if curve)
    free = curve[0].model_copy(update={"train_flops": {"matmul": 0, "6nd": 0, "2nd": 0}})
    diverged = curve[-1].model_copy(update={"val_nll": math.nan})
    found = run_curves(replace(results, curves={run_id: [free, *curve, diverged]}))
    assert len(next(each for each in found if each.record.run_id == run_id).points) == len(curve)


def test_a_complete_run_without_measurements_is_one_point(
    make_record: Callable[..., Record], make_spec: Callable[..., SweepSpec]
):
    results = SweepResults(make_spec(), (make_record(), make_record(trial=1, state="failed")), {}, 0, "", "")
    assert [len(curve.points) for curve in run_curves(results)] == [1]
