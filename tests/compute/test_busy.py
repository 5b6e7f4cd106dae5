"""Busy cores: read off two looks at the system's own count of ticks, and off the real machine."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tlm_sweeps.compute.busy import busy_between, busy_cores
from tlm_sweeps.compute.machine import cores

MINE = min(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 0


def test_the_share_between_two_looks_counts():
    """Of 100 ticks of our core 60 were idle and 10 waited for a disk."""
    before = f"cpu  1 1 1 1\ncpu{MINE} 100 0 0 800 100 0 0 0 0 0\nintr 5\n"
    after = f"cpu  2 2 2 2\ncpu{MINE} 130 0 0 860 110 0 0 0 30 0\nintr 6\n"
    assert busy_between(before, after) == pytest.approx(0.3)


def test_without_ticks_it_is_the_load_average_where_there_is_one(tmp_path: Path):
    assert busy_cores(0, tmp_path) == pytest.approx(os.getloadavg()[0], abs=0.5)


def test_this_machine_says_something_that_can_be():
    found = busy_cores(0.02)
    assert found is not None
    assert 0 <= found <= max(cores(), len(os.sched_getaffinity(0)))
