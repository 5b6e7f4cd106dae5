"""Whose a proposal is, what was left behind on a machine, and what a trial that others have tried claims."""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tlm_sweeps.corpora.texts import facts_reader
from tlm_sweeps.runs.ledger import FILE, writing
from tlm_sweeps.runs.planned import planned_record
from tlm_sweeps.runs.provenance import capture
from tlm_sweeps.runs.record import Record
from tlm_sweeps.search.wandb.config import carrier
from tlm_sweeps.search.wandb.offer import offer_of
from tlm_sweeps.search.wandb.reserving import claim_of
from tlm_sweeps.search.wandb.service import ToldRun
from tlm_sweeps.search.wandb.taking import left_behind, passing
from tlm_sweeps.search.wandb.trial import Given, OfferedTrial, keep_offer, keep_untold, offered_trial
from tlm_sweeps.spec.sweep import SweepSpec
from tlm_sweeps.tracking.wandb_paths import SweepPath

Tiny = Callable[..., SweepSpec]


def begun(spec: SweepSpec, folder: Path) -> tuple[OfferedTrial, Sequence[Record]]:
    """A trial that an agent took, and that waits to go on."""
    args = {"tlm": {"value": carrier(spec, ())}, "model.depth": {"value": 1}}
    trial = offered_trial(offer_of("r0", args), SweepPath("e", "p", "s"), facts_reader(), {"agent": "mine-1"})
    with writing(folder / "r0") as ledger:
        keep_offer(ledger, "r0", args)
        proposed = Given(trial, ledger).next(None)
        assert proposed is not None
        ledger.propose(proposed[0], (planned_record(trial.spec, *proposed, 0, capture(()), "tiny-r0"),))
        return trial, ledger.records()


def told(state: str, *, agent: str = "other-1", seconds: float = 5, ending: str | None = None) -> ToldRun:
    """What W&B knows of its run."""
    summary = {} if ending is None else {"state": ending}
    beat = (datetime.now(UTC) - timedelta(seconds=seconds)).isoformat()
    return ToldRun("r0", state, beat, {"agent": agent}, summary)


@pytest.mark.parametrize("state", ["running", "preempting"])
def test_what_another_machine_is_training_is_left_alone(state: str):
    assert passing([], told(state), "me-2") == "agent other-1 is training it"
    assert passing([], told(state, agent="me-2"), "me-2") is None
    assert passing([], told(state, seconds=500), "me-2") is None, "it has fallen silent"
    assert passing([], told("preempted"), "me-2") is None
    assert passing([], None, "me-2") is None, "W&B does not answer"


def test_what_was_begun_here_goes_on_unless_somebody_else_has_ended_it(tiny: Tiny, tmp_path: Path):
    _, records = begun(tiny(search={"model.depth": [1, 2]}), tmp_path)
    assert passing(records, told("preempting", agent="a-dead-agent-of-this-machine"), "me-2") is None
    assert passing(records, told("finished", ending="complete"), "me-2") == "W&B knows it as complete already"
    assert passing([], told("finished", ending="infeasible"), "me-2") == "W&B knows it as infeasible already"


@pytest.mark.parametrize("writer", [{"pid": os.getpid(), "host": socket.gethostname()}, {"pid": 7, "host": "old-pod"}])
def test_a_lock_file_that_nobody_holds_keeps_nobody_away(tiny: Tiny, tmp_path: Path, writer: dict[str, Any]):
    begun(tiny(search={"model.depth": [1, 2]}), tmp_path)
    (tmp_path / "r0" / "ledger.lock").write_text(json.dumps(writer | {"since": "x"}), encoding="utf-8")
    assert [each.run_id for each in left_behind(tmp_path)] == ["r0"]
    with writing(tmp_path / "r0") as ledger:
        assert left_behind(tmp_path) == [], "somebody is at it"
        keep_offer(ledger, "r0", None)
    assert left_behind(tmp_path) == [], "it was found to be somebody else's"


def test_what_is_over_comes_back_only_when_wandb_may_lack_it(tiny: Tiny, tmp_path: Path):
    _, (record,) = begun(tiny(search={"model.depth": [1, 2]}), tmp_path)
    with writing(tmp_path / "r0") as ledger:
        ledger.end_waiting(record.model_copy(update={"state": "failed"}))
    assert left_behind(tmp_path) == []
    with writing(tmp_path / "r0") as ledger:
        keep_untold(ledger, is_untold=True)
    assert [each.run_id for each in left_behind(tmp_path)] == ["r0"]
    assert [each.run_id for each in left_behind(tmp_path, untold=True)] == ["r0"]


def test_a_ledger_that_was_never_born_stops_nobody(tmp_path: Path):
    (tmp_path / "r0").mkdir()
    (tmp_path / "r0" / FILE).touch()
    assert left_behind(tmp_path) == []


def test_what_others_have_lost_stays_spent(tiny: Tiny, tmp_path: Path):
    spec = tiny(search={"model.depth": [1, 2]}, budget={"flops": 1e9, "total": 1e11})
    trial, _ = begun(spec, tmp_path)
    config = {"agent": "other-1", "claimed_flops": 2_300_000_000, "lost_flops": 1_300_000_000}
    elsewhere = ToldRun("r0", "preempted", None, config, {"spent_flops": 5e8})
    with writing(tmp_path / "r0") as ledger:
        claim = claim_of(trial, ledger, elsewhere)
        assert claim.lost == pytest.approx(1.3e9 + 0.5e9 + 0.25e9, rel=0.01), "and up to the evaluation never told"
        assert claim.config["agent"] == "mine-1"
        mine = ToldRun("r0", "preempted", None, claim.config, {"spent_flops": 7e8})
        assert claim_of(trial, ledger, mine).lost == claim.lost, "what this machine has spent its own ledger knows"


def test_a_fresh_trial_has_lost_nothing(tiny: Tiny, tmp_path: Path):
    spec = tiny(search={"model.depth": [1, 2]}, budget={"flops": 1e9, "total": 1e11})
    args = {"tlm": {"value": carrier(spec, ())}, "model.depth": {"value": 1}}
    trial = offered_trial(offer_of("r1", args), SweepPath("e", "p", "s"), facts_reader(), {"agent": "mine-1"})
    with writing(tmp_path / "r1") as ledger:
        claim = claim_of(trial, ledger, ToldRun("r1", "pending", None, {}, {}))
    assert (claim.lost, claim.runs) == (0, 1)
    assert 0.99e9 <= claim.flops <= 1e9
