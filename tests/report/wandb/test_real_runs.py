"""Runs that were really trained: what W&B was told while they ran is what the ledger says."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.report.wandb.conftest import PATH, SWEEP_ID, carrying, put
from tests.wandb_server.serving import Server
from tlm_sweeps import api
from tlm_sweeps.spec.sweep import SweepSpec

SPEC = {
    "name": "tiny",
    "experiment": {
        "corpus": {"name": "python-docs", "first_tokens": {"train": 20000, "valid": 2000, "test": 2000}},
        "model": {"kind": "transformer", "width": 16, "depth": 1, "heads": 2, "context": 16},
        "training": {"learning_rate": 1e-3, "batch_size": 8},
        "evaluation": {"every": "25%"},
    },
    "search": {"model.depth": [1], "training.learning_rate": [1e-3, 1e9]},
    "baselines": {"linear": {"model.kind": "linear", "training.predict": "last"}},
    "budget": {"flops": 3e8, "match": "epochs"},
    "engine": {"sampler": "grid"},
    "tracking": {"wandb": "online", "project": "tlm", "entity": "ann"},
}
"""Three trials, one of which diverges."""
_WHEN = ("started_at", "finished_at")


def test_the_records_of_trained_runs_come_back(
    server: Server, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("TLM_CACHE", str(tmp_path_factory.getbasetemp() / "cache"))
    spec = SweepSpec.model_validate(SPEC)

    kept = api.sweep(spec, runs_dir=tmp_path, workers=1)
    server.until(lambda state: sum(run.ended for run in state.runs()) == len(kept.records))
    put(server, carrying(spec))
    with server.state.lock:
        for run in server.state.runs():
            run.sweep = SWEEP_ID
    read = api.results(PATH)

    told = {(each.baseline, each.settings.get("training.learning_rate")): each for each in read.records}
    assert len(told) == len(kept.records) == 3
    for record in kept.records:
        found = told[record.baseline, record.settings.get("training.learning_rate")]
        unlike = {"trial": record.trial} | {name: getattr(record, name) for name in _WHEN}
        assert found.model_copy(update=unlike) == record
        assert found.started_at == record.started_at
        assert [each.val_nll for each in read.curves[found.run_id]] == [
            each.val_nll for each in kept.curves.get(record.run_id, ())
        ]
    assert {each.state for each in read.records} == {"complete", "failed"}
    assert read.spent_flops == kept.spent_flops
    assert server.state.refusals == []
