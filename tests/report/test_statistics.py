"""Who is ranked, in which order, and who is not."""

from __future__ import annotations

import statistics
from collections.abc import Callable
from typing import Any

import pytest

from tlm_sweeps.report.sources import SweepResults
from tlm_sweeps.report.statistics import indistinguishable, leaderboard, trial_results, unranked
from tlm_sweeps.report.table import leaderboard_rows
from tlm_sweeps.runs.record import Record
from tlm_sweeps.spec.sweep import SweepSpec


@pytest.fixture
def of_records(make_spec: Callable[..., SweepSpec]):
    def build(*records: Record, **changes: Any) -> SweepResults:
        return SweepResults(make_spec(**({"search": {"model.depth": [1, 2, 4]}} | changes)), records, {}, 0, "", "")

    return build


def test_trials_are_ranked_by_the_mean_over_seeds(
    make_record: Callable[..., Record], of_records: Callable[..., SweepResults]
):
    nlls = {0: (2.0, 2.4), 1: (2.3, 2.0), 2: (2.1, 2.2)}
    records = [make_record(trial=trial, seed=seed, val_nll=nlls[trial][seed]) for trial in nlls for seed in (0, 1)]
    ranked = leaderboard(of_records(*records))
    assert [(trial.trial, trial.nll) for trial in ranked] == [
        (trial, pytest.approx(statistics.fmean(nlls[trial]))) for trial in (1, 2, 0)
    ]


def test_a_trial_without_all_its_seeds_is_listed_but_not_ranked(
    make_record: Callable[..., Record], of_records: Callable[..., SweepResults]
):
    results = of_records(
        make_record(trial=0, seed=0),
        make_record(trial=0, seed=1),
        make_record(trial=1, seed=0, val_nll=1.0),
        make_record(trial=2, seed=0, val_nll=1.0),
        make_record(trial=2, seed=1, state="failed", reason="NaN", val_nll=None),
        make_record(trial=3, seed=0, val_nll=1.0),
        make_record(trial=3, seed=1, val_nll=float("nan")),
        make_record(trial=4, seed=0, state="infeasible", val_nll=None),
    )
    assert [trial.trial for trial in leaderboard(results)] == [0]
    assert [trial.trial for trial in unranked(results)] == [1, 2, 3]


def test_the_seeds_of_the_spec_decide_what_is_missing(
    make_record: Callable[..., Record], of_records: Callable[..., SweepResults]
):
    records = make_record(trial=0, seed=7), make_record(trial=0, seed=9)
    assert leaderboard(of_records(*records, seeds=(7, 9)))
    assert not leaderboard(of_records(*records, seeds=2))


def test_each_budget_has_its_own_ranks(make_record: Callable[..., Record], of_records: Callable[..., SweepResults]):
    nlls = {0: (3.0, 10), 1: (2.5, 10), 2: (2.0, 20), 3: (2.2, 20)}
    records = [make_record(trial=trial, val_nll=nll, budget_flops=flops) for trial, (nll, flops) in nlls.items()]
    rows = leaderboard_rows(of_records(*records, seeds=1))
    assert [(row["budget_flops"], row["rank"], row["trial"]) for row in rows] == [
        (10, 1, 1),
        (10, 2, 0),
        (20, 1, 2),
        (20, 2, 3),
    ]


def test_rows_hold_what_the_records_say(make_results: Callable[..., SweepResults]):
    results = make_results()
    rows = leaderboard_rows(results)
    for row in rows:
        runs = [record for record in results.records if record.trial == row["trial"]]
        assert row["val_nll"] == pytest.approx(statistics.fmean(record.val_nll or 0 for record in runs))
        assert row["test_nll"] == pytest.approx(statistics.fmean(record.test_nll or 0 for record in runs))
        assert row["n_params"] == runs[0].n_params
        assert row["interval"][0] < row["val_nll"] < row["interval"][1]
        assert 0.99 <= row["spent_share"] <= 1
    assert {row["baseline"] for row in rows} == {None, "linear", "mlp", "attention"}
    assert [row["val_nll"] for row in rows] == sorted(row["val_nll"] for row in rows)


def test_a_baselines_columns_come_from_its_experiment(make_results: Callable[..., SweepResults]):
    row = next(row for row in leaderboard_rows(make_results()) if row["baseline"] == "mlp")
    assert row["settings"]["model.context"] == 32
    assert row["settings"]["model.depth"] is None


def test_states_are_counted_for_every_trial(make_results: Callable[..., SweepResults]):
    results = make_results()
    counted = sum(sum(trial.states.values()) for trial in trial_results(results))
    assert counted == len(results.records)


def test_one_seed_distinguishes_nothing(make_record: Callable[..., Record], of_records: Callable[..., SweepResults]):
    records = [make_record(trial=trial, val_nll=2.0 + trial) for trial in range(3)]
    ranked = leaderboard(of_records(*records, seeds=1))
    assert ranked[0].val_nll is not None
    assert ranked[0].val_nll.interval is None
    assert indistinguishable(ranked) == []
