"""What lies in a sweep's folder for W&B: one training for each run of the ledger."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from tlm_sweeps.runs.ledger import writing
from tlm_sweeps.search.wandb.local_runs import local_sweep


def test_of_a_run_that_was_trained_anew_the_one_that_its_ledger_means_counts(runs: Path):
    (first,) = runs.glob("tiny/tiny-0000-s0/wandb/offline-run-*")
    for when in ("20000101_000000", "20990101_000000"):
        _copy(first, when, "another1")
    shutil.rmtree(runs / "tiny" / "tiny-0001-s0" / "wandb")

    local = local_sweep(runs / "tiny")

    assert [run.record.run_id for run in local.runs] == ["tiny-0000-s0", "tiny-0002-s0"]
    assert [log.parent for log in local.runs[0].logs] == [first]
    assert (local.superseded, local.untracked, local.unfinished) == (1, 1, 0)


@pytest.mark.parametrize(("when", "is_newer"), [("20000101_000000", False), ("20990101_000000", True)])
def test_where_no_id_is_expected_the_last_training_counts(runs: Path, when: str, is_newer: bool):
    with writing(runs / "tiny") as ledger:
        kept = json.loads(ledger.meta("spec") or "")
        ledger.set_meta({"spec": json.dumps(kept | {"engine": {"kind": "optuna", "sampler": "grid"}})})
    (first,) = runs.glob("tiny/tiny-0000-s0/wandb/offline-run-*")
    other = _copy(first, when, "another1")

    local = local_sweep(runs / "tiny")

    assert [log.parent for log in local.runs[0].logs] == [other if is_newer else first]
    assert (len(local.runs), local.superseded) == (3, 1)


def _copy(session: Path, when: str, wandb_id: str) -> Path:
    """The files of a session of another run, begun at another time."""
    copy = session.with_name(f"offline-run-{when}-{wandb_id}")
    shutil.copytree(session, copy)
    (log,) = copy.glob("*.wandb")
    log.rename(log.with_name(f"run-{wandb_id}.wandb"))
    return copy
