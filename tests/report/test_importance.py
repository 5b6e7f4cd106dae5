"""Importance finds a planted cause, and says why when there is nothing to find."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import pytest

from tlm_sweeps.report.axes import axes_of
from tlm_sweeps.report.importance import Importance, importance
from tlm_sweeps.report.sources import SweepResults
from tlm_sweeps.report.statistics import leaderboard
from tlm_sweeps.runs.record import Record
from tlm_sweeps.spec.sweep import SweepSpec

SEARCH = {
    "model.depth": [1, 2, 4, 6],
    "model.heads": [1, 2, 4, 8],
    "training.learning_rate": {"log_uniform": [1e-4, 1e-2]},
}


@pytest.fixture
def planted(make_record: Callable[..., Record], make_spec: Callable[..., SweepSpec]):
    """Importance among trials whose NLL a function of their settings decides."""

    def build(nll_of: Callable[[dict[str, Any]], float], count: int = 48) -> Importance:
        spec = make_spec(search=SEARCH, seeds=1)
        cells = list(itertools.product([1, 2, 4, 6], [1, 2, 4, 8], [2e-4, 1e-3, 5e-3]))[:count]
        settings = [dict(zip(SEARCH, cell, strict=True)) for cell in cells]
        records = [make_record(trial=n, settings=each, val_nll=nll_of(each)) for n, each in enumerate(settings)]
        ranked = leaderboard(SweepResults(spec, tuple(records), {}, 0, "", ""))
        return importance(ranked, axes_of(spec.search))

    return build


@pytest.mark.parametrize("cause", SEARCH)
def test_the_one_that_decides_has_the_largest_share(planted: Callable[..., Importance], cause: str):
    found = planted(lambda settings: 2.0 + settings[cause] * (0.1 if isinstance(settings[cause], int) else 100))
    assert next(iter(found.shares)) == cause
    assert found.shares[cause] > 0.7
    assert sum(found.shares.values()) == pytest.approx(1)


def test_too_few_trials_are_said_to_be_too_few(planted: Callable[..., Importance]):
    found = planted(lambda settings: settings["model.heads"], count=3)
    assert not found.shares
    assert "3 complete trials are too few" in found.reason


def test_one_varying_hyperparameter_needs_no_importance(planted: Callable[..., Importance]):
    found = planted(lambda settings: settings["training.learning_rate"], count=3 * 1)
    assert not found.shares


def test_baselines_do_not_count(make_record: Callable[..., Record], make_spec: Callable[..., SweepSpec]):
    spec = make_spec(search=SEARCH, seeds=1)
    records = tuple(make_record(trial=n, baseline=f"b{n}", settings={"model.depth": 1}) for n in range(9))
    found = importance(leaderboard(SweepResults(spec, records, {}, 0, "", "")), axes_of(spec.search))
    assert found.n_trials == 0
    assert found.reason
