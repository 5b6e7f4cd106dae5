"""Scores and differences by hand, by formula and by resampling."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.stats import bootstrap

from tlm_sweeps.committees.scoring import difference, nll_nats


def test_nll_is_of_the_right_label_and_infinite_where_it_was_ruled_out():
    shares = np.array([[0.25, 0.75], [0.5, 0.5]])
    assert nll_nats(shares, np.array([1, 0])) == pytest.approx(-(math.log(0.75) + math.log(0.5)) / 2)
    assert nll_nats(np.array([[1.0, 0.0]]), np.array([1])) == math.inf


def test_two_answers_are_compared_by_the_examples_that_only_one_of_them_gets_right():
    first = np.array([1.0] * 8 + [0.0] * 2 + [1.0] * 90)
    second = np.array([0.0] * 8 + [1.0] * 2 + [1.0] * 90)

    found = difference(first, second)

    assert found.difference == pytest.approx(0.06)
    assert (found.n_first_only, found.n_second_only) == (8, 2)
    tail = sum(math.comb(10, k) for k in (8, 9, 10)) / 2**10
    assert found.p == pytest.approx(2 * tail)


def test_the_interval_is_what_resampling_the_examples_gives():
    draw = np.random.default_rng(3)
    second = (draw.random(1500) < 0.8).astype(float)
    first = np.where(draw.random(1500) < 0.1, 1 - second, second)

    found = difference(first, second)

    resampled = bootstrap((first - second,), np.mean, n_resamples=4000, method="percentile", rng=0).confidence_interval
    assert found.interval == pytest.approx((resampled.low, resampled.high), abs=1.5e-3)


def test_a_difference_of_means_over_several_answers_has_an_interval_but_no_mcnemar():
    found = difference(np.array([1.0, 0.5, 1.0, 0.0]), np.array([1.0, 0.0, 1.0, 0.0]))
    assert found.difference == pytest.approx(0.125)
    assert (found.p, found.n_first_only, found.n_second_only) == (None, None, None)


def test_equal_answers_do_not_differ():
    right = np.array([1.0, 0.0, 1.0])
    found = difference(right, right)
    assert (found.difference, found.interval, found.p) == (0.0, (0.0, 0.0), 1.0)


def test_one_example_says_nothing_of_others():
    assert difference(np.array([1.0]), np.array([0.0])).interval == (-1.0, 1.0)
