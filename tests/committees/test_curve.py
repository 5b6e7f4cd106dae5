"""Accuracy against size: committees counted, means and spreads by brute force, planted gains and none."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tlm_sweeps.committees.combining import RULES, Rule
from tlm_sweeps.committees.curve import Examined, SizePoint, size_curve
from tlm_sweeps.committees.subsets import subsets


@given(members=st.integers(1, 9), data=st.data(), most=st.integers(1, 60), seed=st.integers(0, 3))
def test_committees_are_all_there_are_or_a_sample_without_repetition(
    members: int, data: st.DataObject, most: int, seed: int
):
    size = data.draw(st.integers(1, members))

    found = subsets(members, size, most, seed)

    possible = math.comb(members, size)
    assert found.n_possible == possible
    assert len(found.chosen) == min(possible, most)
    assert found.is_all == (possible <= most)
    assert set(found.chosen) <= set(itertools.combinations(range(members), size))
    assert len(set(found.chosen)) == len(found.chosen)
    assert found == subsets(members, size, most, seed)


def test_a_sample_favours_no_member():
    seen = np.bincount(np.ravel(subsets(40, 10, most=2000).chosen), minlength=40)
    expected, deviation = 2000 * 10 / 40, math.sqrt(2000 * 0.25 * 0.75)
    assert np.abs(seen - expected).max() < 4.5 * deviation


def test_means_and_spreads_are_those_over_all_committees():
    examined = noisy(members=4, n=30)

    found = point(size_curve(examined, examined, [2]), "mean logit", 2)

    pairs = list(itertools.combinations(range(4), 2))
    right = np.array([examined.logits[list(pair)].sum(0).argmax(-1) == examined.labels for pair in pairs])
    assert found.committees.chosen == tuple(pairs)
    assert found.test_accuracies == pytest.approx(right.mean(axis=1))
    assert found.test_accuracy == pytest.approx(right.mean())
    assert found.test_spread == pytest.approx(right.mean(axis=1).std(ddof=1))
    np.testing.assert_allclose(found.test_right, right.mean(axis=0))


@pytest.mark.parametrize("rule", RULES)
def test_members_that_err_independently_gain_and_copies_of_one_do_not(rule: Rule):
    apart, one = noisy(members=7, n=2000), noisy(members=1, n=2000)
    copies = Examined(np.concatenate([one.logits] * 7), one.labels)

    gained = {size: point(size_curve(apart, apart, [size]), rule, size).test_accuracy for size in (1, 3, 7)}
    same = {size: point(size_curve(copies, copies, [size]), rule, size).test_accuracy for size in (1, 3, 7)}

    assert gained[1] + 0.05 < gained[3]
    assert gained[3] + 0.05 < gained[7]
    assert same[1] == pytest.approx(same[3]) == pytest.approx(same[7])


def test_a_single_committee_has_no_spread():
    examined = noisy(members=3, n=10)
    assert point(size_curve(examined, examined, [3]), "majority vote", 3).test_spread is None


def test_validation_and_test_are_kept_apart():
    good, bad = noisy(members=2, n=50, skill=50.0), noisy(members=2, n=40, skill=-50.0)
    found = point(size_curve(good, bad, [2]), "mean probability", 2)
    assert (found.valid_accuracy, found.test_accuracy) == (1.0, 0.0)
    assert found.valid_nll < 1e-6 < found.test_nll


def noisy(*, members: int, n: int, skill: float = 1.0) -> Examined:
    """Members that err independently of each other."""
    draw = np.random.default_rng(members)
    labels = np.arange(n) % 4
    return Examined(draw.normal(size=(members, n, 4)) + skill * np.eye(4)[labels], labels)


def point(points: list[SizePoint], rule: Rule, size: int) -> SizePoint:
    """The point of a rule and a size."""
    return next(each for each in points if (each.rule, each.size) == (rule, size))
