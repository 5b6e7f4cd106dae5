"""The verdict's rule, against numbers worked out by hand, and what must not count."""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from dataclasses import replace

import pytest

from tlm_sweeps.compute.planning import PlannedTrial
from tlm_sweeps.errors import InputError
from tlm_sweeps.report.certainty import estimate
from tlm_sweeps.report.sources import SweepResults
from tlm_sweeps.runs.record import Record
from tlm_sweeps.studies.document import document_of
from tlm_sweeps.studies.reproduction import CellResult, prediction_interval, reproduce
from tlm_sweeps.studies.tradeoffs import TRADEOFFS

Trained = Callable[..., SweepResults]
CONTEXT = TRADEOFFS.only(["context"])
FIVE = {0: 2.50, 1: 2.52, 2: 2.51, 3: 2.53, 4: 2.49}
"""Mean 2.51, standard deviation √0.00025 = 0.0158."""


def first_row(sweep: SweepResults, **asked: int) -> CellResult:
    """The row of the linear model with 32 characters: 2.5135 was published."""
    return reproduce(CONTEXT, {sweep.spec.name: sweep}, **asked).results[0]


def spread_around(mean: float) -> Callable[[PlannedTrial, int], float]:
    return lambda _, seed: FIVE[seed] - 2.51 + mean


def test_the_prediction_interval_is_student_s(trained: Trained):
    result = first_row(trained("sweep-context.yaml", spread_around(2.51)))
    assert result.prediction
    assert result.deviation == pytest.approx(math.sqrt(0.00025))
    half = 2.776445 * math.sqrt(0.00025) * math.sqrt(1 + 1 / 5)  # t(0.975; 4) of any table
    assert result.prediction == pytest.approx((2.51 - half, 2.51 + half))


def test_one_more_seed_lies_in_the_interval_19_times_of_20():
    """The rule as it is meant: of sixths that are drawn beside five, 95 % are inside."""
    draw = random.Random(5)
    inside = 0
    for _ in range(4000):
        five, sixth = [draw.gauss(2.5, 0.02) for _ in range(5)], draw.gauss(2.5, 0.02)
        interval = prediction_interval(estimate(five))
        inside += interval is not None and interval[0] <= sixth <= interval[1]
    assert inside / 4000 == pytest.approx(0.95, abs=0.012)


@pytest.mark.parametrize(
    ("mean", "verdict"),
    [
        (2.5135, "reproduced"),
        (2.5135 + 0.048, "reproduced"),
        (2.5135 + 0.049, "not reproduced"),
        (2.4, "not reproduced"),
    ],
)
def test_a_row_is_reproduced_while_the_published_value_lies_in_the_interval(
    mean: float, verdict: str, trained: Trained
):
    """± 2.776 · 0.0158 · 1.095 = 0.0481."""
    result = first_row(trained("sweep-context.yaml", spread_around(mean)))
    assert result.verdict == verdict
    assert result.difference == pytest.approx(mean - 2.5135)
    assert result.difference_in_deviations == pytest.approx((mean - 2.5135) / math.sqrt(0.00025))


def test_one_seed_is_no_verdict(trained: Trained):
    result = first_row(trained("sweep-context.yaml", spread_around(2.5135), seeds=1))
    assert result.verdict == "not run"
    assert result.ours
    assert (result.prediction, result.difference_in_deviations) == (None, None)


def test_seeds_that_do_not_differ_leave_only_their_value(trained: Trained):
    same = first_row(trained("sweep-context.yaml", lambda *_: 2.5135))
    other = first_row(trained("sweep-context.yaml", lambda *_: 2.5136))
    assert (same.verdict, other.verdict) == ("reproduced", "not reproduced")
    assert other.difference_in_deviations is None


def test_a_study_that_was_never_run_has_rows_without_ours():
    found = reproduce(TRADEOFFS, {})
    assert found.verdicts == {"not run": len(found.results)}
    assert document_of(found)["cells"][0]["ours"] is None


def test_fewer_seeds_are_counted_when_fewer_are_asked_for(trained: Trained):
    sweep = trained("sweep-context.yaml", spread_around(2.5135))
    result = first_row(sweep, seeds=3)
    assert sorted(result.test_nlls) == [0, 1, 2]
    assert (result.n_asked, result.caution) == (3, "")


