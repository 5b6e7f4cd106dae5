"""A run tracked offline, read back by W&B's own reader; nothing leaks, nothing is lost."""

from __future__ import annotations

import os
import pickle
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tlm_sweeps.runs.record import Measurement
from tlm_sweeps.spec.sweep import TrackingSpec
from tlm_sweeps.tracking import wandb_starting
from tlm_sweeps.tracking.tracked_run import TrackedRun, wandb_id
from tlm_sweeps.tracking.tracker import open_tracker

Measure = Callable[[int], Measurement]
ProcessOf = Callable[[TrackedRun, str], Any]
ReadBack = Callable[[TrackedRun], list[Any]]
OFFLINE = TrackingSpec(wandb="offline", project="shapes")


def test_a_run_reads_back_as_it_was_told(run: TrackedRun, measure: Measure, read_back: ReadBack):
    tracker = open_tracker(OFFLINE, run)
    for step in (10, 20, 30):
        tracker.log(measure(step))
    spent = {"matmul": 2 * 10**13 - 3, "6nd": 5, "2nd": 1}
    tracker.finish({"val_nll": 1.25, "test_nll": 1.5, "train_flops": spent, "best_step": 20}, "complete")

    (kept,) = read_back(run)
    told = {name: kept.run[name] for name in ("run_id", "display_name", "run_group", "job_type", "project", "tags")}
    assert told == {
        "run_id": wandb_id(run),
        "display_name": "quickstart-0003-s0",
        "run_group": "quickstart-trial-0003",
        "job_type": "train",
        "project": "shapes",
        "tags": ["study", "quick"],
    }
    assert kept.config["model"] == {"kind": "transformer", "depth": 2, "width": 64}
    assert kept.config["settings"]["training"]["learning_rate"] == 1e-3
    assert any(metric.get("glob_name") == "*" and metric["step_metric"] == "spent_flops" for metric in kept.metrics)
    assert [point["_step"] for point in kept.history] == [10, 20, 30]
    assert [point["spent_flops"] for point in kept.history] == [10**13, 2 * 10**13, 3 * 10**13]
    assert [point["val_nll"] for point in kept.history] == [measure(step).val_nll for step in (10, 20, 30)]
    assert (kept.summary["val_nll"], kept.summary["test_nll"], kept.summary["best_step"]) == (1.25, 1.5, 20)
    assert (kept.summary["train_flops_matmul"], kept.summary["unspent_flops"]) == (2 * 10**13 - 3, 3)
    assert kept.summary["state"] == "complete"
    assert kept.exit_codes == [0]


def test_a_run_that_goes_on_keeps_both_parts_and_a_later_sync_joins_them(
    run: TrackedRun, measure: Measure, read_back: ReadBack, serve: Callable[[str], Any]
):
    first = open_tracker(OFFLINE, run)
    first.log(measure(1))
    first.log(measure(2))
    first.mark_preempted()
    second = open_tracker(OFFLINE, replace(run, resumed_from_step=2))
    second.log(measure(3))
    second.finish({"val_nll": 1.0}, "complete")

    parts = read_back(run)
    assert {part.run["run_id"] for part in parts} == {wandb_id(run)}
    assert [[point["_step"] for point in part.history] for part in parts] == [[1, 2], [3]]
    assert [part.exit_codes for part in parts] == [[1], [0]]

    server = serve("good")
    command = [sys.executable, "-m", "wandb", "sync", *map(str, run.folder.glob("wandb/offline-run-*"))]
    environment = {**os.environ, "WANDB_ERROR_REPORTING": "false"}
    subprocess.run(command, check=True, capture_output=True, env=environment)
    assert {asked["name"] for asked in server.upserts} == {wandb_id(run)}
    assert [server.history[line]["_step"] for line in sorted(server.history)] == [1, 2, 3]


