"""What goes wrong in the midst of a run: the server, the disk. It is said once, and training does not notice."""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Callable
from typing import Any

import pytest

from tlm_sweeps.runs.record import Measurement
from tlm_sweeps.spec.sweep import TrackingSpec
from tlm_sweeps.tracking import wandb_tracker
from tlm_sweeps.tracking.tracked_run import TrackedRun
from tlm_sweeps.tracking.tracker import open_tracker

Measure = Callable[[int], Measurement]
Serve = Callable[[str], Any]
ReadBack = Callable[[TrackedRun], list[Any]]
ProcessOf = Callable[[TrackedRun, str], Any]
ONLINE = TrackingSpec(wandb="online", project="shapes", entity="ann")
OFFLINE = TrackingSpec(wandb="offline", project="shapes")


@pytest.mark.parametrize("trouble", ["fails", "closes"])
def test_a_server_that_stumbles_and_comes_back_has_every_point(
    trouble: str,
    run: TrackedRun,
    measure: Measure,
    serve: Serve,
    monkeypatch: pytest.MonkeyPatch,
    eventually: Callable[..., Any],
    caplog: pytest.LogCaptureFixture,
):
    monkeypatch.setattr(wandb_tracker, "UPLOAD_SECONDS", 60.0)  # a busy machine
    server = serve("good")
    tracker = open_tracker(ONLINE, run)
    tracker.log(measure(0))
    assert server.was_fed.wait(60)
    server.behaviour = trouble
    before = time.monotonic()
    asked = server.requests
    for step in range(1, 10):
        tracker.log(measure(step))
    assert time.monotonic() - before < 5
    eventually(lambda: server.requests > asked)
    server.behaviour = "good"
    tracker.finish({"val_nll": 1.5}, "complete")

    assert not caplog.records
    assert [server.history[line]["_step"] for line in sorted(server.history)] == list(range(10))
    assert server.exit_codes == [0]


@pytest.mark.parametrize("trouble", ["fails", "closes", "refuses", "hangs"])
def test_a_server_that_stays_in_trouble_is_said_once_and_nothing_is_lost(
    trouble: str,
    run: TrackedRun,
    measure: Measure,
    serve: Serve,
    read_back: ReadBack,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
):
    monkeypatch.setattr(wandb_tracker, "UPLOAD_SECONDS", 0.5)
    server = serve("good")
    tracker = open_tracker(ONLINE, run)
    tracker.log(measure(0))
    assert server.was_fed.wait(60)
    server.behaviour = trouble
    for step in range(1, 10):
        tracker.log(measure(step))
    tracker.finish({"val_nll": 1.5}, "complete")

    (said,) = caplog.records
    assert (said.name, said.levelno) == ("tlm_sweeps.tracking", logging.WARNING)
    assert "`tlm-sweeps sync` uploads what is missing" in said.getMessage()
    (kept,) = read_back(run)
    assert [point["_step"] for point in kept.history] == list(range(10))
    assert kept.summary["val_nll"] == 1.5


@pytest.mark.skipif(sys.platform != "linux", reason="bounds what another process may write")
@pytest.mark.parametrize("who", ["tlm-wandb-run", "wandb-core"])
def test_a_disk_that_fills_up_under_wandb_is_said_once(
    who: str,
    run: TrackedRun,
    measure: Measure,
    process_of: ProcessOf,
    watch: Callable[[TrackedRun, str, int], None],
    caplog: pytest.LogCaptureFixture,
):
    import resource  # not everywhere

    tracker = open_tracker(OFFLINE, run)
    tracker.log(measure(0))
    watch(run, "history", 1)
    resource.prlimit(process_of(run, who).pid, resource.RLIMIT_FSIZE, (1, 1))
    for step in range(1, 10):
        tracker.log(measure(step))
    tracker.finish({"val_nll": 1.5}, "complete")

    (said,) = caplog.records
    assert "is not whole (is the disk full?)" in said.getMessage()
