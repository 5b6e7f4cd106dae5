"""The 95 % intervals hold the planted coefficients in at least 90 of 100 simulated data sets."""

from __future__ import annotations

import pytest

from benchmarks.coverage import DESIGNS, coverage


@pytest.mark.slow
@pytest.mark.parametrize("design", DESIGNS)
def test_intervals_hold_the_truth(design: str):
    held = coverage(DESIGNS[design], data_sets=100, resamples=150)

    assert min(held.values()) >= 90, held
