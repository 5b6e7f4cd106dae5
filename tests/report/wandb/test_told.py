"""What W&B holds of a run is its record again: told by `tracked_run`, read by `told`."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tlm_sweeps.report.sources import SweepResults
from tlm_sweeps.report.wandb.told import HeldRun, measurements_of, records_of, spent_by
from tlm_sweeps.runs.record import LabelScores, Measurement, Record
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


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"seed": 1.5}, "seed: `1.5` is no whole number"),
        ({"seed": "one"}, 'seed: `"one"` is no whole number'),
        ({"seed": True}, "seed: `true` is no whole number"),
        ({"budget": {"flops": "much"}}, 'budget.flops: `"much"` is no whole number'),
        ({"budget": {"flops": float("nan")}}, "budget.flops: `nan` is no whole number"),
        ({"baseline": ["linear"]}, 'baseline: `["linear"]` is no name'),
        ({"settings": {"training": {"learning_rate": float("inf")}}}, "settings: value"),
        ({"provenance": "laptop"}, 'provenance: `"laptop"` is no mapping'),
        ({"provenance": {"corpus": "words.txt"}}, 'provenance.corpus: `"words.txt"` is no mapping'),
        ({"provenance": {"versions": ["3.11"]}}, 'provenance.versions: `["3.11"]` is no mapping'),
        ({"fingerprint": 12}, "fingerprint"),
        ({"n_params": [1]}, "n_params"),
    ],
)
def test_a_config_that_somebody_changed_is_a_failed_record_that_says_so(
    changes: dict[str, Any], reason: str, make_record: Make
):
    good, bad = held(make_record(), (), 0), held(make_record(seed=1), (), 1)

    runs = [good, replace(bad, config={**bad.config, **changes})]
    whole, unread = sorted(records_of(_spec(), runs), key=lambda each: each.state)

    assert (whole.state, whole.seed, unread.state) == ("complete", 0, "failed")
    assert unread.reason.startswith("what W&B holds of it cannot be read: ")
    assert reason in unread.reason
    assert unread.train_flops is None


def test_a_run_id_that_is_none_is_not_used(make_record: Make):
    told = held(make_record(), ())

    (found,) = records_of(_spec(), [replace(told, config={**told.config, "run_id": ["r"]})])

    assert (found.run_id, found.state) == ("w0", "complete")


def test_whole_numbers_are_read_however_wandb_writes_them(make_record: Make, make_results: Make):
    """The server's JSON has some integers as floats: counts of 2**63 and more for certain."""
    much = 2**64
    results: SweepResults = make_results()
    record = make_record(seed=1, budget_flops=much, train_flops={"matmul": much, "6N": 1, "6ND": 2})
    told = held(record, results.curves[results.records[0].run_id])
    run = replace(
        told,
        config={**told.config, "seed": 1.0, "budget": {"flops": float(much)}},
        summary={**told.summary, "train_flops_matmul": float(much)},
        history=[{**row, "spent_flops": float(much)} for row in told.history],
    )

    (found,) = records_of(_spec(), [run])

    assert (found.state, found.seed, found.budget_flops) == ("complete", 1, much)
    assert (found.train_flops or {})["matmul"] == spent_by(run, "matmul") == much
    points = measurements_of(run, "matmul")
    assert len(points) == len(told.history)
    assert {point.train_flops["matmul"] for point in points} == {much}


def test_points_are_read_once_and_in_order_however_wandb_has_them(make_results: Make):
    results: SweepResults = make_results()
    record = results.records[0]
    told = held(record, results.curves[record.run_id])
    first, second, *rest = told.history
    old = {**second, "val_nll": 9.0}  # measured before a checkpoint, and again after it

    read = measurements_of(replace(told, history=[old, *reversed(rest), second, first]), "matmul")

    assert read == measurements_of(told, "matmul")
    assert len(read) > 2


@pytest.mark.parametrize("told", ["much", float("nan"), float("inf"), None, True, [1]])
def test_what_is_no_count_of_flops_was_not_spent(told: Any, make_record: Make):
    run = held(make_record(), ())

    assert spent_by(replace(run, summary={"spent_flops": told}), "matmul") == 0


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


def test_scores_of_labels_come_back(make_record: Make):
    scores = LabelScores(n=10, n_correct=8, accuracy=0.8, interval=(0.4902, 0.9433), macro_f1=0.75)
    measured = Measurement(
        step=5,
        epochs=1.0,
        train_flops={"matmul": 10**9},
        train_nll=1.0,
        val_nll=1.1,
        learning_rate=1e-3,
        wall_seconds=1.0,
        val_accuracy=0.75,
    )
    run = held(make_record(test_scores=scores), (measured,))

    (found,) = records_of(_spec(), [run])

    assert found.test_scores == scores
    assert [each.val_accuracy for each in measurements_of(run, "matmul")] == [0.75]


@pytest.mark.parametrize("predict", ["masked", "label"])
def test_nothing_is_told_in_bits_per_character_of_what_reads_pieces(make_record: Make, predict: str):
    record = make_record()
    spec = {**record.spec, "corpus": {"level": "char"}, "passages": {"length": 8}, "training": {"predict": predict}}

    run = held(record.model_copy(update={"spec": spec}), ())

    assert not [name for name in run.summary if "bits" in name]