def test_nothing_leaks(
    run: TrackedRun,
    measure: Measure,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    read_back: ReadBack,
):
    monkeypatch.setenv("WANDB_RUN_ID", "from-outside")
    monkeypatch.setenv("WANDB_SWEEP_ID", "from-outside")
    monkeypatch.setenv("WANDB_MODE", "disabled")
    monkeypatch.setenv("WANDB_SERVICE", "3-1-unix-/nowhere/socket")
    monkeypatch.chdir(tmp_path)
    wandb_starting.close_nursery()  # what an import of the client leaks, leaks here
    modules = set(sys.modules)
    threads = set(threading.enumerate())
    before = dict(os.environ), sys.exit, sys.excepthook

    tracker = open_tracker(OFFLINE, run)
    tracker.log(measure(1))
    tracker.finish({}, "complete")

    assert (dict(os.environ), sys.exit, sys.excepthook) == before
    assert set(threading.enumerate()) <= threads
    assert capfd.readouterr() == ("", "")
    assert not [name for name in set(sys.modules) - modules if name.partition(".")[0] == "wandb"]
    monkeypatch.delenv("WANDB_SERVICE")
    assert [kept.run["run_id"] for kept in read_back(run)] == [wandb_id(run)]
    outside = [file for file in tmp_path.rglob("*") if file.is_file() and not file.is_relative_to(run.folder)]
    assert not outside
    assert {file.name for file in run.folder.iterdir()} == {"wandb"}


def test_the_installed_client_knows_every_setting_that_the_promise_rests_on():
    program = (
        "import sys, wandb; from tlm_sweeps.tracking.wandb_run import SETTINGS\n"
        "sys.exit(', '.join(set(SETTINGS) - set(wandb.Settings.model_fields)))\n"
    )
    asked = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert asked.stderr.strip() == ""


TRAINING = (
    "import pickle, sys; from pathlib import Path\n"
    "from tlm_sweeps.spec.sweep import TrackingSpec; from tlm_sweeps.tracking.tracker import open_tracker\n"
    "run, measurements = pickle.loads(Path(sys.argv[1]).read_bytes())\n"
    "tracker = open_tracker(TrackingSpec(wandb='offline'), run)\n"
    "for measurement in measurements: tracker.log(measurement)\n"
    "sys.stdin.read()\n"
)


@pytest.fixture
def training(
    run: TrackedRun, measure: Measure, tmp_path: Path, watch: Callable[[TrackedRun, str, int], None]
) -> Iterator[subprocess.Popen[bytes]]:
    """A process that has logged ten points, which have reached the disk, and that now trains on."""
    (tmp_path / "told").write_bytes(pickle.dumps((run, [measure(step) for step in range(10)])))
    command = [sys.executable, "-c", TRAINING, str(tmp_path / "told")]
    with subprocess.Popen(command, stdin=subprocess.PIPE) as process:
        watch(run, "history", 10)
        yield process
        process.kill()


@pytest.mark.skipif(sys.platform != "linux", reason="finds W&B's process in /proc")
def test_when_everything_is_killed_at_once_no_flushed_point_is_lost(
    training: subprocess.Popen[bytes],
    run: TrackedRun,
    read_back: ReadBack,
    process_of: ProcessOf,
    nursery_of: Callable[[TrackedRun], int],
):
    client, core = process_of(run, "tlm-wandb-run"), process_of(run, "wandb-core")
    for process in (nursery_of(run), core.pid, client.pid):
        os.kill(process, signal.SIGKILL)
    training.kill()
    (kept,) = read_back(run)
    assert [point["_step"] for point in kept.history] == list(range(10))
    assert not kept.exit_codes


def test_when_training_is_killed_the_run_is_closed_as_failed(
    training: subprocess.Popen[bytes], run: TrackedRun, read_back: ReadBack, eventually: Callable[..., Any]
):
    training.kill()
    (kept,) = eventually(lambda: [kept for kept in read_back(run) if kept.exit_codes])
    assert kept.exit_codes == [1]
    assert len(kept.history) == 10
