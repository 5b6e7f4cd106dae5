"""An offline sweep of three runs, its upload, and what is to be at the server then."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from tests.wandb_server.serving import Server
from tests.wandb_server.state import Run, Sweep
from tlm_sweeps.corpora.texts import facts_reader
from tlm_sweeps.runs.ledger import Ledger, reading
from tlm_sweeps.runs.record import Record
from tlm_sweeps.search.sweeping import sweep
from tlm_sweeps.search.wandb.joining import joined
from tlm_sweeps.search.wandb.offline import offline_spec, place_of
from tlm_sweeps.search.wandb.syncing import SyncProgress, sync
from tlm_sweeps.spec.sweep import SweepSpec

SPEC: dict[str, Any] = {
    "name": "tiny",
    "question": "Which depth?",
    "experiment": {
        "model": {"kind": "transformer", "width": 16, "context": 8, "heads": 2},
        "training": {"batch_size": 8, "learning_rate": 3e-3},
        "evaluation": {"every": 0.25, "windows": 50},
    },
    "search": {"model.depth": [1, 2, 3]},
    "budget": {"flops": 4e8},
    "engine": {"kind": "wandb", "method": "grid"},
    "tracking": {"project": "p"},
}


def offline(text: Path, **changes: Any) -> SweepSpec:
    data = json.loads(json.dumps(SPEC | changes))
    data["experiment"]["corpus"] = {"path": str(text)}
    return offline_spec(SweepSpec.model_validate_json(json.dumps(data)))


def finish(spec: SweepSpec, runs: Path) -> None:
    for _ in sweep(spec, runs, workers=1, device="cpu"):
        pass


def synced(runs: Path, name: str = "tiny", **where: Any) -> SyncProgress:
    *_, last = sync(runs / name, facts_reader(), **where)
    return last


def rewrite(log: Path, sweep_id: str) -> None:
    """Make a kept run one of another sweep; empty: of none."""
    run = joined([log.read_bytes()], sweep_id)
    log.write_bytes(run.log_of(run.steps))


def assert_whole(ledger_folder: Path, server: Server, uploaded: Sweep) -> None:
    """Every run of the ledger is there once, under the sweep, with its curve, its results and its group."""
    there = {run.name: run for run in server.state.runs()}
    with reading(ledger_folder) as ledger:
        records = ledger.records()
        assert len(there) == len(records)
        for record in records:
            _assert_same(ledger, record, there, uploaded)


def _assert_same(ledger: Ledger, record: Record, there: dict[str, Run], uploaded: Sweep) -> None:
    spec = SweepSpec.model_validate_json(ledger.meta("spec") or "")
    place = place_of(spec, record)
    assert place is not None
    run = there[place.run_id or ""]
    assert (run.sweep, run.group, run.state, run.exit_code) == (uploaded.name, place.group, "finished", 0)
    measured = [(each.step, each.val_nll) for _, each in ledger.measurements(record.run_id)]
    # What was missing in the midst comes behind: the server appends.
    assert sorted((line["_step"], line["val_nll"]) for line in run.lines) == measured
    assert run.summary["spent_flops"] == run.summary[f"train_flops_{record.account}"]
    assert (run.summary["val_nll"], run.summary["state"]) == (record.val_nll, record.state)
    assert run.settings["settings"]["model"]["depth"] == record.settings["model.depth"]


def nobody_logged_in(patch: pytest.MonkeyPatch, home: Path) -> None:
    for name in [name for name in os.environ if name.startswith("WANDB_")]:
        patch.delenv(name)
    patch.setenv("HOME", str(home))
