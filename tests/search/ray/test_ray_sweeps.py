"""A sweep on a Ray cluster of several nodes here, of which much is killed: the Ray fault harness, briefly."""

import importlib.util
import sys
from pathlib import Path

import pytest

from tests.faults.ray import Asked, disturbed_on_ray

pytestmark = [
    pytest.mark.service,
    pytest.mark.slow,
    pytest.mark.skipif(importlib.util.find_spec("ray") is None, reason="Ray is not installed (extra `ray`)"),
    pytest.mark.skipif(sys.platform != "linux", reason="it looks for processes with ps"),
]


def test_whatever_is_killed_the_sweep_ends_as_a_local_one_that_nothing_happened_to(tmp_path: Path):
    report = disturbed_on_ray(Asked(seed=1, trials=8, kills=3, restarts=1), tmp_path)
    assert not report.broken, report.killed
    assert report.count.runs == 8
