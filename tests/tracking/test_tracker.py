"""The contract of every tracker: any call, in any order, whatever is wrong outside; nothing raised, nobody waits."""

from __future__ import annotations

import logging
import os
import signal
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tlm_sweeps.runs.record import Measurement
from tlm_sweeps.spec.sweep import TrackingSpec
from tlm_sweeps.tracking import wandb_tracker
from tlm_sweeps.tracking.tracked_run import TrackedRun
from tlm_sweeps.tracking.tracker import Silent, open_tracker

Measure = Callable[[int], Measurement]
ProcessOf = Callable[[TrackedRun, str], Any]
everywhere = pytest.mark.parametrize(
    "tracking", [TrackingSpec(), TrackingSpec(wandb="offline")], ids=["off", "offline"]
)


@everywhere
def test_a_run_even_a_diverged_one_is_told_until_it_is_finished_and_then_no_more(
    tracking: TrackingSpec, run: TrackedRun, measure: Measure, caplog: pytest.LogCaptureFixture
):
    tracker = open_tracker(tracking, run)
    tracker.log(measure(1))
    tracker.log(measure(2).model_copy(update={"val_nll": float("nan"), "train_nll": float("inf")}))
    tracker.finish({"val_nll": float("nan"), "reason": "diverged"}, "failed")
    tracker.log(measure(3))
    tracker.finish({}, "complete")
    tracker.mark_preempted()
    assert not caplog.records


@everywhere
def test_a_run_can_be_interrupted_before_its_first_measurement(
    tracking: TrackingSpec, run: TrackedRun, caplog: pytest.LogCaptureFixture
):
    open_tracker(tracking, run).mark_preempted()
    assert not caplog.records


@everywhere
def test_a_folder_that_cannot_be_written_is_no_reason_to_stop(
    tracking: TrackingSpec, run: TrackedRun, measure: Measure, tmp_path: Path
):
    (tmp_path / "a file").write_text("")
    tracker = open_tracker(tracking, replace(run, folder=tmp_path / "a file" / "run"))
    tracker.log(measure(1))
    tracker.finish({}, "complete")


@everywhere
def test_what_wandb_cannot_take_is_no_reason_to_stop(tracking: TrackingSpec, run: TrackedRun, measure: Measure):
    circular: dict[str, object] = {}
    circular["itself"] = circular
    tracker = open_tracker(tracking, replace(run, provenance=circular, tags=("t" * 65,)))
    tracker.log(measure(1))
    tracker.log(measure(2).model_copy(update={"train_flops": {}}))
    tracker.finish({"train_flops": "many"}, "complete")


def test_off_is_silent(run: TrackedRun):
    assert isinstance(open_tracker(TrackingSpec(), run), Silent)
    assert not list(run.folder.iterdir())


def test_what_is_wrong_is_said_once(run: TrackedRun, measure: Measure, caplog: pytest.LogCaptureFixture):
    tracker = open_tracker(TrackingSpec(wandb="offline", tags=("x",)), replace(run, tags=("t" * 65,)))
    tracker.finish({}, "complete")
    tracker.log(measure(1))
    (said,) = caplog.records
    assert (said.name, said.levelno) == ("tlm_sweeps.tracking", logging.WARNING)
    assert run.run_id in said.getMessage()
    assert "Tags must be between 1 and 64 characters" in (run.folder / "wandb" / "tracking.log").read_text()


@pytest.mark.skipif(sys.platform != "linux", reason="finds W&B's process in /proc")
def test_a_wandb_process_that_stands_still_is_never_waited_for(
    run: TrackedRun,
    measure: Measure,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
    process_of: ProcessOf,
):
    monkeypatch.setattr(wandb_tracker, "FINISH_SECONDS", 0.5)
    tracker = open_tracker(TrackingSpec(wandb="offline"), run)
    process = process_of(run, "tlm-wandb-run").pid
    os.kill(process, signal.SIGSTOP)
    try:
        before = time.monotonic()
        for step in range(30_000):  # far more than a pipe holds
            tracker.log(measure(step))
        tracker.finish({}, "complete")
        assert time.monotonic() - before < 30
        assert len(caplog.records) == 1
    finally:
        os.kill(process, signal.SIGKILL)


@pytest.mark.skipif(sys.platform != "linux", reason="finds W&B's process in /proc")
def test_a_wandb_process_that_dies_is_not_missed(
    run: TrackedRun, measure: Measure, caplog: pytest.LogCaptureFixture, process_of: ProcessOf
):
    tracker = open_tracker(TrackingSpec(wandb="offline"), run)
    process = process_of(run, "tlm-wandb-run").pid
    os.kill(process, signal.SIGKILL)
    for step in range(100):
        tracker.log(measure(step))
    tracker.finish({}, "complete")
    assert len(caplog.records) == 1