def test_seeds_that_are_missing_are_said(trained: Trained):
    sweep = trained("sweep-context.yaml", spread_around(2.5135))
    unfinished = replace(sweep, records=tuple(_failed_at(record, seed=4) for record in sweep.records))
    assert first_row(unfinished).caution == "4 of 5 seeds"
    assert first_row(sweep, seeds=8).caution == "5 of 8 seeds"
    assert first_row(unfinished).verdict == "reproduced"


@pytest.mark.parametrize("other", [{"n_params": 274_624}, {"train_flops": {"2nd": 1, "matmul": 1, "6nd": 1}}])
def test_runs_of_another_size_or_length_do_not_count(other: dict[str, object], trained: Trained):
    result = first_row(trained("sweep-context.yaml", spread_around(2.5135), **other))
    assert result.verdict == "not run"
    assert result.caution == "0 of 5 seeds; 5 left out: not of the study's size and length"


def test_two_runs_of_one_seed_are_refused(trained: Trained):
    sweep = trained("sweep-context.yaml", spread_around(2.5135))
    twice = replace(sweep, records=sweep.records + tuple(_again(record) for record in sweep.records))
    with pytest.raises(InputError, match="are of one seed"):
        first_row(twice)


def test_curves_stand_beside_the_published_ones(trained: Trained):
    table_1 = TRADEOFFS.only(["1"])
    sweep = trained("table-1.yaml", spread_around(3.0))
    linear = reproduce(table_1, {sweep.spec.name: sweep}).results[0]
    assert [each.epoch for each in linear.epochs] == [1, 2, 3]
    assert [each.ours.mean for each in linear.epochs] == pytest.approx([3.05, 3.04, 3.03])
    assert [each.difference for each in linear.epochs] == pytest.approx([3.05 - 3.101, 3.04 - 3.031, 3.03 - 2.971])


def test_curves_go_as_far_as_all_runs_were_measured(trained: Trained):
    sweep = trained("table-1.yaml", spread_around(3.0))
    short = {run_id: curve[:2] if run_id.endswith("s3") else curve for run_id, curve in sweep.curves.items()}
    linear = reproduce(TRADEOFFS.only(["1"]), {sweep.spec.name: replace(sweep, curves=short)}).results[0]
    assert [each.epoch for each in linear.epochs] == [1, 2]


def test_the_document_has_what_a_reader_needs_to_check_a_verdict(trained: Trained):
    sweep = trained("sweep-context.yaml", spread_around(2.5135))
    document = document_of(reproduce(CONTEXT, {sweep.spec.name: sweep}))
    cell = document["cells"][0]
    low, high = cell["ours"]["prediction_interval"]
    assert low <= cell["published"]["test_nll"] <= high
    assert cell["verdict"] == "reproduced"
    assert sorted(cell["ours"]["values"]) == [0, 1, 2, 3, 4]
    assert cell["ours"]["train_flops"]["2nd"] == cell["flops_2nd"]
    assert (document["claims"], document["questions"]) == ([], []), "none was asked for"


def _failed_at(record: Record, *, seed: int) -> Record:
    is_failed = record.seed == seed
    return record.model_copy(update={"state": "failed", "test_nll": None}) if is_failed else record


def _again(record: Record) -> Record:
    return record.model_copy(update={"run_id": record.run_id + "-again"})


def test_the_document_says_what_was_asked_for_and_lost_even_where_nothing_is_ours(trained: Trained):
    sweep = trained("sweep-context.yaml", spread_around(2.5135), n_params=7)
    lost = replace(sweep, records=tuple(_failed_at(record, seed=4) for record in sweep.records))
    cell = document_of(reproduce(CONTEXT, {sweep.spec.name: lost}))["cells"][0]
    assert cell["ours"] is None
    assert (cell["n_asked"], cell["n_failed"], cell["n_left_out"]) == (5, 1, 4)


def test_the_document_names_the_runs_and_where_they_come_from(trained: Trained):
    sweep = trained("sweep-context.yaml", spread_around(2.5135))
    resumed = sweep.records[0].provenance.model_copy(update={"earlier_commits": ("fedcba",)})
    first = sweep.records[0].model_copy(update={"provenance": resumed})
    found = reproduce(CONTEXT, {sweep.spec.name: replace(sweep, records=(first, *sweep.records[1:]))})
    ours = document_of(found)["cells"][0]["ours"]
    assert ours["runs"] == [f"tradeoffs-context-t0000-s{seed}" for seed in range(5)]
    assert ours["commits"] == ["0123456789abcdef", "fedcba"]
    assert ours["devices"] == ["cpu: Example 3000"]
