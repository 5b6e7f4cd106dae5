"""The real client against a W&B server on the loopback: a good one, and every bad one that we could think of."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tlm_sweeps.runs.record import Measurement
from tlm_sweeps.spec.sweep import TrackingSpec
from tlm_sweeps.tracking import wandb_tracker
from tlm_sweeps.tracking.tracked_run import TrackedRun, wandb_id
from tlm_sweeps.tracking.tracker import open_tracker

Measure = Callable[[int], Measurement]
Serve = Callable[[str], Any]
ReadBack = Callable[[TrackedRun], list[Any]]
ONLINE = TrackingSpec(wandb="online", project="shapes", entity="ann")
MARGIN_SECONDS = 20
"""Generous: a busy machine may be slow, but a server that is waited for takes minutes."""


def test_a_good_server_gets_the_run_and_a_later_session_adds_to_it(
    run: TrackedRun, measure: Measure, serve: Serve, caplog: pytest.LogCaptureFixture
):
    server = serve("good")
    first = open_tracker(ONLINE, run)
    first.log(measure(1))
    first.log(measure(2))
    first.mark_preempted()
    second = open_tracker(ONLINE, replace(run, resumed_from_step=2))
    second.log(measure(3))
    second.finish({"val_nll": 1.0}, "complete")

    assert not caplog.records
    assert {asked["name"] for asked in server.upserts} == {wandb_id(run)}
    opened = server.upserts[0]
    assert (opened["project"], opened["entity"], opened["jobType"]) == ("shapes", "ann", "train")
    assert (opened["displayName"], opened["groupName"]) == ("quickstart-0003-s0", "quickstart-trial-0003")
    assert [server.history[line]["_step"] for line in sorted(server.history)] == [1, 2, 3]
    assert [server.history[line]["spent_flops"] for line in sorted(server.history)] == [10**12, 2 * 10**12, 3 * 10**12]
    assert server.exit_codes == [1, 0]


def test_no_bad_server_is_waited_for_and_the_run_is_kept_offline(
    run: TrackedRun,
    measure: Measure,
    serve: Serve,
    monkeypatch: pytest.MonkeyPatch,
    read_back: ReadBack,
    eventually: Callable[..., Any],
    caplog: pytest.LogCaptureFixture,
):
    monkeypatch.setattr(wandb_tracker, "INIT_SECONDS", 3.0)  # for a quick test
    monkeypatch.setattr(wandb_tracker, "FINISH_SECONDS", 5.0)
    runs, trackers = {}, {}
    before = time.monotonic()
    for behaviour in ("refuses", "hangs", "fails", "closes", "nobody is logged in"):
        if behaviour == "nobody is logged in":
            monkeypatch.delenv("WANDB_API_KEY")
        else:
            serve(behaviour)
        runs[behaviour] = replace(run, folder=_folder(run, behaviour))
        trackers[behaviour] = open_tracker(ONLINE, runs[behaviour])
    for tracker in trackers.values():
        for step in range(10):
            tracker.log(measure(step))
    assert time.monotonic() - before < MARGIN_SECONDS
    for tracker in trackers.values():
        before = time.monotonic()
        tracker.finish({"val_nll": 1.5}, "complete")
        assert time.monotonic() - before < wandb_tracker.FINISH_SECONDS + MARGIN_SECONDS

    assert [(said.name, said.levelno) for said in caplog.records] == [("tlm_sweeps.tracking", logging.WARNING)] * 5
    for behaviour, bad in runs.items():
        (offline,) = eventually(lambda: [part for part in read_back(bad) if part.exit_codes == [0] and part.history])  # noqa: B023 - called at once
        assert len(offline.history) == 10, behaviour
        assert offline.summary["val_nll"] == 1.5, behaviour


def test_a_server_that_goes_away_takes_nothing_with_it(
    run: TrackedRun,
    measure: Measure,
    serve: Serve,
    monkeypatch: pytest.MonkeyPatch,
    read_back: ReadBack,
    eventually: Callable[..., Any],
):
    monkeypatch.setattr(wandb_tracker, "FINISH_SECONDS", 5.0)
    server = serve("goes away")
    tracker = open_tracker(ONLINE, run)
    tracker.log(measure(0))
    assert server.was_fed.wait(60)
    before = time.monotonic()
    for step in range(1, 10):
        tracker.log(measure(step))
    tracker.finish({"val_nll": 1.5}, "complete")
    assert time.monotonic() - before < wandb_tracker.FINISH_SECONDS + MARGIN_SECONDS
    (kept,) = eventually(lambda: [part for part in read_back(run) if part.summary.get("val_nll") == 1.5])
    assert [point["_step"] for point in kept.history] == list(range(10))


def _folder(run: TrackedRun, behaviour: str) -> Path:
    folder = run.folder.with_name(f"{run.folder.name}-{behaviour.replace(' ', '-')}")
    folder.mkdir()
    return folder
