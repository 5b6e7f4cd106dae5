"""Pre-training from spec to report: a sweep of tiny encoders on the text that is on every machine."""

from __future__ import annotations

from pathlib import Path

import pytest

import tlm_sweeps as tlm
from tlm_sweeps.report.sources import SweepResults
from tlm_sweeps.spec.sweep import SweepSpec

TINY = SweepSpec.model_validate_json("""{
    "name": "tiny-bert",
    "experiment": {
        "corpus": {"name": "python-docs"},
        "passages": {
            "pieces": {"kind": "trained", "size": 400, "alphabet": 60}, "length": 16, "heldout_passages": 20
        },
        "model": {"kind": "bert", "width": 8, "heads": 2, "context": 16},
        "training": {"batch_size": 8, "learning_rate": 0.003, "predict": "masked", "windows": "shuffled"},
        "evaluation": {"every": 0.5}
    },
    "search": {"model.depth": [1, 2], "passages.first_passages": [40, 80]},
    "budget": {"flops": 5e7, "tolerance": 0.05},
    "engine": {"sampler": "grid"}
}""")


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> tuple[SweepResults, Path]:
    runs = tmp_path_factory.mktemp("runs")
    return tlm.sweep(TINY, runs_dir=runs, workers=1), runs


def test_every_run_spends_its_budget_and_tells_of_its_passages(finished: tuple[SweepResults, Path]):
    results, _ = finished
    assert [record.state for record in results.records] == ["complete"] * 4
    for record in results.records:
        assert record.train_flops is not None
        assert 0.95 * 5e7 < record.train_flops["matmul"] <= 5e7
        facts = record.provenance.corpus
        assert facts["n_train"] == record.settings["passages.first_passages"]
        assert facts["vocabulary_size"] <= 400
        assert facts["pieces_fingerprint"]
        assert record.spec["training"]["masking"]["share"] == 0.15


def test_what_was_planned_is_what_was_trained(finished: tuple[SweepResults, Path]):
    results, _ = finished
    planned = {tuple(each.settings.items()): each for each in tlm.plan(TINY).trials}
    for record in results.records:
        trial = planned[tuple(record.settings.items())]
        assert trial.matched is not None
        assert trial.cost is not None
        assert record.train_flops == trial.matched.train_flops.by_name()
        assert (record.n_params, record.targets) == (trial.cost.n_params, trial.cost.targets)


def test_the_report_speaks_of_masked_pieces_and_of_no_characters(finished: tuple[SweepResults, Path]):
    _, runs = finished
    page = tlm.write_report("tiny-bert", runs).read_text()
    assert "nats per masked piece" in page
    assert "bits per character" not in page
