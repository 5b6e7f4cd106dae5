"""Agents that die, are sent away or lose their server: no trial is lost, nothing is paid for twice unseen."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.search.wandb.conftest import Agents
from tests.wandb_server.asking import CREATE_AGENT, ask, heartbeat
from tests.wandb_server.serving import KEY, Server
from tlm_sweeps.runs.ledger import reading
from tlm_sweeps.runs.record import Record
from tlm_sweeps.spec.sweep import SweepSpec

Tiny = Callable[..., SweepSpec]
Launched = Callable[[SweepSpec], Any]
Swept = Callable[..., tuple[Record, ...]]

TWO: dict[str, Any] = {"search": {"model.depth": [1, 2]}, "engine": {"kind": "wandb", "method": "grid"}}
LONG: dict[str, Any] = {"budget": {"flops": 1e10}}
"""Some seconds a run, with four evaluations."""


def is_under_way(server: Server, lines: int = 1) -> Any:
    """The first run that has told so many evaluations and has not ended."""
    return server.until(
        lambda state: next(run for run in state.runs() if len(run.lines) >= lines and run.state != "finished")
    )


def records_of(agents: Any, run_id: str) -> tuple[Record, ...]:
    with reading(agents.trials / run_id) as ledger:
        return ledger.records()


def test_the_trial_of_a_killed_agent_is_trained_by_the_other_one(
    server: Server, tiny: Tiny, launched: Launched, swept: Swept
):
    agents = launched(tiny(**TWO, **LONG))
    first = agents.ours()
    run = is_under_way(server)
    os.killpg(first.pid, signal.SIGKILL)
    agents.ours()
    agents.finish()
    assert {each.summary["state"] for each in server.state.runs()} == {"complete"}
    assert len(list(server.state.runs())) == 2
    assert run.opened == 2, "under the same id"
    twins = {each.fingerprint: each for each in swept(tiny(**TWO | {"engine": {"sampler": "grid"}}, **LONG))}
    twin = twins[run.settings["fingerprint"]]
    assert run.summary["val_nll"] == twin.val_nll, "bit for bit, as if nothing had happened"
    (record,) = records_of(agents, run.name)
    assert record.val_nll == twin.val_nll


@pytest.mark.parametrize("place", ["elsewhere", "machine"])
def test_a_further_seed_whose_machine_died_is_trained_under_its_id_with_its_seed(
    server: Server, tiny: Tiny, launched: Launched, tmp_path: Path, place: str
):
    search = {"training.learning_rate": {"log_uniform": [1e-3, 1e-2]}}
    engine = {"kind": "wandb", "method": "random", "trials": 1}
    agents = launched(tiny(search=search, engine=engine, seeds=2, budget={"flops": 6e9}))
    first = agents.ours()
    run = server.until(lambda state: next(run for run in state.runs() if run.name.endswith("-s1") and run.lines))
    os.killpg(first.pid, signal.SIGKILL)
    server.state.silence_seconds = 0.5
    server.until(lambda _: run.state == "preempted")
    server.state.silence_seconds = 300.0
    (tmp_path / place).mkdir(exist_ok=True)
    others = Agents(agents.path, tmp_path / place)
    try:
        others.ours()
        others.finish()
    finally:
        others.close()
    told = {each.name: (each.summary["state"], each.settings["seed"]) for each in server.state.runs()}
    assert told == {run.name: ("complete", 1), run.name.removesuffix("-s1"): ("complete", 0)}
    trained = server.state.run(run.name.removesuffix("-s1"))
    assert trained.opened == 1, "the first seed is over and nobody's to train again"
    assert run.summary["val_nll"] != trained.summary["val_nll"]


def test_a_terminated_agent_pauses_and_whoever_comes_next_goes_on_from_its_checkpoint(
    server: Server, tiny: Tiny, launched: Launched
):
    agents = launched(tiny(**TWO, **LONG))
    first = agents.ours()
    run = is_under_way(server)
    first.send_signal(signal.SIGTERM)
    assert first.wait(60) == 130
    agents.running.clear()
    assert run.state == "preempted"
    with reading(agents.trials / run.name) as ledger:
        (paused,) = ledger.records()
        begun = ledger.checkpoint_step(paused.run_id)
    assert paused.state == "waiting"
    assert begun > 0
    agents.ours()
    agents.finish()
    with reading(agents.trials / run.name) as ledger:
        (record,) = ledger.records()
        spent = ledger.spent_flops()
    assert record.state == "complete"
    assert record.train_flops
    assert spent == record.train_flops["matmul"], "nothing was done twice"
    steps = [line["_step"] for line in run.lines]
    assert steps == sorted(set(steps)), "one curve"
    assert [each.summary["state"] for each in server.state.runs()] == ["complete", "complete"]


@pytest.mark.parametrize("kind", ["ours", "plain"])
def test_a_stop_from_the_page_ends_the_run_and_is_recorded(server: Server, tiny: Tiny, launched: Launched, kind: str):
    agents = launched(tiny(**TWO, budget={"flops": 3e10}))
    getattr(agents, kind)()
    run = is_under_way(server)
    server.stop(run.name)
    agents.finish()
    (record,) = records_of(agents, run.name)
    assert (record.state, record.reason) == ("pruned", "stopped from W&B")
    assert record.test_nll is None
    assert record.train_flops
    assert 0 < record.train_flops["matmul"] < 3e10
    assert (run.summary["state"], run.state) == ("pruned", "finished")
    (other,) = (each for each in server.state.runs() if each is not run)
    assert other.summary["state"] == "complete"


def test_two_agents_hold_the_total_together(server: Server, tiny: Tiny, launched: Launched):
    search = {"training.learning_rate": {"log_uniform": [1e-3, 1e-2]}}
    engine = {"kind": "wandb", "method": "random", "trials": 6}
    agents = launched(tiny(search=search, engine=engine, budget={"flops": 1e9, "total": 3.5e9}))
    agents.ours()
    agents.ours()
    agents.finish()
    states = sorted(run.summary["state"] for run in server.state.runs())
    assert states == ["complete"] * 3 + ["infeasible"] * 3
    refused = [run for run in server.state.runs() if run.summary["state"] == "infeasible"]
    assert {run.summary["reason"] for run in refused} == {"the sweep's total is spent"}
    spent = sum(run.summary.get("train_flops_matmul", 0) for run in server.state.runs())
    assert 2.9e9 < spent <= 3.5e9


def test_a_server_that_goes_away_and_comes_back_costs_no_result(server: Server, tiny: Tiny, launched: Launched):
    server.state.silence_seconds = 20
    agents = launched(tiny(**TWO, **LONG))
    agent = agents.ours()
    run = is_under_way(server)
    server.faults.gone = True
    server.until(lambda _: "val" in agents.said(agent), 120)
    (record,) = records_of(agents, run.name)
    assert record.state == "complete", "the run went on, and its record is whole"
    server.until(lambda _: "W&B: " in agents.said(agent))  # somebody who looks at it is told
    server.faults.gone = False
    agents.finish()
    assert [each.summary["state"] for each in server.state.runs()] == ["complete", "complete"]
    assert run.summary["val_nll"] == record.val_nll


def test_what_a_server_never_heard_of_is_told_before_the_agent_leaves(server: Server, tiny: Tiny, launched: Launched):
    agents = launched(tiny(**TWO))
    agent = agents.ours()
    server.until(lambda state: any(each.commands for each in state.agents.values()))
    server.faults.gone = True
    server.until(lambda _: "val" in agents.said(agent), 120)
    server.faults.gone = False
    agents.finish()
    assert [each.summary["state"] for each in server.state.runs()] == ["complete", "complete"]
    for run in server.state.runs():
        (record,) = records_of(agents, run.name)
        assert (run.summary["val_nll"], len(run.lines)) == (record.val_nll, 4)


def test_a_curve_has_no_hole_where_the_server_was_away(server: Server, tiny: Tiny, launched: Launched):
    agents = launched(tiny(search={}, engine={"kind": "wandb", "method": "grid"}, **LONG))
    first = agents.ours()
    run = is_under_way(server)
    server.faults.gone = True
    with reading(agents.trials / run.name) as ledger:
        server.until(lambda _: len(next(iter(ledger.curves().values()))) == 2, 120)
    first.send_signal(signal.SIGTERM)
    assert first.wait(60) == 130
    agents.running.clear()
    server.faults.gone = False
    agents.ours()
    agents.finish()
    with reading(agents.trials / run.name) as ledger:
        (curve,) = ledger.curves().values()
    assert [line["_step"] for line in run.lines] == [each.step for each in curve]


def test_a_plain_agents_machine_that_cannot_train_hands_the_proposal_back(
    server: Server, tiny: Tiny, launched: Launched, text: Path, tmp_path: Path
):
    agents = launched(tiny(**TWO))
    right = text.read_text(encoding="utf-8")
    text.write_text(right.upper(), encoding="utf-8")
    sweep = agents.path.rpartition("/")[2]
    made = ask(server, CREATE_AGENT, host="h", projectName="tiny", entityName="ann", sweep=sweep)
    (command,) = heartbeat(server, made["createAgent"]["agent"]["id"])
    args = {name: each["value"] for name, each in command["args"].items()}
    (tmp_path / "args.json").write_text(json.dumps(args), encoding="utf-8")
    names = {"WANDB_ENTITY": "ann", "WANDB_PROJECT": "tiny", "WANDB_SWEEP_ID": sweep, "WANDB_RUN_ID": command["run_id"]}
    words = [sys.executable, "-m", "tlm_sweeps", "agent", "--proposal", str(tmp_path / "args.json")]
    done = subprocess.run(words, env=os.environ | names, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (done.returncode, "another text here" in done.stderr) == (2, True)
    assert server.state.run(command["run_id"]).state == "preempted"
    assert server.state.sweep(sweep).queue == [command["run_id"]], "another agent gets it"


def test_a_deleted_sweep_lets_the_run_end_and_sends_the_agent_home(server: Server, tiny: Tiny, launched: Launched):
    agents = launched(tiny(**TWO, **LONG))
    agent = agents.ours()
    run = is_under_way(server)
    server.delete_sweep(agents.path.rpartition("/")[2])
    agents.finish()
    assert "deleted" in agents.said(agent)
    assert {(each.request, each.status) for each in server.state.refusals} == {("Heartbeat", 404)}
    server.state.refusals.clear()
    assert records_of(agents, run.name)[0].state in ("complete", "pruned")


def test_the_key_is_nowhere(server: Server, tiny: Tiny, launched: Launched, tmp_path: Path):
    agents = launched(tiny(**TWO))
    agents.ours()
    agents.finish()
    written = [path for path in tmp_path.rglob("*") if path.is_file() and "home" not in path.parts]
    assert len(written) > 10
    assert not [path for path in written if KEY.encode() in path.read_bytes()]


def test_another_text_is_refused_before_anything_is_trained(server: Server, tiny: Tiny, launched: Launched, text: Path):
    agents = launched(tiny(**TWO))
    text.write_text(text.read_text(encoding="utf-8").upper(), encoding="utf-8")
    agent = agents.ours()
    assert agent.wait(60) == 2
    agents.running.clear()
    said = (agents.folder / "agent-0.log").read_text(encoding="utf-8")
    assert "another text here" in said
    assert "Traceback" not in said
    assert not server.state.agents
    assert json.dumps([run.name for run in server.state.runs()]) == "[]"
