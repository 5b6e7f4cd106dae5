"""Weights handed to W&B at a run's end: they are there or they are not, the run is closed all the same."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.wandb_server.serving import KEY, serving
from tlm_sweeps.runs.record import Measurement
from tlm_sweeps.spec.sweep import TrackingSpec
from tlm_sweeps.tracking.tracked_run import TrackedRun, wandb_id
from tlm_sweeps.tracking.tracker import open_tracker

Measure = Callable[[int], Measurement]
ReadBack = Callable[[TrackedRun], list[Any]]
OFFLINE = TrackingSpec(wandb="offline", project="shapes", artifacts="model")
ONLINE = TrackingSpec(wandb="online", project="shapes", artifacts="model")


@pytest.fixture
def weights(run: TrackedRun) -> tuple[Path, Path]:
    """Files such as a run ends with."""
    model, description = run.folder / "model.safetensors", run.folder / "model.json"
    model.write_bytes(b"weights" * 1000)
    description.write_text("{}")
    return model, description


def test_offline_the_run_names_its_weights_where_they_are(
    run: TrackedRun,
    measure: Measure,
    weights: tuple[Path, Path],
    read_back: ReadBack,
    caplog: pytest.LogCaptureFixture,
):
    tracker = open_tracker(OFFLINE, run)
    tracker.log(measure(1))
    tracker.log_model(weights)
    tracker.finish({"val_nll": 1.5}, "complete")

    assert not caplog.records
    (kept,) = read_back(run)
    (artifact,) = kept.artifacts
    assert (artifact["name"], artifact["type"]) == (f"model-{wandb_id(run)}", "model")
    entries = {entry["path"]: entry for entry in artifact["manifest"]["contents"]}
    assert {name: entry["local_path"] for name, entry in entries.items()} == {file.name: str(file) for file in weights}
    assert int(entries["model.safetensors"]["size"]) == 7000
    assert kept.exit_codes == [0]


def test_online_the_server_has_the_weights_when_the_run_is_over(
    run: TrackedRun,
    measure: Measure,
    weights: tuple[Path, Path],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
):
    with serving() as server:
        monkeypatch.setenv("WANDB_BASE_URL", server.url)
        monkeypatch.setenv("WANDB_API_KEY", KEY)
        tracker = open_tracker(ONLINE, run)
        tracker.log(measure(1))
        tracker.log_model(weights)
        tracker.finish({"val_nll": 1.5}, "complete")

        assert not caplog.records
        assert server.state.refusals == []
        (artifact,) = server.state.project(server.state.default_entity, "shapes").artifacts.values()
        assert (artifact.type, artifact.run, artifact.state) == ("model", wandb_id(run), "COMMITTED")
        assert {name: artifact.files[name] for name in ("model.safetensors", "model.json")} == {
            file.name: file.read_bytes() for file in weights
        }
        assert server.state.run(wandb_id(run)).state == "finished"
    assert not [file for file in run.folder.rglob("*") if file.suffix == ".safetensors" and file not in weights]


def test_weights_that_are_not_there_are_said_and_the_run_is_closed(
    run: TrackedRun, measure: Measure, read_back: ReadBack, caplog: pytest.LogCaptureFixture
):
    tracker = open_tracker(OFFLINE, run)
    tracker.log(measure(1))
    tracker.log_model([run.folder / "nowhere.safetensors"])
    tracker.finish({"val_nll": 1.5}, "complete")

    (said,) = caplog.records
    assert said.levelno == logging.WARNING
    assert "the weights were not handed over" in said.getMessage()
    (kept,) = read_back(run)
    assert kept.summary["val_nll"] == 1.5
    assert kept.exit_codes == [0]
