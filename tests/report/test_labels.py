"""Trials that tell labels apart, as tables and sentences show them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tlm_sweeps.report.caveats import caveats
from tlm_sweeps.report.sources import SweepResults
from tlm_sweeps.report.statistics import leaderboard
from tlm_sweeps.report.table import leaderboard_rows
from tlm_sweeps.report.views import leaderboard_tables
from tlm_sweeps.report.words import answers
from tlm_sweeps.runs.label_scores import binomial_interval
from tlm_sweeps.runs.record import LabelScores, Provenance, Record

Make = Callable[..., Any]
N = 400


def scores(n_correct: int) -> LabelScores:
    interval = binomial_interval(n_correct, N)
    return LabelScores(n=N, n_correct=n_correct, accuracy=n_correct / N, interval=interval, macro_f1=n_correct / N / 2)


@pytest.fixture
def of_right(make_record: Make, make_spec: Make) -> Callable[..., SweepResults]:
    """Results of trials, each given as the test examples that its seeds tell right."""

    def record(trial: int, seed: int, n_correct: int, **changes: Any) -> Record:
        plain = make_record(trial=trial, seed=seed, val_nll=1.0 + trial, test_scores=scores(n_correct), **changes)
        labelled = {**plain.spec, "training": {**plain.spec.get("training", {}), "predict": "label"}}
        return plain.model_copy(update={"spec": labelled})

    def build(*trials: tuple[int, ...], **changes: Any) -> SweepResults:
        records = [
            record(trial, seed, n_correct, **changes)
            for trial, seeds in enumerate(trials)
            for seed, n_correct in enumerate(seeds)
        ]
        spec = make_spec(search={"model.depth": [1, 2, 4]}, seeds=len(trials[0]))
        return SweepResults(spec, tuple(records), {}, 0, "", "")

    return build


def test_a_row_has_the_mean_accuracy_and_the_interval_of_the_examples(of_right: Callable[..., SweepResults]):
    best, _ = leaderboard_rows(of_right((300, 320), (280, 280)))
    assert best["test_accuracy"] == pytest.approx(310 / N)
    assert best["test_accuracy_interval"] == pytest.approx(binomial_interval(310, N))
    assert best["test_macro_f1"] == pytest.approx(310 / N / 2)


def test_the_table_shows_them_beside_the_nll(of_right: Callable[..., SweepResults]):
    (table,) = leaderboard_tables(of_right((300, 320), (280, 280)))
    shown = dict(zip(table.columns, table.rows[0].cells, strict=True))
    assert shown["test accuracy"] == "77.5%"
    low, high = binomial_interval(310, N)
    assert shown["95 % by examples"] == f"{100 * low:.1f}–{100 * high:.1f}%"


def test_other_sweeps_have_no_such_columns(make_results: Make):
    for table in leaderboard_tables(make_results()):
        assert "test accuracy" not in table.columns
        assert all(len(row.cells) == len(table.columns) for row in table.rows)


def test_the_answer_says_how_many_are_told_right_and_no_perplexity(of_right: Callable[..., SweepResults]):
    results = of_right((300,), (280,))
    (answer,) = answers(results, leaderboard(results))
    assert "nats per example" in answer.found
    assert "75.0% of 400 test examples are told right" in answer.found
    assert "macro-F1 0.375" in answer.found
    assert "perplexity" not in answer.found


def test_other_examples_are_not_called_other_tokens(of_right: Callable[..., SweepResults]):
    first, second = of_right((300,), (280,)).records
    results = of_right((300,), (280,))
    other = second.model_copy(update={"provenance": Provenance(corpus={"fingerprint": "other"})})
    unlike = SweepResults(results.spec, (first, other), {}, 0, "", "")
    (sentence,) = [each for each in caveats(unlike, leaderboard(unlike)) if "different" in each]
    assert "2 different sets of examples" in sentence
