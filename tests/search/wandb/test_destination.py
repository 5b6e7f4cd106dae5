"""Sweeps that are made for agents: one that the server warns of is not left there for them."""

from __future__ import annotations

import pytest

from tests.wandb_server import sweeps as server_sweeps
from tests.wandb_server.serving import Server
from tlm_sweeps.errors import RunError
from tlm_sweeps.search.wandb.destination import Destination
from tlm_sweeps.tracking import wandb_connecting

CONFIG = {"method": "grid", "parameters": {"a": {"value": 1}}}


def test_a_sweep_that_the_server_warns_of_is_cancelled(server: Server, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(server_sweeps, "check_config", lambda _config: ["run_cap is too large"])
    with pytest.raises(RunError, match="run_cap is too large"):
        Destination("ann", "p").make_sweep(CONFIG)
    assert [sweep.state for sweep in server.state.sweeps()] == ["CANCELED"]


def test_a_request_that_was_not_answered_may_have_made_a_sweep(server: Server, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(wandb_connecting, "REQUEST_SECONDS", 1)
    destination = Destination("ann", "p")
    server.faults.gone = True
    with pytest.raises(RunError, match="did not make the sweep") as error:
        destination.make_sweep(CONFIG)
    (problem,) = error.value.problems
    assert f"delete it at {server.url}/ann/p/sweeps" in problem.hint
