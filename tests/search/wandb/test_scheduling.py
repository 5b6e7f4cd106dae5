"""`wandb sweep-scheduler` with our search behind it: the real client and wandb-core against the stand-in."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import pytest

from tests.wandb_server.scheduler import FEATURE
from tests.wandb_server.serving import Server
from tlm_sweeps.compute.planning import plan_sweep
from tlm_sweeps.corpora.texts import facts_reader
from tlm_sweeps.search.wandb.config import sweep_config
from tlm_sweeps.search.wandb.offer import offer_of
from tlm_sweeps.search.wandb.scheduling import LOG, scheduler_section, scheduling
from tlm_sweeps.spec.fingerprint import canonical_json
from tlm_sweeps.spec.sweep import SweepSpec

_SECONDS = 60
_AGENT = """
import json, sys, time, wandb
from wandb.apis.public.sweeps import _agent_heartbeat, _register_agent
from tlm_sweeps.search.wandb.scheduling import server_has_scheduler

manner, given = sys.argv[1:]
if given.endswith(".json"):
    assert server_has_scheduler()
    given = wandb.sweep(json.load(open(given)), entity="ann", project="p")
print(given, flush=True)
api = wandb.Api()
agent = _register_agent(api, "here", sweep_id=given, project="p", entity="ann")["id"]
while True:
    for command in _agent_heartbeat(api, agent, {}, {}):
        if command["type"] == "exit":
            sys.exit()
        settings = {name: each["value"] for name, each in command["args"].items() if name != "tlm"}
        place = wandb.Settings(sweep_id=given, console="off", silent=True)
        with wandb.init(entity="ann", project="p", id=command["run_id"], settings=place, resume="allow") as run:
            run.config.update({"settings": {"model": {name[6:]: value for name, value in settings.items()}}, "seed": 0})
            if manner == "hangs":
                run.mark_preempting()
                time.sleep(600)
            run.log({"val_nll": 3.0 + settings["model.depth"]}, step=5)
    time.sleep(0.1)
"""
"""Makes a sweep, or takes one, and is an agent of it that answers with a made-up NLL, or hangs until it is killed."""


@contextmanager
def agent(manner: Literal["works", "hangs"], given: str) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    """The sweep's id, and its agent.

    Args:
        manner: what the agent does.
        given: a sweep's id, or the configuration of one that the agent makes.
    """
    command = [sys.executable, "-c", _AGENT, manner, given]
    with subprocess.Popen(command, cwd=os.environ["HOME"], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            lines = iter(process.stdout.readline, "")
            yield next(line.strip() for line in lines if len(line.strip()) == 8), process
        finally:
            process.kill()


@dataclass(frozen=True)
class Scheduled:
    """A sweep for a scheduler, not made yet."""

    spec: SweepSpec
    folder: Path
    config: str
    """The file with W&B's configuration."""

    @property
    def log(self) -> str:
        """What the scheduler has said."""
        return (self.folder / LOG).read_text(encoding="utf-8")


@pytest.fixture
def scheduled(server: Server, tiny: Callable[..., SweepSpec], tmp_path: Path) -> Callable[..., Scheduled]:
    def make(**search: list[int]) -> Scheduled:
        server.state.features[FEATURE] = True
        engine = {"kind": "wandb", "method": "bayes", "scheduler": "optuna"}
        spec = tiny(search={f"model.{name}": values for name, values in search.items()}, engine=engine)
        folder, file = tmp_path / "runs" / "tiny", tmp_path / "config.json"
        config = sweep_config(spec, facts_reader(), scheduler=scheduler_section(spec, folder)).config
        file.write_text(json.dumps(config), encoding="utf-8")
        return Scheduled(spec, folder, str(file))

    return make


def test_a_sweep_is_driven_to_its_end_across_a_restart(server: Server, scheduled: Callable[..., Scheduled]) -> None:
    """Every cell that fits the budget is trained once, none that does not is ever proposed, and the sweep ends."""
    it = scheduled(depth=[1, 2], heads=[1, 2, 3])
    with agent("works", it.config) as (name, process):
        sweep, path = server.state.sweep(name), f"ann/p/{name}"
        with scheduling(path, it.folder, batch_size=1, poll_seconds=0.1) as first:
            server.until(lambda state: any(run.state == "finished" for run in state.runs_of(sweep)))
        assert first.returncode == 0, it.log
        assert sweep.state == "RUNNING"
        with scheduling(path, it.folder, batch_size=2, poll_seconds=0.1) as second:
            assert second.wait(_SECONDS) == 0, it.log
        assert process.wait(_SECONDS) == 0

    assert sweep.state == "FINISHED"
    trained = [canonical_json(offer_of("r", args).settings) for args in sweep.proposals]
    fit = [canonical_json(trial.settings) for trial in plan_sweep(it.spec, facts_reader()).feasible]
    assert sorted(trained) == sorted(fit)
    assert [run.state for run in server.state.runs_of(sweep)] == ["finished"] * len(fit)
    assert server.state.refusals == []


def test_a_sweep_is_not_finished_while_the_run_of_a_dead_agent_waits(
    server: Server, scheduled: Callable[..., Scheduled]
) -> None:
    """wandb-core takes a preempted run for one that has ended, and would finish the sweep without it."""
    it = scheduled(depth=[1])
    with agent("hangs", it.config) as (name, process):
        sweep, path = server.state.sweep(name), f"ann/p/{name}"
        with scheduling(path, it.folder, batch_size=1, poll_seconds=0.1) as scheduler:
            run = server.until(lambda state: next(run for run in state.runs_of(sweep) if run.preemptible))
            process.kill()
            run.exit_code, run.state = 1, "preempted"  # as after minutes of silence
            sweep.queue.append(run.name)
            asked = len(server.state.requests)
            server.until(lambda state: state.requests[asked:].count("Runs") > 1 or sweep.state == "FINISHED")
            assert sweep.state == "RUNNING", it.log
            with agent("works", name) as (_, other):
                assert scheduler.wait(_SECONDS) == 0, it.log
                assert other.wait(_SECONDS) == 0
    assert sweep.state == "FINISHED"
    assert [each.name for each in server.state.runs_of(sweep)] == [run.name]
    assert run.state == "finished"
