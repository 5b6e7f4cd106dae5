"""W&B's processes come from one that is kept warm; nothing of a run depends on its health."""

from __future__ import annotations

import contextlib
import logging
import os
import pickle
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tlm_sweeps.runs.record import Measurement
from tlm_sweeps.spec.sweep import TrackingSpec
from tlm_sweeps.tracking import wandb_starting, wandb_tracker
from tlm_sweeps.tracking.tracked_run import TrackedRun
from tlm_sweeps.tracking.tracker import open_tracker

Measure = Callable[[int], Measurement]
ProcessOf = Callable[[TrackedRun, str], Any]
NurseryOf = Callable[[TrackedRun], int]
ReadBack = Callable[[TrackedRun], list[Any]]
Eventually = Callable[[Callable[[], Any]], Any]
OFFLINE = TrackingSpec(wandb="offline", project="shapes")
linux = pytest.mark.skipif(sys.platform != "linux", reason="finds W&B's processes in /proc, and only forks there")


@pytest.fixture(autouse=True)
def _own_nursery() -> Iterator[None]:
    """No test here gets or leaves a nursery that another has hurt."""
    wandb_starting.close_nursery()
    yield
    wandb_starting.close_nursery()


@pytest.fixture
def another(run: TrackedRun) -> Callable[[str], TrackedRun]:
    """More runs, each with a folder of its own."""

    def make(run_id: str) -> TrackedRun:
        folder = run.folder.with_name(run_id)
        folder.mkdir()
        return replace(run, run_id=run_id, folder=folder)

    return make


def _track(run: TrackedRun, measure: Measure) -> None:
    tracker = open_tracker(OFFLINE, run)
    tracker.log(measure(1))
    tracker.finish({"val_nll": 1.5}, "complete")


def _is_whole(run: TrackedRun, read_back: ReadBack) -> bool:
    (kept,) = read_back(run)
    return [point["_step"] for point in kept.history] == [1] and kept.exit_codes == [0]


@linux
def test_runs_at_the_same_time_and_one_after_the_other_come_from_one_nursery_and_stay_apart(
    run: TrackedRun,
    another: Callable[[str], TrackedRun],
    measure: Measure,
    read_back: ReadBack,
    process_of: ProcessOf,
    nursery_of: NurseryOf,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
):
    first, beside = open_tracker(OFFLINE, run), open_tracker(OFFLINE, other := another("beside"))
    first.log(measure(1))
    beside.log(measure(2))
    processes = [process_of(run, "tlm-wandb-run"), process_of(other, "tlm-wandb-run")]
    nursery = nursery_of(run)
    first.finish({}, "complete")
    monkeypatch.setenv("WANDB_ENTITY", "bob")  # a new identity is not the nursery's, but the run's
    third = open_tracker(OFFLINE, after := another("after"))
    processes.append(process_of(after, "tlm-wandb-run"))
    environment = Path(f"/proc/{process_of(after, 'wandb-core').pid}/environ").read_bytes().split(b"\0")
    third.log(measure(3))
    third.mark_preempted()
    beside.finish({}, "failed")

    assert not caplog.records
    assert {process.parent for process in processes} == {nursery}
    assert len({process.pid for process in processes}) == 3
    assert b"WANDB_ENTITY=bob" in environment
    assert f"WANDB_DATA_DIR={after.folder / 'wandb'}".encode() in environment
    told = [(part.history[0]["_step"], part.exit_codes) for each in (run, other, after) for part in read_back(each)]
    assert told == [(1, [0]), (2, [1]), (3, [1])]


@linux
def test_a_nursery_that_has_died_is_replaced_and_a_run_that_came_from_it_goes_on(
    run: TrackedRun,
    another: Callable[[str], TrackedRun],
    measure: Measure,
    read_back: ReadBack,
    process_of: ProcessOf,
    nursery_of: NurseryOf,
    eventually: Eventually,
    caplog: pytest.LogCaptureFixture,
):
    tracker = open_tracker(OFFLINE, run)
    nursery = nursery_of(run)
    os.kill(nursery, signal.SIGKILL)
    eventually(lambda: process_of(run, "tlm-wandb-run").parent != nursery)  # now an orphan
    tracker.log(measure(1))
    _track(later := another("later"), measure)
    tracker.finish({}, "complete")
    assert not caplog.records
    assert _is_whole(run, read_back)
    assert _is_whole(later, read_back)


@linux
def test_a_nursery_that_stands_still_is_not_waited_for_and_is_replaced(
    run: TrackedRun,
    another: Callable[[str], TrackedRun],
    measure: Measure,
    read_back: ReadBack,
    nursery_of: NurseryOf,
    eventually: Eventually,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
):
    before = open_tracker(OFFLINE, run)
    nursery = nursery_of(run)
    before.finish({}, "complete")
    os.kill(nursery, signal.SIGSTOP)
    try:
        with monkeypatch.context() as patch:
            patch.setattr(wandb_tracker, "FINISH_SECONDS", 0.2)
            _track(missed := another("missed"), measure)
        (said,) = caplog.records
        assert (said.name, said.levelno) == ("tlm_sweeps.tracking", logging.WARNING)
        _track(later := another("later"), measure)
        assert len(caplog.records) == 1
        assert _is_whole(later, read_back)
    finally:
        os.kill(nursery, signal.SIGCONT)
    eventually(lambda: list(missed.folder.glob("wandb/*/*.wandb")) and _is_whole(missed, read_back))


def test_where_nothing_is_forked_a_run_has_an_interpreter_of_its_own(
    run: TrackedRun,
    measure: Measure,
    read_back: ReadBack,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
):
    with monkeypatch.context() as patch:
        patch.setattr(sys, "platform", "elsewhere")
        tracker = open_tracker(OFFLINE, run)
    tracker.log(measure(1))
    tracker.finish({"val_nll": 1.5}, "complete")
    assert not caplog.records
    assert _is_whole(run, read_back)


TRAINING = (
    "import pickle, sys; from pathlib import Path\n"
    "from tlm_sweeps.spec.sweep import TrackingSpec; from tlm_sweeps.tracking.tracker import open_tracker\n"
    "tracker = open_tracker(TrackingSpec(wandb='offline'), pickle.loads(Path(sys.argv[1]).read_bytes()))\n"
    "sys.stdin.read()\n"
    "if sys.argv[2] == 'ends': tracker.finish({}, 'complete')\n"
)


@linux
@pytest.mark.parametrize("how", ["ends", "is killed"])
def test_nothing_is_left_of_a_worker_that_is_gone(
    how: str,
    run: TrackedRun,
    tmp_path: Path,
    process_of: ProcessOf,
    nursery_of: NurseryOf,
    eventually: Eventually,
):
    (tmp_path / "run").write_bytes(pickle.dumps(run))
    command = [sys.executable, "-W", "error", "-c", TRAINING, str(tmp_path / "run"), how]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stderr=subprocess.PIPE) as worker:
        nursery, client, core = nursery_of(run), process_of(run, "tlm-wandb-run"), process_of(run, "wandb-core")
        if how == "is killed":
            worker.kill()
        _, complaints = worker.communicate()
    assert complaints == b""
    eventually(lambda: not any(_lives(pid) for pid in (nursery, client.pid, core.pid)))


def _lives(pid: int) -> bool:
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    return False
