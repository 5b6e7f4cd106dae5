"""What `doctor` says of W&B: true, in a bounded time, and never the key."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.wandb_server.serving import Server, serving

Tlm = Callable[..., Any]
KEY = "canary0123456789canary0123456789canary01"


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    with serving() as server:
        monkeypatch.setenv("WANDB_BASE_URL", server.url)
        yield server


def findings(tlm: Tlm) -> dict[str, Any]:
    said = tlm("doctor --json")
    assert said.code == 0
    assert KEY not in said.out + said.err
    return {each["what"]: each for each in said.data}


def test_without_a_login_it_says_what_is_lost_and_asks_nobody(tlm: Tlm, server: Server):
    found = findings(tlm)
    assert found["wandb"]["ok"]
    assert not found["W&B login"]["ok"]
    assert "kept offline" in found["W&B login"]["found"]
    assert "W&B server" not in found


@pytest.mark.parametrize("has_scheduler", [True, False])
def test_logged_in_it_says_who_where_and_what_the_server_can_do(
    tlm: Tlm, server: Server, monkeypatch: pytest.MonkeyPatch, has_scheduler: bool
):
    monkeypatch.setenv("WANDB_API_KEY", KEY)
    server.state.features["SWEEPS_LOCAL_SCHEDULER"] = has_scheduler
    found = findings(tlm)
    assert "WANDB_API_KEY" in found["W&B login"]["found"]
    assert server.state.user in found["W&B server"]["found"]
    assert (found["W&B login"]["ok"], found["W&B server"]["ok"]) == (True, True)
    assert found["W&B scheduler"]["ok"] is has_scheduler
    assert server.state.refusals == []


def test_a_login_in_a_file_is_found(tlm: Tlm, server: Server, tmp_path: Path):
    file = tmp_path / "netrc"
    file.write_text(f"machine {server.url.removeprefix('http://')}\n  login user\n  password {KEY}\n")
    file.chmod(0o600)
    found = findings(tlm)
    assert str(file) in found["W&B login"]["found"]
    assert found["W&B server"]["ok"]


def test_a_key_that_is_none_and_a_key_that_is_refused_are_told_apart(
    tlm: Tlm, server: Server, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("WANDB_API_KEY", "short")
    assert "40+ characters" in findings(tlm)["W&B login"]["found"]
    monkeypatch.setenv("WANDB_API_KEY", KEY)
    server.faults.refuses_key = True
    found = findings(tlm)
    assert found["W&B login"]["ok"]
    assert "refuses the key" in found["W&B server"]["found"]


@pytest.mark.parametrize("trouble", ["silent", "gone"])
def test_a_server_that_does_not_answer_holds_it_up_for_seconds_only(
    tlm: Tlm, server: Server, monkeypatch: pytest.MonkeyPatch, trouble: str
):
    monkeypatch.setenv("WANDB_API_KEY", KEY)
    setattr(server.faults, trouble, True)
    before = time.monotonic()
    found = findings(tlm)["W&B server"]
    assert time.monotonic() - before < 30
    assert not found["ok"]
    assert "does not answer" in found["found"]
    assert "kept offline" in found["found"]
