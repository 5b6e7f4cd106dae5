"""Means and intervals against scipy's own, and verdicts that follow from them."""

from __future__ import annotations

import math

import pytest
import scipy.stats
from hypothesis import given
from hypothesis import strategies as st

from tlm_sweeps.report.certainty import compare, estimate

NLLS = st.lists(st.floats(0.5, 8.0), min_size=2, max_size=12)


@given(NLLS)
def test_the_interval_is_scipys_t_interval(nlls: list[float]):
    found = estimate(nlls)
    error = scipy.stats.sem(nlls)
    assert found.mean == pytest.approx(sum(nlls) / len(nlls))
    if error > 1e-9:
        low, high = scipy.stats.t.interval(0.95, len(nlls) - 1, loc=found.mean, scale=error)
        assert found.interval == pytest.approx((low, high), rel=1e-6)


def test_a_textbook_interval():
    # Ten values of mean 50 and sample deviation 10: 50 ± 2.262 · 10 / √10, from a printed t table.
    tenth = 10 / math.sqrt(10 / 9)
    found = estimate([50 + tenth] * 5 + [50 - tenth] * 5)
    assert found.half_width == pytest.approx(2.262 * 10 / math.sqrt(10), rel=1e-3)


def test_one_seed_has_a_mean_and_no_interval():
    assert estimate([2.5]).interval is None


@given(NLLS, st.floats(-3, 3))
def test_shifting_every_value_shifts_the_interval(nlls: list[float], shift: float):
    before, after = estimate(nlls).interval, estimate([nll + shift for nll in nlls]).interval
    assert before is not None
    assert after == pytest.approx((before[0] + shift, before[1] + shift), abs=1e-6)


def test_seeds_are_paired():
    # Far apart between seeds, but always the same difference: clear only when seeds are compared with themselves.
    lead = compare({0: 1.0, 1: 3.0, 2: 2.0}, {0: 1.101, 1: 3.1, 2: 2.099})
    assert lead is not None
    assert lead.difference.mean == pytest.approx(0.1)
    assert lead.verdict == "clear"


def test_a_difference_smaller_than_its_spread_is_noise():
    lead = compare({0: 2.0, 1: 2.2, 2: 2.1}, {0: 2.3, 1: 2.1, 2: 2.05})
    assert lead is not None
    assert lead.verdict == "within noise"


def test_only_common_seeds_are_compared():
    lead = compare({0: 2.0, 1: 2.0}, {1: 2.5, 2: 9.0})
    assert lead is not None
    assert lead.difference.mean == pytest.approx(0.5)
    assert lead.verdict == "cannot tell"
    assert compare({0: 2.0}, {1: 2.0}) is None
