"""`sweep` and `run` for real, and what reads what they leave: `status`, `list`, `report`, `export`."""

import csv
import io
import json
import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import tlm_sweeps

Tlm = Callable[..., Any]


def test_a_sweep_tells_of_every_run_and_ends_with_its_leaderboard_and_report(tlm: Tlm, spec: Path):
    said = tlm("sweep", spec, "--workers", "1")
    assert said.code == 0
    assert "tiny: 3 trials" in said.err or "tiny: 5 trials" in said.err
    assert sum("· val " in line for line in said.err.splitlines()) == 3
    assert "done: 3 complete, 2 infeasible" in said.err
    assert "linear" in said.out
    assert said.out.splitlines()[-1] == "report: runs/tiny/report.html"
    assert Path("runs/tiny/report.html").read_text().startswith("<!DOCTYPE html>")


def test_a_finished_sweep_resumes_into_nothing_and_says_so(tlm: Tlm, runs: Path):
    said = tlm("sweep", runs / "tiny.yaml", "--runs-dir", runs, "--no-report", "--json")
    events = [json.loads(line) for line in said.out.splitlines()]
    assert (said.code, said.err) == (0, "")
    assert [event["event"] for event in events] == ["started", "finished"]
    assert events[0]["resumes"] is True
    assert events[1]["states"] == {"complete": 3, "infeasible": 2}
    nlls = [row["val_nll"] for row in events[1]["leaderboard"]]
    assert nlls == sorted(nlls)
    assert events[1]["best"]["val_nll"] == nlls[0]
    assert events[1]["report"] is None


def test_another_spec_under_the_same_name_is_refused_with_the_difference(tlm: Tlm, runs: Path):
    said = tlm("sweep", runs / "tiny.yaml", "--runs-dir", runs, "--set", "training.batch_size=4")
    assert said.code == 2
    assert "training.batch_size: 8 → 4" in said.err
    assert "--set name=" in said.err


def test_a_sweep_of_which_every_run_fails_leaves_with_1_and_says_why(tlm: Tlm, spec: Path):
    said = tlm(
        *("sweep", spec, "--workers", "1", "--json", "--set", "baselines=null", "--set", "model.heads=2"),
        *("--set", "search={model.depth: [1]}", "--set", "training.learning_rate=1e30"),
    )
    events = [json.loads(line) for line in said.out.splitlines()]
    assert said.code == 1
    assert events[-1]["states"] == {"failed": 1}
    assert next(event["record"]["reason"] for event in events if event["event"] == "run").startswith("diverged")
    assert "diverged" in tlm("status").out
    assert "nothing to report" in tlm("report tiny").err


def test_run_trains_the_experiment_alone_and_prints_its_record(tlm: Tlm, spec: Path):
    said = tlm("run", spec, "--seed", "5", "--json")
    (record,) = said.data
    assert said.code == 0
    assert (record["sweep"], record["seed"], record["state"], record["settings"]) == ("tiny-run-s5", 5, "complete", {})
    assert record["train_flops"]["matmul"] <= record["budget_flops"]
    table = tlm("run", spec, "--seed", "5")
    assert f"{record['test_nll']:.4f} nats per target" in table.out
    assert f"{record['val_nll'] / 0.693147181:.4f} bits per character" in table.out


def test_run_names_the_fields_that_only_the_search_gave_and_its_hint_is_true(tlm: Tlm, spec: Path):
    spec.write_text(spec.read_text().replace("width: 16, ", "").replace("search:", "search:\n  model.width: [16, 32]"))
    spec.write_text(spec.read_text().replace("linear, training", "linear, model.width: 16, training"))
    assert tlm("spec", "check", spec).code == 0
    said = tlm("run", spec)
    assert said.code == 2
    _, _, hint = said.err.partition("add `")
    assert hint.strip().startswith("--set model.width=16`")
    assert tlm("run", spec, *hint.partition("`")[0].split()).code == 0


