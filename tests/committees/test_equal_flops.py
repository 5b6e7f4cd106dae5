"""The equal-FLOP question: who can be paid for, who is chosen, and that test has no say in it."""

from __future__ import annotations

import numpy as np
import pytest

from tlm_sweeps.committees.equal_flops import Contender, contest


def contender(name: str, flops: float, valid_nll: float, test_accuracy: float = 0.5) -> Contender:
    """One that is right about a share of 100 examples."""
    right = (np.arange(100) < 100 * test_accuracy).astype(float)
    return Contender(name, flops, valid_nll, 0.5, right)


def test_validation_chooses_on_both_sides_and_test_only_tells():
    committees = [
        contender("one", 100, 0.9, 0.6),
        contender("three", 300, 0.5, 0.7),
        contender("lucky", 300, 0.6, 0.99),
    ]
    singles = [contender("deep", 300, 0.4, 0.65), contender("deeper", 290, 0.41, 0.95)]

    found = contest(committees, singles, 300)

    assert (found.committee, found.single) == (committees[1], singles[0])
    assert found.difference is not None
    assert found.difference.difference == pytest.approx(0.05)
    low, high = found.difference.interval
    assert 0 < low < 0.05 < high


def test_what_costs_more_than_the_total_is_not_chosen_but_for_the_tolerance():
    committees = [contender("cheap", 100, 0.9), contender("rounded", 302, 0.5), contender("dear", 310, 0.1)]
    assert contest(committees, [], 300).committee == committees[1]
    assert contest(committees, [], 300, tolerance=0.0).committee == committees[0]


def test_a_side_that_nothing_pays_for_is_missing_and_nothing_is_compared():
    found = contest([contender("three", 300, 0.5)], [contender("deep", 900, 0.1)], 300)
    assert found.committee is not None
    assert (found.single, found.difference) == (None, None)


def test_of_equally_good_ones_the_cheaper_is_chosen():
    committees = [contender("dear", 300, 0.5), contender("cheap", 100, 0.5)]
    assert contest(committees, [], 300).committee == committees[1]
