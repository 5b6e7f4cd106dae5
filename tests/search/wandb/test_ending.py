"""What W&B's client did not hear of a run is filled in from the ledger, where it belongs."""

from __future__ import annotations

import json
from typing import Any

import pytest
from wandb.proto.wandb_internal_pb2 import Record as Entry  # pyright: ignore[reportAttributeAccessIssue] - made at run time

from tlm_sweeps.runs.record import Measurement, Record, State
from tlm_sweeps.search.wandb.ending import as_recorded
from tlm_sweeps.search.wandb.joining import JoinedRun, joined
from tlm_sweeps.search.wandb.transaction_log import write_log


def test_points_that_were_not_heard_are_filled_in_wherever_they_lack():
    whole = as_recorded(_kept(20, 40), _record("complete"), [_measured(step) for step in (10, 20, 30, 40, 50)])
    assert whole.steps == (10, 20, 30, 40, 50)
    assert (whole.last_step, whole.state) == (50, "complete")
    told = _summary(whole)
    assert (told["spent_flops"], told["_step"], told["val_nll"], told["state"]) == (5000, 50, 1.5, "complete")


def test_a_hole_alone_is_filled_in_too():
    whole = as_recorded(
        _kept(10, 30, state="complete"), _record("complete"), [_measured(step) for step in (10, 20, 30)]
    )
    assert whole.steps == (10, 20, 30)


def test_a_run_of_which_all_was_heard_stays_as_it_is():
    kept = _kept(10, 20, state="complete")
    assert as_recorded(kept, _record("complete"), [_measured(10), _measured(20)]) is kept


def test_a_failed_run_without_a_result_is_given_none():
    told = _summary(as_recorded(_kept(10), _record("failed"), [_measured(10)]))
    assert (told["val_nll"], told["state"], told["spent_flops"]) == (None, "failed", 1000)


@pytest.mark.parametrize(
    ("sweep_id", "state", "exit_code"),
    [("abcd1234", "failed", 0), ("", "failed", 1), ("", "complete", 0), ("", "pruned", 0)],
)
def test_only_a_run_of_no_w_and_b_sweep_ends_with_an_error(sweep_id: str, state: State, exit_code: int):
    """A run of a sweep is preemptible: W&B would hand out again what ended with an error."""
    whole = as_recorded(_kept(10, sweep_id=sweep_id), _record(state), [_measured(10)])
    (ended,) = (entry for kind, entry in _entries(whole) if kind == "exit")
    assert ended.exit.exit_code == exit_code


def _kept(*steps: int, state: str | None = None, sweep_id: str = "abcd1234") -> JoinedRun:
    """A run as the client kept it."""
    run = Entry()
    run.run.run_id, run.run.sweep_id = "a", sweep_id
    points = [Entry() for _ in steps]
    for point, step in zip(points, steps, strict=True):
        point.history.step.num = step
    ended = [Entry()] if state else []
    for each in ended:
        each.summary.update.add(key="state", value_json=json.dumps(state))
    return joined([write_log([each.SerializeToString() for each in (run, *points, *ended)])], None)


def _record(state: State) -> Record:
    return Record(
        run_id="tiny-0000-s0",
        sweep="tiny",
        trial=0,
        seed=0,
        state=state,
        settings={},
        spec={},
        fingerprint="f",
        train_flops={"matmul": 5000},
        val_nll=1.5,
    )


def _measured(step: int) -> Measurement:
    return Measurement(
        step=step,
        epochs=step / 100,
        train_flops={"matmul": step * 100},
        train_nll=2.0,
        val_nll=2.5,
        learning_rate=0.1,
        wall_seconds=1.0,
    )


def _summary(run: JoinedRun) -> dict[str, Any]:
    updates = [entry.summary.update for kind, entry in _entries(run) if kind == "summary"]
    return {item.key: json.loads(item.value_json) for update in updates for item in update}


def _entries(run: JoinedRun) -> list[tuple[str, Any]]:
    found = []
    for kind, _, content in run.entries:
        entry = Entry()
        entry.ParseFromString(content)
        found.append((kind, entry))
    return found
