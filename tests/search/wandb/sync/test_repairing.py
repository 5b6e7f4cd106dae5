"""Runs that are at the server in part, or not as they should be, are put right by the next sync, and only these."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest

from tests.search.wandb.sync.offline_sweep import assert_whole, synced
from tests.wandb_server import graphql
from tests.wandb_server import sweeps as server_sweeps
from tests.wandb_server.serving import Server
from tests.wandb_server.state import State
from tlm_sweeps.errors import InputError


def test_runs_that_are_there_in_part_are_completed(runs: Path, server: Server):
    synced(runs)
    (uploaded,) = server.state.sweeps()
    first, second, third = server.state.runs_of(uploaded)
    first.history, first.summary, first.state = {0: first.history[0]}, {}, "crashed"  # the end did not arrive
    second.summary = {}  # the results did not
    third.history = dict(enumerate(third.lines[:-2]))  # only the results did
    told = synced(runs)
    assert (told.uploaded, told.there, told.failed) == (3, 0, ())
    assert_whole(runs / "tiny", server, uploaded)

    first.history = dict(enumerate(first.lines[2:]))  # the server was away for the first session
    second.state = "running"  # it did not hear of the end
    third.sweep = "another1"  # it hangs under a sweep of somebody else's
    told = synced(runs)
    assert (told.uploaded, told.there, told.failed) == (3, 0, ())
    assert_whole(runs / "tiny", server, uploaded)


def test_points_that_are_there_twice_or_without_a_step_hide_no_others(runs: Path, server: Server):
    synced(runs)
    (uploaded,) = server.state.sweeps()
    first, second, third = server.state.runs_of(uploaded)
    whole = {run.name: run.lines for run in (first, second, third)}
    # A session was killed and went on from its checkpoint; then the server was away until the end.
    first.history = dict(enumerate([*first.lines[:2], *first.lines[1:-1]]))
    second.history = dict(
        enumerate({name: line[name] for name in line if name != "_step"} for line in second.lines[:2])
    )
    told = synced(runs)
    assert (told.uploaded, told.there, told.failed) == (2, 1, ())
    assert len(first.lines) == len(whole[first.name]) + 1
    assert {line["_step"] for line in first.lines} == {line["_step"] for line in whole[first.name]}
    assert [line["val_nll"] for line in second.lines] == [line["val_nll"] for line in whole[second.name]]
    assert synced(runs).there == 3


def test_a_server_that_takes_its_time_is_waited_for_whatever_became_of_other_runs(
    runs: Path, server: Server, monkeypatch: pytest.MonkeyPatch
):
    told_at_once = graphql.OPERATIONS["Runs"]

    def late(state: State, variables: dict[str, Any]) -> dict[str, Any]:
        answer = told_at_once(state, variables)
        for edge in (answer["project"] or {"runs": {"edges": []}})["runs"]["edges"]:
            if time.monotonic() - state.run(edge["node"]["name"]).heard_at < 1:
                edge["node"] |= {"historyLineCount": 0, "state": "running"}
        return answer

    monkeypatch.setitem(graphql.OPERATIONS, "Runs", late)
    server.faults.fail(1, only="UpsertBucket", status=400)  # one run is refused
    told = synced(runs)
    assert (told.uploaded, [failure.reason for failure in told.failed]) == (
        2,
        ["W&B does not have it; `wandb sync`: the server has a trouble"],
    )
    assert next(server.state.sweeps()).state == "RUNNING"


def test_a_sweep_that_was_deleted_is_said_and_the_hint_helps(runs: Path, server: Server):
    synced(runs)
    (deleted,) = server.state.sweeps()
    server.delete_sweep(deleted.name)
    with pytest.raises(InputError, match=f"sweep ann/p/{deleted.name} is not at {server.url} any more") as error:
        synced(runs)
    (problem,) = error.value.problems
    assert "move this file away" in problem.hint
    Path(problem.place).rename(runs / "old.json")
    assert synced(runs).uploaded == 3
    (uploaded,) = server.state.sweeps()
    assert_whole(runs / "tiny", server, uploaded)


def test_what_the_server_has_against_the_sweep_is_said_and_the_runs_go_there(
    runs: Path, server: Server, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(server_sweeps, "check_config", lambda _config: ["run_cap is too large"])
    told = synced(runs)
    assert (told.uploaded, told.warnings) == (3, ("run_cap is too large",))
    (uploaded,) = server.state.sweeps()
    assert_whole(runs / "tiny", server, uploaded)
