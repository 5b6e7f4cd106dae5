"""Scores of labels, against scipy's interval and counts by hand."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest

from tlm_sweeps.runs.label_scores import binomial_interval, label_scores


@given(st.integers(1, 5000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_the_interval_is_wilsons(counts: tuple[int, int]):
    n_correct, n = counts
    theirs = binomtest(n_correct, n).proportion_ci(method="wilson")
    assert binomial_interval(n_correct, n) == pytest.approx((theirs.low, theirs.high), abs=1e-9)


def test_scores_are_counted():
    """Label 0: told 3 times, right twice of 2. Label 1: told once, right, of 3. Label 2: told once, wrong, of none."""
    scores = label_scores(told=[0, 0, 0, 1, 2], labels=[0, 0, 1, 1, 1], n_labels=3)
    assert (scores.n, scores.n_correct, scores.accuracy) == (5, 3, 0.6)
    assert scores.macro_f1 == pytest.approx((2 * 2 / 5 + 2 * 1 / 4 + 0) / 3)
    assert scores.interval == binomial_interval(3, 5)


def test_a_label_that_is_neither_told_nor_there_counts_0():
    assert label_scores([0, 1], [0, 1], 2).macro_f1 == 1
    assert label_scores([0, 1], [0, 1], 4).macro_f1 == 0.5


def test_of_no_examples_there_is_no_score():
    with pytest.raises(ValueError, match="no examples"):
        label_scores([], [], 2)


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), min_size=1), st.permutations(range(4)))
def test_names_of_labels_do_not_matter(pairs: list[tuple[int, int]], names: list[int]):
    told, labels = zip(*pairs, strict=True)
    renamed = label_scores([names[each] for each in told], [names[each] for each in labels], 4)
    plain = label_scores(told, labels, 4)
    assert (renamed.n_correct, renamed.interval) == (plain.n_correct, plain.interval)
    assert renamed.macro_f1 == pytest.approx(plain.macro_f1)
