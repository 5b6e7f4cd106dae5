"""`sweep --engine`: what contradicts itself, a conversion, a launch, and agents started beside it, for real."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.wandb_server.serving import Server, environment, serving

Tlm = Callable[..., Any]
PATIENCE_SECONDS = 120

WRONG = {
    "an engine that is none": ("--engine wandbb", "wandbb"),
    "W&B's place for Optuna": ("--entity ann", "only a W&B sweep has that"),
    "a place, and Optuna by name": ("--engine optuna --project p", "`--engine optuna` and --project"),
    "agents of Optuna": ("--agents 2", "write `--engine wandb`"),
    "offline Optuna": ("--offline", "write `--engine wandb`"),
    "agents offline": ("--engine wandb --offline --agents 2", "contradict each other"),
    "a scheduler offline": ("--engine wandb --offline --scheduler optuna", "contradict each other"),
    "workers of a W&B sweep": ("--engine wandb --workers 2", "`--agents N` starts N agents"),
    "a stack of a W&B sweep": ("--engine wandb --stack 2", "--stack"),
    "retries of a W&B sweep": ("--engine wandb --retries 1", "--retries"),
    "a device for nobody": ("--engine wandb --device cpu", "nothing is trained by this command"),
    "a project that is a path": ("--engine wandb --project a/b", "`a/b` cannot be a name"),
    "no agents": ("--engine wandb --agents 0", "greater than or equal to 1"),
    "a search without a word for it": (
        "--engine wandb --set engine={sampler: nsga2}",
        "nothing like the sampler nsga2",
    ),
    "what agents cannot do alike": ("--engine wandb --set training.precision=auto", "settled by each agent"),
}


@pytest.mark.parametrize(("options", "said"), WRONG.values(), ids=WRONG.keys())
def test_options_that_cannot_be_are_refused_before_anything_is_written(tlm: Tlm, spec: Path, options: str, said: str):
    before = sorted(spec.parent.rglob("*"))
    words = options.split(" --set ")
    sets = ["--set", words[1]] if len(words) > 1 else []
    answer = tlm("sweep", spec, *words[0].split(), *sets)
    assert answer.code == 2
    assert said in answer.err
    assert "\nhint: " in answer.err
    assert "Traceback" not in answer.err
    assert sorted(spec.parent.rglob("*")) == before


@pytest.fixture
def server() -> Iterator[Server]:
    """A W&B server on the loopback."""
    with serving() as running:
        yield running


@pytest.fixture
def launching(server: Server, spec: Path, tmp_path: Path) -> Callable[..., subprocess.Popen[bytes]]:
    """Starts `sweep SPEC --engine wandb …` as a process of its own, logged in at the server."""
    own = environment(server, tmp_path / "home") | {"OMP_NUM_THREADS": "1"}
    (tmp_path / "home").mkdir()

    def start(*options: str) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "tlm_sweeps", "sweep", str(spec), "--engine", "wandb", *options]
        pipe = subprocess.PIPE
        return subprocess.Popen(command, env=own, cwd=tmp_path, stdout=pipe, stderr=pipe, start_new_session=True)

    return start


def test_a_launched_sweep_is_printed_with_what_agents_are_to_type(
    server: Server, launching: Callable[..., subprocess.Popen[bytes]]
):
    out, err = launching("--project", "p").communicate(timeout=PATIENCE_SECONDS)
    (sweep,) = server.state.sweeps()
    assert out.decode().splitlines() == [
        f"sweep: ann/p/{sweep.name}",
        f"page: {server.url}/ann/p/sweeps/{sweep.name}",
        f"agent: tlm-sweeps agent ann/p/{sweep.name}",
        f"agent: wandb agent ann/p/{sweep.name}",
    ]
    assert "sampler: grid → method: grid" in err.decode()
    assert "2 infeasible" in err.decode()
    assert server.state.refusals == []


def test_agents_beside_the_launch_train_every_setting_once_and_leave_the_report(
    server: Server, launching: Callable[..., subprocess.Popen[bytes]], tmp_path: Path
):
    process = launching("--agents", "2", "--json")
    out, err = process.communicate(timeout=PATIENCE_SECONDS)
    events = [json.loads(line) for line in out.splitlines()]
    assert process.returncode == 0, err.decode()
    assert [event["event"] for event in events] == ["launched", "finished"]
    assert len(events[1]["leaderboard"]) == 3
    assert events[1]["report"] == "runs/tiny/report.html"
    assert (tmp_path / events[1]["report"]).read_text().startswith("<!DOCTYPE html>")
    assert sorted(run.summary["state"] for run in server.state.runs()) == ["complete"] * 3
    assert server.state.refusals == []


def test_ctrl_c_pauses_the_agents_and_the_same_command_goes_on(
    server: Server, launching: Callable[..., subprocess.Popen[bytes]], tmp_path: Path
):
    long = ("--set", "budget.flops=3e10", "--set", "search={model.depth: [1]}", "--set", "baselines=null")
    process = launching("--agents", "1", *long)
    server.until(lambda state: next(run for run in state.runs() if run.history), PATIENCE_SECONDS)
    os.kill(process.pid, signal.SIGINT)
    _, err = process.communicate(timeout=PATIENCE_SECONDS)
    assert process.returncode == 130, err.decode()
    assert "the same command goes on" in err.decode()
    assert not any(run.summary.get("state") == "failed" for run in server.state.runs())
    server.state.silence_seconds = 0.1  # whoever was paused is handed out again at once
    process = launching("--agents", "1", *long)
    out, err = process.communicate(timeout=PATIENCE_SECONDS)
    assert process.returncode == 0, err.decode()
    assert b"report: runs/tiny/report.html" in out
    assert [run.summary["state"] for run in server.state.runs()] == ["complete"]
    assert len(list(server.state.sweeps())) == 1
    assert server.state.refusals == []
