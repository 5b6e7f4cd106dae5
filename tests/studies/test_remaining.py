"""What is left of a sweep: what has no record that is over, with its cost."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tlm_sweeps.compute.planning import SweepPlan
from tlm_sweeps.report.sources import SweepResults
from tlm_sweeps.spec.sweep import SweepSpec
from tlm_sweeps.studies.remaining import planned_runs, remaining

Planned = Callable[[str], tuple[SweepSpec, SweepPlan]]
FILE = "sweep-heads.yaml"
"""Three cells, five seeds."""


@pytest.fixture
def sweep(trained: Callable[..., SweepResults]) -> SweepResults:
    return trained(FILE, lambda _, seed: 2.3 + 0.01 * seed)


def test_of_a_sweep_that_is_not_begun_everything_is_left(planned: Planned, sweep: SweepResults):
    spec, plan = planned(FILE)
    left = remaining(spec, plan, (), workers=1)
    assert (left.runs, left.of_runs, left.account) == (15, 15, "2nd")
    assert left.train_flops == sum((record.train_flops or {})["2nd"] for record in sweep.records)
    seconds = [trial.cost.predicted_seconds for trial in plan.trials if trial.cost]
    assert left.seconds == pytest.approx(5 * sum(seconds))
    assert 0.4 * left.seconds < remaining(spec, plan, (), workers=2).seconds < 0.7 * left.seconds


@pytest.mark.parametrize(
    ("state", "is_over"),
    [
        ("complete", True),
        ("failed", True),
        ("pruned", True),
        ("infeasible", True),
        ("waiting", False),
        ("running", False),
    ],
)
def test_a_run_is_over_however_it_ended_and_not_before(
    planned: Planned, sweep: SweepResults, state: str, is_over: bool
):
    spec, plan = planned(FILE)
    first, *others = (record.model_copy(update={"state": state}) for record in sweep.records)
    left = remaining(spec, plan, [first], workers=1)
    cost = (first.train_flops or {})["2nd"]
    everything = remaining(spec, plan, (), workers=1)
    assert (left.runs, left.of_runs) == (14 if is_over else 15, 15)
    assert left.train_flops == everything.train_flops - is_over * cost
    assert remaining(spec, plan, [first, *others], workers=1).runs == (0 if is_over else 15)


def test_a_run_of_another_setting_or_seed_is_none_of_the_plan_s(planned: Planned, sweep: SweepResults):
    spec, plan = planned(FILE)
    changes: list[dict[str, Any]] = [{"seed": 5}, {"fingerprint": "of another experiment"}]
    others = [sweep.records[0].model_copy(update=change) for change in changes]
    assert remaining(spec, plan, others, workers=1).runs == 15


def test_every_planned_run_is_foreseen(planned: Planned, sweep: SweepResults):
    _, plan = planned(FILE)
    assert planned_runs(plan) == {(record.fingerprint, record.seed) for record in sweep.records}
