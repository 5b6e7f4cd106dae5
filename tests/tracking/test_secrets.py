"""The API key is nobody's business: not in a log, a record, a report, a complaint or a process list."""

from __future__ import annotations

import base64
import contextlib
import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.wandb_server.serving import serving
from tlm_sweeps.runs.record import Measurement
from tlm_sweeps.spec.sweep import TrackingSpec
from tlm_sweeps.tracking import wandb_tracker
from tlm_sweeps.tracking.tracked_run import TrackedRun
from tlm_sweeps.tracking.tracker import open_tracker

Measure = Callable[[int], Measurement]
Serve = Callable[[str], Any]
ONLINE = TrackingSpec(wandb="online", project="shapes", entity="ann", artifacts="model")
KEY = "canary0123456789canary0123456789canary01"
FORMS = (KEY.encode(), base64.b64encode(f"api:{KEY}".encode()), b"short-canary")

SPEC = {
    "name": "secret",
    "experiment": {
        "corpus": {"name": "python-docs", "first_tokens": {"train": 20_000, "valid": 2_000, "test": 2_000}},
        "model": {"kind": "transformer", "width": 16, "depth": 1, "heads": 2, "context": 16},
        "training": {"learning_rate": 1e-3, "batch_size": 8},
        "evaluation": {"every": 0.25, "windows": 20},
    },
    "budget": {"flops": 3e8},
    "tracking": {"wandb": "online", "project": "shapes", "artifacts": "model"},
}


def _telling(folder: Path) -> list[str]:
    """Files that hold the key, in whatever form."""
    files = (file for file in folder.rglob("*") if file.is_file())
    return [str(file) for file in files if any(form in file.read_bytes() for form in FORMS)]


def _command_lines() -> Iterator[bytes]:
    for file in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):  # it has ended meanwhile
            yield file.read_bytes()


@pytest.mark.parametrize("trouble", ["none", "refuses", "fails", "a key that is none", "goes away"])
def test_no_file_and_no_warning_of_a_run_has_the_key(
    trouble: str,
    run: TrackedRun,
    measure: Measure,
    serve: Serve,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
):
    monkeypatch.setattr(wandb_tracker, "INIT_SECONDS", 3.0)
    monkeypatch.setattr(wandb_tracker, "UPLOAD_SECONDS", 0.5)
    monkeypatch.setattr(wandb_tracker, "LONG_UPLOAD_SECONDS", 0.5)
    server = serve(trouble if trouble in ("refuses", "fails", "goes away") else "good")
    monkeypatch.setenv("WANDB_API_KEY", "short-canary" if trouble == "a key that is none" else KEY)
    weights = run.folder / "model.safetensors"
    weights.write_bytes(b"weights")
    tracker = open_tracker(ONLINE, run)
    tracker.log(measure(1))
    if trouble != "a key that is none":  # then nobody is asked
        assert server.was_asked.wait(60)
    assert not [line for line in _command_lines() if any(form in line for form in FORMS)]
    tracker.log_model([weights])
    tracker.finish({"val_nll": 1.5}, "complete")

    assert list(run.folder.glob("wandb/**/*.log"))
    assert _telling(run.folder) == []
    said = " ".join((caplog.text, *capfd.readouterr())).encode()
    assert not [form for form in FORMS if form in said]


def test_no_file_of_a_sweep_has_the_key_nor_does_it_say_it(
    tmp_path: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("WANDB_API_KEY", KEY)
    monkeypatch.setenv("TLM_CACHE", str(tmp_path_factory.getbasetemp() / "cache"))
    spec = tmp_path / "spec.yaml"
    spec.write_text(json.dumps(SPEC))
    command = [sys.executable, "-m", "tlm_sweeps", "--debug", "sweep", str(spec), "--runs-dir", str(tmp_path / "runs")]
    with serving() as server:
        monkeypatch.setenv("WANDB_BASE_URL", server.url)
        done = subprocess.run(command, capture_output=True, check=False)
        project = server.state.project(server.state.default_entity, "shapes")
        told = [(run.state, run.exit_code) for run in project.runs.values()]
        handed_over = [(artifact.state, set(artifact.files)) for artifact in project.artifacts.values()]
    assert done.returncode == 0, done.stderr.decode()
    assert told == [("finished", 0)]
    assert handed_over == [("COMMITTED", {"model.safetensors", "model.json", "wandb_manifest.json"})]
    assert (tmp_path / "runs" / "secret" / "report.html").exists()
    assert list(tmp_path.glob("runs/secret/*/wandb/run-*"))
    assert _telling(tmp_path / "runs") == []
    assert not [form for form in FORMS if form in done.stdout + done.stderr]
