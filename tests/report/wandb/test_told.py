"""What W&B holds of a run is its record again: told by `tracked_run`, read by `told`."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tlm_sweeps.report.sources import SweepResults
from tlm_sweeps.report.wandb.told import HeldRun, measurements_of, records_of, spent_by
from tlm_sweeps.runs.record import Measurement, Record
from tlm_sweeps.spec.sweep import SweepSpec
from tlm_sweeps.tracking import tracked_run
from tlm_sweeps.tracking.tracked_run import PLANNED, TrackedRun

Make = Callable[..., Any]
NLLS = st.floats(min_value=0, max_value=1e6, allow_nan=False)


def held(record: Record, measurements: Sequence[Measurement], place: int = 0, **changes: Any) -> HeldRun:
    """A run as W&B has it once our tracker has told everything: all JSON, the last point in its summary."""
    known = record.model_dump(mode="json")
    run = TrackedRun(
        run_id=record.run_id,
        sweep=record.sweep,
        sweep_fingerprint="f" * 16,
        trial=0,  # an agent numbers the trials of its own ledger, each from 0
        seed=record.seed,
        settings=record.settings,
        spec=record.spec,
        budget_flops=record.budget_flops,
        account="matmul",
        n_params=record.n_params,
        folder=Path("unused"),
        provenance=known["provenance"],
        planned={name: known[name] for name in PLANNED},
    )
    rows = [tracked_run.point(run, each) | {"_step": each.step} for each in measurements]
    told = tracked_run.summary(run, known, record.state)
    facts = {
        "id": f"w{place}",
        "state": "finished",
        "created_at": f"2025-07-02T07:{place // 60:02d}:{place % 60:02d}Z",
        "heartbeat_at": record.finished_at or "",
        "config": tracked_run.config(run),
        "summary": {**(rows[-1] if rows else {}), **told},
        "history": rows,
    }
    return HeldRun(**json.loads(json.dumps(facts | changes)))


def test_every_record_comes_back_whole(make_results: Make):
    results: SweepResults = make_results()
    runs = [held(record, results.curves[record.run_id], place) for place, record in enumerate(results.records)]

    read = records_of(results.spec, runs)

    assert {record.state for record in read} == {"complete", "pruned", "failed", "infeasible"}
    assert len(read) == len(results.records)
    for place, (found, record) in enumerate(zip(read, results.records, strict=True)):
        kept = record
        if record.state == "failed":  # an agent's record of a failed run has no results either
            unmeasured = ("train_nll", "val_nll", "best_step", "steps", "epochs", "wall_seconds")
            kept = kept.model_copy(update=dict.fromkeys(unmeasured))
        assert found == kept
        assert measurements_of(runs[place], "matmul") == tuple(
            each.model_copy(update={"train_flops": {"matmul": each.train_flops["matmul"]}})
            for each in results.curves[record.run_id]
        )


@given(val_nll=NLLS, train_nll=NLLS, test_nll=NLLS)
def test_nlls_come_back_to_the_last_bit(val_nll: float, train_nll: float, test_nll: float, make_record: Make):
    record = make_record(val_nll=val_nll, train_nll=train_nll, test_nll=test_nll)

    (found,) = records_of(_spec(), [held(record, ())])

    assert (found.val_nll, found.train_nll, found.test_nll) == (val_nll, train_nll, test_nll)


def test_runs_of_one_setting_are_a_trial_and_a_seed_again_is_the_next(make_record: Make):
    def run(place: int, depth: int, seed: int) -> HeldRun:
        return held(make_record(settings={"model.depth": depth}, seed=seed), (), place)

    read = records_of(_spec(), [run(4, 1, 0), run(0, 2, 0), run(1, 1, 1), run(2, 2, 1), run(3, 2, 0)])

    # Runs of different agents that call them alike are called as W&B does.
    assert [(each.trial, each.seed, each.run_id, each.settings["model.depth"]) for each in read] == [
        (0, 0, "w0", 2),
        (0, 1, "w2", 2),
        (1, 0, "w4", 1),
        (1, 1, "w1", 1),
        (2, 0, "w3", 2),
    ]


def test_settings_are_in_the_order_of_the_spec_however_wandb_keeps_them(make_record: Make):
    written = _spec().model_dump(mode="json") | {"search": {"model.depth": [1], "model.heads": [2]}}
    spec = SweepSpec.model_validate_json(json.dumps(written))
    told = held(make_record(settings={"model.heads": 2, "model.depth": 1}), ())

    (found,) = records_of(spec, [told])

    assert list(found.settings) == ["model.depth", "model.heads"]


@pytest.mark.parametrize(
    ("state", "read", "reason"),
    [
        ("running", "running", ""),
        ("preempting", "running", ""),
        ("preempted", "waiting", ""),
        ("pending", "waiting", ""),
        ("crashed", "failed", "crashed"),
        ("killed", "failed", "killed"),
        ("failed", "failed", "failed"),
        ("finished", "failed", "without telling"),
    ],
)
def test_a_run_that_told_no_end_is_what_wandb_says_of_it(state: str, read: str, reason: str, make_record: Make):
    on_its_way = {"spent_flops": 5_000_000_000, "val_nll": 3.0, "epochs": 0.2}

    run = held(make_record(), (), state=state, summary=on_its_way)
    (found,) = records_of(_spec(), [run])

    assert (found.state, found.val_nll, found.train_flops) == (read, None, None)
    assert reason in found.reason
    assert spent_by(run, "matmul") == 5_000_000_000


def test_a_proposal_that_no_agent_has_taken_up_waits_with_its_setting():
    told = {"setting": '{"model.depth": 2}', "seed": 1}
    of_baseline = {"setting": '{"baseline": "linear"}'}
    runs = [
        HeldRun("w0", "pending", "1", "", told, {}),
        HeldRun("w1", "pending", "2", "", {"model.depth": 3}, {}),
        HeldRun("w2", "pending", "3", "", of_baseline, {}),
    ]

    read = records_of(_spec(), runs)

    assert [(each.state, each.settings, each.seed, each.baseline) for each in read] == [
        ("waiting", {"model.depth": 2}, 1, None),
        ("waiting", {"model.depth": 3}, 0, None),
        ("waiting", {"model.kind": "linear"}, 0, "linear"),
    ]
    assert {each.budget_flops for each in read} == {30_000_000_000}


def test_a_run_that_cannot_be_read_is_failed_and_says_why(make_record: Make):
    good = held(make_record(), (), 0)
    bad = held(make_record(seed=1), (), 1, summary={**good.summary, "val_nll": "low"})

    first, second = records_of(_spec(), [good, bad])

    assert (first.state, second.state) == ("complete", "failed")
    assert "val_nll" in second.reason


def _spec() -> SweepSpec:
    return SweepSpec.model_validate(
        {
            "name": "quickstart",
            "experiment": {"corpus": {"name": "python-docs"}, "model": {"kind": "transformer"}},
            "search": {"model.depth": [1, 2, 3]},
            "baselines": {"linear": {"model.kind": "linear"}},
            "budget": {"flops": 3e10},
        }
    )
