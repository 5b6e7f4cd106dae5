"""`precision: auto` in a sweep: asked once, kept, and the same for every run, whoever resumes it."""

import json
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tlm_sweeps.corpora.texts import facts_reader
from tlm_sweeps.runs.ledger import reading, writing
from tlm_sweeps.runs.record import Record
from tlm_sweeps.search import settling
from tlm_sweeps.search.messages import Probed
from tlm_sweeps.search.pool import LocalPool
from tlm_sweeps.search.settling import with_precision
from tlm_sweeps.spec.sweep import SweepSpec

Tiny = Callable[..., SweepSpec]
AUTO: dict[str, Any] = {
    "model": {"kind": "transformer", "width": 16, "context": 8, "heads": 2},
    "training": {"batch_size": 8, "learning_rate": 3e-3, "precision": "auto"},
    "evaluation": {"every": 0.25, "windows": 50},
}


def test_a_worker_times_both_and_every_run_computes_in_the_faster(
    tiny: Tiny, swept: Callable[..., tuple[Record, ...]], tmp_path: Path
):
    spec = tiny(experiment=AUTO, engine={"sampler": "random", "trials": 2})
    found = swept(spec)
    with reading(tmp_path / "runs" / spec.name) as ledger:
        settled = json.loads(ledger.meta("precision") or "")
        assert ledger.meta("spec") is not None
    assert set(settled["seconds_per_step"]) == {"fp32", "bf16"}
    assert settled["precision"] == min(settled["seconds_per_step"], key=settled["seconds_per_step"].get)
    assert {each.spec["training"]["precision"] for each in found} == {settled["precision"]}


def test_what_was_settled_stays_settled(tiny: Tiny, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Even where the other is faster by now: a sweep's runs stay comparable."""
    answers = [{"fp32": 2.0, "bf16": 1.0}, {"fp32": 1.0, "bf16": 2.0}]
    monkeypatch.setattr(settling, "_answer", lambda _: Probed(seconds=answers.pop(0)))  # pyright: ignore[reportArgumentType] keys are literals
    spec, facts_of = tiny(experiment=AUTO), facts_reader()
    with writing(tmp_path / "s") as ledger, closing(LocalPool(1, tmp_path)) as pool:
        for _ in range(2):
            assert with_precision(spec, ledger, pool, facts_of, "cpu").experiment.training.precision == "bf16"
    assert len(answers) == 1


def test_a_probe_that_fails_leaves_float32(tiny: Tiny, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(settling, "_answer", lambda _: Probed(seconds={}, reason="no memory"))
    with writing(tmp_path / "s") as ledger, closing(LocalPool(1, tmp_path)) as pool:
        settled = with_precision(tiny(experiment=AUTO), ledger, pool, facts_reader(), "cpu")
    assert settled.experiment.training.precision == "fp32"


def test_a_given_precision_asks_nobody(tiny: Tiny, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(settling, "_answer", None)
    with writing(tmp_path / "s") as ledger, closing(LocalPool(1, tmp_path)) as pool:
        assert with_precision(tiny(), ledger, pool, facts_reader(), "cpu") == tiny()
        assert ledger.meta("precision") is None
