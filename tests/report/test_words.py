"""The answer says what the numbers say, and no more."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from typing import Any

import pytest

from tlm_sweeps.report.caveats import caveats
from tlm_sweeps.report.sources import SweepResults
from tlm_sweeps.report.statistics import leaderboard
from tlm_sweeps.report.words import Answer, answers
from tlm_sweeps.runs.record import Record
from tlm_sweeps.spec.sweep import SweepSpec


@pytest.fixture
def answer_of(make_record: Callable[..., Record], make_spec: Callable[..., SweepSpec]):
    """The answer about trials given as (baseline or None, NLL of each seed)."""

    def build(*trials: tuple[str | None, list[float]], **changes: Any) -> Answer:
        records = tuple(
            make_record(trial=number, seed=seed, baseline=baseline, val_nll=nll, **changes)
            for number, (baseline, nlls) in enumerate(trials)
            for seed, nll in enumerate(nlls)
        )
        spec = make_spec(search={"model.depth": [1, 2, 4]}, seeds=len(trials[0][1]))
        results = SweepResults(spec, records, {}, 0, "", "")
        return answers(results, leaderboard(results))[0]

    return build


def test_it_names_the_best_its_nll_and_its_interval(answer_of: Callable[..., Answer]):
    answer = answer_of((None, [2.0, 2.2]), (None, [3.0, 3.1]))
    half = 12.7062 * 0.1  # t with one degree of freedom times s / √2
    assert "depth 2 (trial 0" in answer.found
    assert (
        f"2.1000 nats per character (95 % interval {2.1 - half:.4f} to {2.1 + half:.4f} over 2 seeds)" in answer.found
    )
    assert f"{2.1 / math.log(2):.3f} bits per character" in answer.found


def test_words_are_read_as_perplexity(answer_of: Callable[..., Answer]):
    answer = answer_of((None, [4.0]), (None, [5.0]), spec={"corpus": {"level": "word"}, "model": {}})
    assert "4.0000 nats per word" in answer.found
    assert "perplexity 54.6" in answer.found


def test_it_says_how_much_better_than_the_next_and_each_baseline(answer_of: Callable[..., Answer]):
    answer = answer_of((None, [2.0, 2.0]), (None, [2.25, 2.25]), ("linear", [3.0, 3.0]), ("mlp", [2.5, 2.5]))
    assert "0.2500 nats better than the next" in answer.margin
    assert "linear by 1.0000 nats" in answer.margin
    assert "mlp by 0.5000 nats" in answer.margin


def test_a_baseline_can_win(answer_of: Callable[..., Answer]):
    answer = answer_of((None, [2.5, 2.5]), ("mlp", [2.0, 2.0]))
    assert "the baseline mlp (trial 1" in answer.found


def test_with_one_seed_nobody_can_tell(answer_of: Callable[..., Answer]):
    answer = answer_of((None, [2.0]), (None, [9.0]))
    assert "one seed: no interval" in answer.found
    assert "cannot tell" in answer.certainty


def test_a_lead_within_noise_is_called_so(answer_of: Callable[..., Answer]):
    answer = answer_of((None, [2.0, 2.2, 2.1]), (None, [2.2, 2.1, 2.1]))
    assert "within noise" in answer.certainty
    assert "1 of 1 other settings cannot be told apart" in answer.certainty


def test_a_clear_lead_is_clear_for_the_pair_and_not_corrected(answer_of: Callable[..., Answer]):
    answer = answer_of((None, [2.0, 2.01, 1.99]), (None, [2.5, 2.51, 2.49]))
    assert "clear for this pair" in answer.certainty
    assert "corrected" in answer.certainty


def test_alone_it_is_compared_with_nobody(answer_of: Callable[..., Answer]):
    answer = answer_of((None, [2.0, 2.1]))
    assert "only complete setting" in answer.found
    assert "no other" in answer.margin


def test_each_budget_has_an_answer(make_results: Callable[..., SweepResults]):
    results = make_results(budgets=(2e11, 8e11))
    found = answers(results, leaderboard(results))
    assert [re.match(r"At (\d+) GFLOPs", answer.found)[1] for answer in found] == ["200", "800"]  # type: ignore[index]


def test_readers_are_warned_of_what_is_not_comparable(
    make_record: Callable[..., Record], make_spec: Callable[..., SweepSpec]
):
    last = {"corpus": {"level": "char"}, "model": {"kind": "linear"}, "training": {"predict": "last"}}
    corpora = [{"provenance": {"corpus": {"fingerprint": name}}} for name in ("a", "b")]
    records = (
        make_record(trial=0, settings={"model.depth": 6}, val_nll=1.0, **corpora[0]),
        make_record(trial=1, baseline="linear", spec=last, **corpora[1]),
        make_record(trial=2, train_flops={"matmul": 3_000_000_000}, **corpora[0]),
        make_record(trial=3, state="running"),
    )
    results = SweepResults(make_spec(seeds=1), records, {}, 0, "", "")
    found = " ".join(caveats(results, leaderboard(results)))
    assert "1 running" in found
    assert "1 of 3 ranked settings spent less than 99% of their budget (least: 10.0%)" in found
    assert "2 different token sets" in found
    assert "linear on the last position" in found
    assert "depth 6 is the highest" in found


def test_one_layer_is_no_edge_since_there_is_nothing_below(
    make_record: Callable[..., Record], make_spec: Callable[..., SweepSpec]
):
    records = (make_record(settings={"model.depth": 1}), make_record(trial=1, settings={"model.depth": 2}, val_nll=3.0))
    results = SweepResults(make_spec(seeds=1), records, {}, 0, "", "")
    assert not [sentence for sentence in caveats(results, leaderboard(results)) if "edge" in sentence]
