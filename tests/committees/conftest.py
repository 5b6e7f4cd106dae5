"""A runs folder with a sweep of shallow members and one of deep models, which disagree as a test expects."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.committees.fine_tuned_runs import fine_tuned_sweep, said


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    """Four shallow members, of 1,000 pre-training FLOPs each, and two deep models of 3,000."""
    folder = tmp_path / "runs"
    fine_tuned_sweep(folder, "shallow", [said(seed) for seed in range(4)])
    fine_tuned_sweep(folder, "deep", [said(seed, skill=2.0) for seed in (10, 11)], depth=3, flops=3000, first_seed=10)
    return folder
