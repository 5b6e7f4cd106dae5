"""W&B's real client against the stand-in: runs, a resume, a sweep with two agents, an agent that is killed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

from tests.wandb_server.serving import Server, environment

_RUN = """
import pathlib, wandb
pathlib.Path("model.txt").write_text("weights")
run = wandb.init(project="p", id="r1", group="g", tags=["a"], config={"depth": 2}, dir=".")
artifact = wandb.Artifact("m", type="model")
artifact.add_file("model.txt")
run.log_artifact(artifact)
for step in range(3):
    run.log({"x": step}, step=step, commit=True)
run.finish()
run = wandb.init(project="p", id="r1", resume="must", dir=".")
assert run.resumed and run.starting_step == 3
run.log({"x": 3}, step=3, commit=True)
run.mark_preempting()
run.finish(exit_code=1)
"""
_SWEEP = """
import wandb
cells = {"a": {"values": [1, 2]}, "b": {"values": [3, 4]}}
print(wandb.sweep({"method": "grid", "parameters": cells}, entity="ann", project="p"))
"""
_AGENT = """
import sys, wandb
from wandb.agents.pyagent import Agent
Agent.HEARTBEAT_SLEEP_SECONDS = 0.05
def train():
    run = wandb.init()
    run.log({"x": run.config.a * run.config.b})
wandb.agent(sys.argv[1], function=train, entity="ann", project="p", count=2)
"""
_MARKED = """
import sys, time, wandb
from wandb.apis.public.sweeps import _agent_heartbeat, _register_agent
api = wandb.Api()
agent = _register_agent(api, "h", sweep_id=sys.argv[1], entity="ann", project="p")["id"]
(command,) = _agent_heartbeat(api, agent, {}, {})
config = {name: each["value"] for name, each in command["args"].items()}
# Whole seconds: W&B takes less than one second for its default of 15.
quick = {"x_file_stream_transmit_interval": 1, "x_transaction_log_flush_interval": 0.1}
settings = wandb.Settings(sweep_id=sys.argv[1], **quick)
run = wandb.init(project="p", entity="ann", id=command["run_id"], config=config, dir=".", settings=settings)
run.mark_preempting()
run.log({"x": 0}, step=0, commit=True)
time.sleep(60)
"""
_NEXT = """
import json, sys, wandb
from wandb.apis.public.sweeps import _agent_heartbeat, _register_agent
api = wandb.Api()
agent = _register_agent(api, "h", sweep_id=sys.argv[1], entity="ann", project="p")["id"]
print(json.dumps(_agent_heartbeat(api, agent, {}, {})))
"""


def start(server: Server, folder: Path, program: str, *arguments: str) -> subprocess.Popen[str]:
    """A process of W&B's client, in a process group of its own."""
    return subprocess.Popen(
        [sys.executable, "-c", program, *arguments],
        cwd=folder,
        env=environment(server, folder),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def finished(process: subprocess.Popen[str]) -> str:
    """What a process printed, which must have ended well."""
    out, complaints = process.communicate(timeout=120)
    assert process.returncode == 0, complaints
    return out


def test_a_run_is_logged_and_resumed(server, tmp_path):
    finished(start(server, tmp_path, _RUN))

    run = server.state.run("r1")
    (artifact,) = server.state.projects["ann", "p"].artifacts.values()
    assert (run.state, run.exit_code, run.opened, run.ended) == ("preempted", 1, 2, 2)
    assert [line["x"] for line in run.lines] == [0, 1, 2, 3]
    assert (run.summary["x"], run.group, run.tags, run.settings) == (3, "g", ["a"], {"depth": 2})
    assert "config.yaml" in run.files
    assert (artifact.state, artifact.files["model.txt"]) == ("COMMITTED", b"weights")
    assert server.state.refusals == []


def test_two_agents_share_a_grid(server, tmp_path):
    sweep = finished(start(server, tmp_path, _SWEEP)).split()[-1]
    folders = [tmp_path / "one", tmp_path / "two"]
    for folder in folders:
        folder.mkdir()

    agents = [start(server, folder, _AGENT, sweep) for folder in folders]
    for agent in agents:
        finished(agent)

    runs = server.state.runs_of(server.state.sweep(sweep))
    assert sorted((run.settings["a"], run.settings["b"]) for run in runs) == [(1, 3), (1, 4), (2, 3), (2, 4)]
    assert all(run.state == "finished" and run.summary["x"] == run.settings["a"] * run.settings["b"] for run in runs)
    assert json.loads(finished(start(server, tmp_path, _NEXT, sweep))) == [{"type": "exit"}]
    assert server.state.sweep(sweep).state == "FINISHED"
    assert server.state.refusals == []


def test_a_killed_run_that_was_marked_is_handed_out_again(server, tmp_path):
    sweep = finished(start(server, tmp_path, _SWEEP)).split()[-1]
    agent = start(server, tmp_path, _MARKED, sweep)
    try:
        run = server.until(lambda state: next(run for run in state.runs() if run.preemptible and run.history))
    finally:
        os.killpg(agent.pid, signal.SIGKILL)
        agent.communicate()
    server.state.silence_seconds = 0.5
    server.until(lambda _: run.state == "preempted")
    server.state.silence_seconds = 300.0

    (command,) = json.loads(finished(start(server, tmp_path, _NEXT, sweep)))

    assert (command["type"], command["run_id"], command["args"]) == ("resume", run.name, run.args)
    assert run.lines[0]["x"] == 0
    assert server.state.refusals == []
