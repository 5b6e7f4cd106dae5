"""Agents of a sweep: registered, and told with every heartbeat what to do.

Commands are a JSON *string*. One run at most is given out with a heartbeat, and only to an agent that has none: first
one that waits to be run again, as `resume` under its old id and with its old args, else a new proposal, which becomes
a pending run on the server.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

from tests.wandb_server import early_stopping, requeueing, runs, searching, sweeps
from tests.wandb_server.faults import Duplicate
from tests.wandb_server.refusing import Refused
from tests.wandb_server.state import GOING, Agent, Run, State, graphql_id, now

Command = dict[str, Any]


def _create(state: State, variables: dict[str, Any]) -> dict[str, Any]:
    sweep = sweeps.find(state, variables.get("entityName"), variables.get("projectName"), variables["sweep"])
    name = state.new_name()
    agent = Agent(graphql_id("SweepAgent", name), name, variables["host"], sweep)
    state.agents[agent.id] = agent
    return {"createAgent": {"agent": {"id": agent.id, "name": name}}}


def _heartbeat(state: State, variables: dict[str, Any]) -> dict[str, Any]:
    agent = state.agents.get(str(variables["id"]))
    if agent is None:
        raise Refused(f"agent {variables['id']} not found", status=404)
    sweep = agent.sweep
    project = state.projects[sweep.entity, sweep.project]
    if project.sweeps.get(sweep.name) is not sweep:
        raise Refused(f"sweep {sweep.name} not found", status=404)
    agent.heard_at = time.monotonic()
    agent.listed = {name for name, going in json.loads(variables.get("runState") or "{}").items() if going}
    sweep.updated_at = now()
    commands = _commands(state, agent)
    agent.commands += commands
    return {"agentHeartbeat": {"agent": {"id": agent.id}, "commands": json.dumps(commands)}}


def _commands(state: State, agent: Agent) -> list[Command]:
    sweep = agent.sweep
    _give_up_unopened(state, agent)
    requeueing.settle_silent(state)
    early_stopping.judge(state, sweep)
    if sweep.state == "CANCELED":
        return [{"type": "exit"}]
    if stops := [{"type": "stop", "run_id": name} for name in sorted(agent.listed & sweep.to_stop)]:
        return stops
    if again := _delivered_again(state, agent):
        return [again]
    if agent.listed:
        return []
    if sweep.state == "RUNNING" and (command := _next_run(state, agent)):
        return [command]
    return [{"type": "exit"}] if sweep.state == "FINISHED" else []


def _give_up_unopened(state: State, agent: Agent) -> None:
    """A run that its agent has let go of without opening it: nothing more will come."""
    for run in state.runs_of(agent.sweep):
        if run.agent == agent.id and run.state == "pending" and run.name not in agent.listed:
            run.state = "crashed"


def _next_run(state: State, agent: Agent) -> Command | None:
    sweep = agent.sweep
    if sweep.queue:
        return _given(state, agent, state.projects[sweep.entity, sweep.project].runs[sweep.queue.pop(0)])
    if sweep.config["method"] == "custom":  # its own scheduler fills the queue
        return None
    args = searching.propose(state, sweep)
    if args is None:
        if not any(run.state in GOING for run in state.runs_of(sweep)):
            sweep.state = "FINISHED"
        return None
    sweep.proposals.append(args)
    run = runs.new_run(state, state.projects[sweep.entity, sweep.project])
    run.sweep, run.args, run.config = sweep.name, args, dict(args)
    return _given(state, agent, run)


def _given(state: State, agent: Agent, run: Run) -> Command:
    run.agent, run.heard_at, run.state = agent.id, time.monotonic(), "pending"
    kind = "resume" if run.opened else "run"
    command = {"type": kind, "run_id": run.name, "program": agent.sweep.config.get("program"), "args": run.args}
    faults = state.faults
    if kind == "run" and faults.duplicate is not None:
        faults.twice.append(Duplicate(agent.id, faults.duplicate, command))
        faults.duplicate = None
    return command


def _delivered_again(state: State, agent: Agent) -> Command | None:
    for each in state.faults.twice:
        to_me = each.agent == agent.id if each.to == "same" else each.agent != agent.id and not agent.listed
        if to_me and each.command["run_id"] in state.projects[agent.sweep.entity, agent.sweep.project].runs:
            state.faults.twice.remove(each)
            return each.command
    return None


OPERATIONS: dict[str, Callable[[State, dict[str, Any]], dict[str, Any]]] = {
    "CreateAgent": _create,
    "Heartbeat": _heartbeat,
}
