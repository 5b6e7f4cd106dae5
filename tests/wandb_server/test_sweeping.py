"""The stand-in's sweeps: every cell once, dead runs again, stops, ends."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.wandb_server.asking import (
    UPSERT_RUN,
    UPSERT_SWEEP,
    ServerSaidNo,
    ask,
    heartbeat,
    make_sweep,
    open_run,
    register,
    stream,
)
from tests.wandb_server.serving import Server

_GRID = {"method": "grid", "parameters": {"a": {"values": [1, 2]}, "tlm": {"value": "{}"}}}


def values(command: dict[str, Any]) -> dict[str, Any]:
    return {name: each["value"] for name, each in command["args"].items()}


def work_off(server: Server, sweep: str, *agents: str) -> list[dict[str, Any]]:
    """Let agents take turns until all have left; what they were given."""
    given, here = [], list(agents)
    while here:
        agent = here.pop(0)
        commands = heartbeat(server, agent)
        assert len(commands) <= 1
        if commands == [{"type": "exit"}]:
            continue
        for command in commands:
            given.append(values(command))
            open_run(server, command, sweep)
            stream(server, command["run_id"], complete=True, exitcode=0)
        here.append(agent)
    return given


def test_agents_work_off_a_grid_with_each_cell_once(server):
    sweep = make_sweep(server, _GRID)

    given = work_off(server, sweep, register(server, sweep), register(server, sweep))

    assert given == [{"a": 1, "tlm": "{}"}, {"a": 2, "tlm": "{}"}]
    assert server.state.sweep(sweep).state == "FINISHED"
    assert server.state.refusals == []


def test_an_agent_with_a_run_gets_no_second_one(server):
    sweep = make_sweep(server, _GRID)
    agent = register(server, sweep)
    (command,) = heartbeat(server, agent)

    assert heartbeat(server, agent, command["run_id"]) == []


def test_a_random_search_ends_at_its_cap(server):
    parameters = {"rate": {"distribution": "log_uniform_values", "min": 1e-4, "max": 1e-2}, "a": {"values": [1, 2]}}
    sweep = make_sweep(server, {"method": "random", "run_cap": 5, "parameters": parameters})

    given = work_off(server, sweep, register(server, sweep))

    assert len(given) == 5
    assert all(1e-4 <= each["rate"] <= 1e-2 and each["a"] in {1, 2} for each in given)


def test_a_sweep_is_not_over_while_a_run_goes_on(server):
    sweep = make_sweep(server, _GRID | {"parameters": {"a": {"value": 1}}})
    (command,) = heartbeat(server, register(server, sweep))
    open_run(server, command, sweep)

    assert heartbeat(server, register(server, sweep)) == []
    assert server.state.sweep(sweep).state == "RUNNING"


def test_a_preempted_run_is_given_out_first_under_its_id(server):
    sweep = make_sweep(server, _GRID)
    (command,) = heartbeat(server, register(server, sweep))
    open_run(server, command, sweep)
    stream(server, command["run_id"], preempting=True)
    stream(server, command["run_id"], complete=True, exitcode=1)

    assert server.state.run(command["run_id"]).state == "preempted"
    assert heartbeat(server, register(server, sweep)) == [command | {"type": "resume"}]


def test_a_marked_run_that_falls_silent_is_given_out_again(server):
    sweep = make_sweep(server, _GRID)
    (command,) = heartbeat(server, register(server, sweep))
    open_run(server, command, sweep)
    stream(server, command["run_id"], preempting=True)
    server.state.silence_seconds = 0.2

    server.until(lambda state: state.run(command["run_id"]).state == "preempted")

    assert heartbeat(server, register(server, sweep)) == [command | {"type": "resume"}]


def test_an_unmarked_run_that_falls_silent_is_lost(server):
    sweep = make_sweep(server, _GRID)
    (command,) = heartbeat(server, register(server, sweep))
    open_run(server, command, sweep)
    server.state.silence_seconds = 0.2

    server.until(lambda state: state.run(command["run_id"]).state == "crashed")

    (other,) = heartbeat(server, register(server, sweep))
    assert other["run_id"] != command["run_id"]


def test_a_run_in_the_queue_is_not_taken_for_dead(server):
    sweep = make_sweep(server, _GRID)
    (command,) = heartbeat(server, register(server, sweep))
    open_run(server, command, sweep)
    stream(server, command["run_id"], preempting=True)
    stream(server, command["run_id"], complete=True, exitcode=1)
    server.state.silence_seconds = 0.0

    assert heartbeat(server, register(server, sweep)) == [command | {"type": "resume"}]


def test_a_proposal_that_its_agent_never_opens_is_lost(server):
    sweep = make_sweep(server, _GRID)
    agent = register(server, sweep)
    (command,) = heartbeat(server, agent)
    assert heartbeat(server, agent, command["run_id"]) == []

    (other,) = heartbeat(server, agent)

    assert server.state.run(command["run_id"]).state == "crashed"
    assert values(other) != values(command)


def test_a_marked_run_that_ends_well_is_done(server):
    sweep = make_sweep(server, _GRID)
    (command,) = heartbeat(server, register(server, sweep))
    open_run(server, command, sweep)
    stream(server, command["run_id"], preempting=True)
    stream(server, command["run_id"], complete=True, exitcode=0)

    assert server.state.run(command["run_id"]).state == "finished"
    assert server.state.sweep(sweep).queue == []


def test_the_stop_button_reaches_the_run_and_its_agent(server):
    sweep = make_sweep(server, _GRID)
    agent = register(server, sweep)
    (command,) = heartbeat(server, agent)
    open_run(server, command, sweep)
    assert stream(server, command["run_id"])["stopped"] is False

    server.stop(command["run_id"])

    assert stream(server, command["run_id"])["stopped"] is True
    assert heartbeat(server, agent, command["run_id"]) == [{"type": "stop", "run_id": command["run_id"]}]


@pytest.mark.parametrize("whom", ["same", "next"])
def test_a_duplicate_delivery(server, whom):
    sweep = make_sweep(server, _GRID)
    agent, other = register(server, sweep), register(server, sweep)
    server.faults.duplicate = whom

    (command,) = heartbeat(server, agent)

    asking, going = (agent, [command["run_id"]]) if whom == "same" else (other, [])
    assert heartbeat(server, asking, *going) == [command]
    assert server.faults.twice == []


@pytest.mark.parametrize(
    ("state", "to_a_free_agent", "to_a_busy_one"),
    [("PAUSED", [], []), ("FINISHED", [{"type": "exit"}], []), ("CANCELED", [{"type": "exit"}], [{"type": "exit"}])],
)
def test_what_agents_are_told_of_a_sweep_that_does_not_run(server, state, to_a_free_agent, to_a_busy_one):
    sweep = make_sweep(server, _GRID)
    agent = register(server, sweep)
    (command,) = heartbeat(server, agent)
    ident = server.state.sweep(sweep).id

    ask(server, UPSERT_SWEEP, id=ident, state=state, entityName="ann", projectName="p")

    assert heartbeat(server, agent, command["run_id"]) == to_a_busy_one
    assert heartbeat(server, register(server, sweep)) == to_a_free_agent


def test_a_finished_sweep_cannot_be_paused(server):
    sweep = server.state.sweep(make_sweep(server, _GRID))
    ask(server, UPSERT_SWEEP, id=sweep.id, state="FINISHED", entityName="ann", projectName="p")

    with pytest.raises(ServerSaidNo, match="FINISHED cannot become PAUSED"):
        ask(server, UPSERT_SWEEP, id=sweep.id, state="PAUSED", entityName="ann", projectName="p")


def test_a_deleted_sweep_is_404_to_its_agents(server):
    sweep = make_sweep(server, _GRID)
    agent = register(server, sweep)
    server.delete_sweep(sweep)

    with pytest.raises(ServerSaidNo, match="404"):
        heartbeat(server, agent)


def test_runs_that_were_there_before_count_as_tried(server):
    config = json.dumps({"a": {"value": 1}, "tlm": {"value": "{}"}})
    ask(server, UPSERT_RUN, name="old", project="p", entity="ann", config=config)
    stream(server, "old", complete=True, exitcode=0)
    prior = json.dumps({"$or": [{"name": "old"}]})
    variables = {"config": json.dumps(_GRID), "entityName": "ann", "projectName": "p", "priorRunsFilters": prior}
    sweep = ask(server, UPSERT_SWEEP, **variables)["upsertSweep"]["sweep"]["name"]

    assert work_off(server, sweep, register(server, sweep)) == [{"a": 2, "tlm": "{}"}]


def test_a_run_that_forgets_its_parameters_is_told_on(server):
    sweep = make_sweep(server, _GRID)
    (command,) = heartbeat(server, register(server, sweep))

    open_run(server, command | {"args": {}}, sweep)

    (refusal,) = server.state.refusals
    assert "lost its parameters a" in refusal.message


def test_hyperband_stops_who_is_not_among_the_best(server):
    config = _GRID | {
        "parameters": {"a": {"values": [1, 2, 3]}},
        "metric": {"name": "val_nll", "goal": "minimize"},
        "early_terminate": {"type": "hyperband", "min_iter": 2, "eta": 3},
    }
    sweep = make_sweep(server, config)
    agents = {}
    for nll in (2.0, 3.0, 1.0):
        agent = register(server, sweep)
        (command,) = heartbeat(server, agent)
        open_run(server, command, sweep)
        lines = [json.dumps({"val_nll": 5.0}), json.dumps({"val_nll": nll})]
        stream(server, command["run_id"], files={"wandb-history.jsonl": {"offset": 0, "content": lines}})
        agents[nll] = agent, command["run_id"]

    told = {nll: heartbeat(server, agent, run) for nll, (agent, run) in agents.items()}

    assert told[1.0] == []
    assert told[2.0] == [{"type": "stop", "run_id": agents[2.0][1]}]
    assert told[3.0] == [{"type": "stop", "run_id": agents[3.0][1]}]