def test_status_and_list_say_how_a_sweep_stands(tlm: Tlm, runs: Path):
    status = tlm("status", "--runs-dir", runs, "--json").data
    assert (status["sweep"], status["trials_over"], status["trials_wanted"]) == ("tiny", 3, 3)
    assert (status["standing"], status["writer"], status["failures"]) == ("over", None, [])
    assert 0.98 * status["total_flops"] <= status["spent_flops"] <= status["total_flops"]
    (listed,) = tlm("list", "--runs-dir", runs, "--json").data
    assert listed == status
    for line in ("status tiny", "list"):
        said = tlm(*line.split(), "--runs-dir", runs)
        assert said.code == 0
        assert f"{status['best']['val_nll']:.4f}" in said.out


def test_a_ledger_that_cannot_be_read_does_not_hide_the_other_sweeps(tlm: Tlm, runs: Path, tmp_path: Path):
    shutil.copytree(runs, tmp_path / "runs")
    (tmp_path / "runs" / "broken").mkdir()
    (tmp_path / "runs" / "broken" / "ledger.sqlite").write_text("this is no ledger " * 100)
    said = tlm("list --json")
    assert said.code == 1
    assert [each["sweep"] for each in said.data] == ["tiny"]
    assert "broken" in said.err


def test_a_misspelt_sweep_is_answered_with_the_nearest(tlm: Tlm, runs: Path):
    assert "did you mean `tiny`?" in tlm("export", "tinny", "--runs-dir", runs).err


def test_exports_agree(tlm: Tlm, runs: Path, tmp_path: Path):
    records = tlm("export", "tiny", "--runs-dir", runs, "--format", "json").data
    rows = list(csv.DictReader(io.StringIO(tlm("export", "tiny", "--runs-dir", runs, "--format", "csv").out)))
    said = tlm("export", "tiny", "--runs-dir", runs, "--format", "parquet", "--output", tmp_path / "t.parquet")
    frame = pd.read_parquet(tmp_path / "t.parquet")
    assert (said.code, said.out) == (0, "")
    assert [row["run_id"] for row in rows] == [record["run_id"] for record in records] == list(frame["run_id"])
    for record, row, value in zip(records, rows, frame["val_nll"], strict=True):
        assert row["val_nll"] == ("" if record["val_nll"] is None else str(record["val_nll"]))
        assert value == record["val_nll"] or record["val_nll"] is None


def test_an_optuna_study_is_a_file_and_is_not_overwritten(tlm: Tlm, runs: Path, tmp_path: Path):
    words = ("export", "tiny", "--runs-dir", runs, "--format", "optuna", "--output", tmp_path / "study.sqlite3")
    assert tlm(*words).code == 0
    with sqlite3.connect(tmp_path / "study.sqlite3") as study:
        assert study.execute("SELECT count(*) FROM trials").fetchone() == (2,)
    study.close()
    assert tlm(*words).code == 2


def test_binary_formats_go_into_files_only(tlm: Tlm, runs: Path):
    said = tlm("export", "tiny", "--runs-dir", runs, "--format", "parquet", "--output", "-")
    assert (said.code, said.out) == (2, "")


def test_a_report_goes_where_it_is_told(tlm: Tlm, runs: Path, tmp_path: Path):
    said = tlm("report", "tiny", "--runs-dir", runs, "--output", tmp_path / "mine.html")
    assert (said.code, said.out.strip()) == (0, str(tmp_path / "mine.html"))
    assert "Which depth is best" in (tmp_path / "mine.html").read_text()


def test_the_python_api_reads_what_the_command_line_shows(tlm: Tlm, runs: Path):
    records = tlm("export", "tiny", "--runs-dir", runs).data
    frame = tlm_sweeps.records("tiny", runs)
    results = tlm_sweeps.results("tiny", runs)
    assert list(frame["run_id"]) == [record["run_id"] for record in records]
    assert results.spent_flops == sum((record["train_flops"] or {}).get("matmul", 0) for record in records)
    assert results.curves.keys() == {record["run_id"] for record in records if record["state"] == "complete"}
    assert tlm_sweeps.status("tiny", runs).progress.trials_over == 3


@pytest.mark.parametrize("name", ["export_study", "iter_sweep", "load", "plan", "records", "results", "sweep"])
def test_the_api_is_to_be_had_from_the_package(name: str):
    assert callable(getattr(tlm_sweeps, name))
    assert name in dir(tlm_sweeps)
    stub = Path(tlm_sweeps.__file__).with_suffix(".pyi").read_text()
    assert f"import {name} as {name}" in stub
