"""A run of a W&B sweep: under that sweep, under the id that it was given, and run again only when its machine died."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from tlm_sweeps.runs.record import Measurement, State
from tlm_sweeps.spec.sweep import TrackingSpec
from tlm_sweeps.tracking.tracked_run import TrackedRun, WandbPlace
from tlm_sweeps.tracking.tracker import open_tracker

Measure = Callable[[int], Measurement]
Serve = Callable[[str], Any]
ReadBack = Callable[[TrackedRun], list[Any]]
ONLINE = TrackingSpec(wandb="online", project="shapes", entity="ann")
OFFLINE = TrackingSpec(wandb="offline", project="shapes")


@pytest.fixture
def swept(run: TrackedRun) -> TrackedRun:
    """The run, as a proposal of a W&B sweep."""
    place = WandbPlace(sweep_id="abcd1234", run_id="q7x1", group="shapes-00ff", config={"setting": "{}"})
    return replace(run, place=place)


def test_a_run_is_under_its_sweep_and_marked_from_the_start(
    swept: TrackedRun, measure: Measure, serve: Serve, caplog: pytest.LogCaptureFixture, eventually: Callable[..., Any]
):
    server = serve("good")
    tracker = open_tracker(ONLINE, swept)
    eventually(lambda: server.preempting_at)
    assert not server.history
    tracker.log(measure(1))
    tracker.finish({"reason": "diverged: the training loss is nan by step 3"}, "failed")

    assert not caplog.records
    opened = server.upserts[0]
    told = (opened["project"], opened["entity"], opened["name"], opened["sweep"], opened["groupName"])
    assert told == ("shapes", "ann", "q7x1", "abcd1234", "shapes-00ff")
    assert '"setting"' in opened["config"]
    assert server.exit_codes == [0]


def test_another_machine_goes_on_from_the_start_and_no_point_is_there_twice(
    swept: TrackedRun, measure: Measure, serve: Serve, caplog: pytest.LogCaptureFixture
):
    server = serve("good")
    here = open_tracker(ONLINE, swept)
    for step in (1, 2, 3):
        here.log(measure(step))
    here.mark_preempted()
    there = swept.folder.with_name("elsewhere")
    there.mkdir()
    again = open_tracker(ONLINE, replace(swept, folder=there))
    for step in (1, 2, 3, 4):
        again.log(measure(step))
    again.finish({"val_nll": 1.0}, "complete")

    assert not caplog.records
    assert {asked["name"] for asked in server.upserts} == {"q7x1"}
    assert [server.history[line]["_step"] for line in sorted(server.history)] == [1, 2, 3, 4]
    assert server.exit_codes == [1, 0]


@pytest.mark.parametrize("state", ["complete", "pruned", "infeasible", "failed"])
def test_offline_a_run_keeps_its_place_and_ends_well_however_it_ends(
    state: State, swept: TrackedRun, measure: Measure, read_back: ReadBack, caplog: pytest.LogCaptureFixture
):
    tracker = open_tracker(OFFLINE, swept)
    if state != "infeasible":
        tracker.log(measure(1))
    tracker.finish({"reason": "why"}, state)

    assert not caplog.records
    (kept,) = read_back(swept)
    assert (kept.run["run_id"], kept.run["sweep_id"], kept.run["run_group"]) == ("q7x1", "abcd1234", "shapes-00ff")
    assert (kept.summary["state"], kept.summary["reason"]) == (state, "why")
    assert kept.exit_codes == [0]


def test_where_the_server_is_gone_a_run_keeps_its_place_too(
    swept: TrackedRun, measure: Measure, serve: Serve, read_back: ReadBack, caplog: pytest.LogCaptureFixture
):
    serve("refuses")
    tracker = open_tracker(ONLINE, swept)
    tracker.log(measure(1))
    tracker.mark_preempted()
    assert [said.levelno for said in caplog.records] == [logging.WARNING]
    kept = next(part for part in read_back(swept) if part.history)
    assert (kept.run["run_id"], kept.run["sweep_id"]) == ("q7x1", "abcd1234")
    assert kept.exit_codes == [1]
