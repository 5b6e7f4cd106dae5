"""Chains from the command line: what is planned, said and refused."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.chains import FINE_TUNING, PRETRAINING, write_spec, write_task

Tlm = Callable[..., Any]


@pytest.fixture
def fine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The spec at the end of a chain, where commands are run."""
    monkeypatch.setenv("TLM_DATA", str(write_task(tmp_path / "data")))
    write_spec(tmp_path, PRETRAINING)
    return write_spec(tmp_path, FINE_TUNING, budget=FINE_TUNING["budget"] | {"total": 10**9})


def test_the_whole_chain_is_planned_before_any_of_it_is_there(tlm: Tlm, fine: Path):
    facts = tlm("plan", fine, "--json").data
    alone = tlm("plan", fine.parent / "pre.yaml", "--json").data
    (before,) = facts["after"]
    assert (before["sweep"], before["trials"]) == ("pre", alone["trials"])
    assert facts["starts_from"] == [{"sweep": "pre", "trained_first": True}]
    for what in ("runs", "train_flops", "seconds"):
        assert facts["together"][what] == pytest.approx(before["forecast"][what] + facts["forecast"][what])
    assert facts["together"]["sweeps"] == 2
    said = tlm("plan", fine).out
    assert "fine starts from pre, to be trained first" in said
    assert "together: 5 runs" in said
    assert not (fine.parent / "runs").exists()


def test_a_plan_says_what_no_sweep_before_it_will_have(tlm: Tlm, fine: Path):
    said = tlm("plan", fine, "--set", "seeds=[0, 4]")
    assert said.code == 2
    assert "no such run of seed 4" in said.err
    assert tlm("plan", fine, "--set", "search={model.depth: [3]}").code == 2


def test_whose_seeds_are_asked_for_is_said_of_a_chain(tlm: Tlm, fine: Path):
    said = tlm("plan", fine, "--set", "seeds=1")
    assert "is for fine alone" in said.err
    assert "pre 1" in said.err
    assert "alone" not in tlm("plan", fine.parent / "pre.yaml", "--set", "seeds=1").err


def test_a_total_that_does_not_cover_the_chain_is_planned_as_such(tlm: Tlm, fine: Path):
    needed = tlm("plan", fine, "--json").data["together"]["train_flops"]
    sets = ("--set", f"budget.flops={needed // 2}", "--set")
    assert "covers them all" in tlm("plan", fine, *sets, f"budget.total={needed}").out
    assert "does not cover them all" in tlm("plan", fine, *sets, f"budget.total={needed - 1}").out
    said = tlm("sweep", fine, *sets, f"budget.total={needed - 1}")
    assert said.code == 2
    assert str(needed) in said.err
    assert not (fine.parent / "runs").exists()


def test_one_command_runs_the_chain_and_says_which_sweep_it_is_at(tlm: Tlm, fine: Path):
    said = tlm("sweep", fine, "--json", "--workers", "1", "--no-report")
    events = [json.loads(line) for line in said.out.splitlines()]
    turns = [(each["sweep"], each["number"], each["of"]) for each in events if each["event"] == "link"]
    assert turns == [("pre", 1, 2), ("fine", 2, 2)]
    assert [each["sweep"] for each in events if each["event"] in ("link_finished", "finished")] == ["pre", "fine"]
    assert said.code == 0
    behind = tlm("status", "fine", "--json").data["pretraining"]
    spent = tlm("status", "pre", "--json").data["spent_flops"]
    assert (behind["n_behind"], behind["behind_flops"]["matmul"]) == (2, spent)
    status = tlm("status", "fine", "--json").data
    assert status["total_flops"] == 10**9 - spent
    assert "2 of 3 runs began with the weights of 2 runs of pre" in tlm("status", "fine").out.replace("\n", " ")
    rows = list(csv.DictReader(io.StringIO(tlm("export", "fine", "--format", "csv").out)))
    assert {row["started_from"] for row in rows} == {"", "pre/pre-0000-s0", "pre/pre-0001-s0"}
    assert sum(int(row["pretraining_flops"] or 0) for row in rows) == spent
    again = tlm("run", fine, "--set", "experiment.model.depth=2", "--json")
    assert again.data[0]["started_from"]["run_id"] == "pre-0001-s0"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("run",), "no sweep `pre` to start from"),
        (("sweep", "--engine", "wandb"), "knows of none"),
        (("sweep", "--set", "experiment.start_from=fine"), "cannot start from itself"),
        (("sweep", "--set", "after=[]"), "no sweep `pre` to start from"),
        (("sweep", "--set", "after=[gone.yaml]"), "no such spec `gone.yaml`"),
        (("sweep", "--set", "experiment.start_from=pre/x y"), "start_from"),
    ],
)
def test_what_cannot_be_is_said_before_anything_is_begun(tlm: Tlm, fine: Path, words: tuple[str, ...], message: str):
    said = tlm(words[0], fine, *words[1:])
    assert said.code == 2
    assert message in said.err
    assert "hint:" in said.err
    assert not (fine.parent / "runs").exists()
