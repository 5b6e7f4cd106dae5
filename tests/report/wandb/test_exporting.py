"""`export` of a W&B sweep: the records of its runs, by the name that it was launched under or by its path."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pandas as pd
import pytest

from tests.report.wandb.conftest import PATH, SWEEP_ID, remember_launched
from tests.wandb_server.serving import Server
from tlm_sweeps import api
from tlm_sweeps.cli.app import main
from tlm_sweeps.report.sources import SweepResults


@pytest.fixture
def name(server: Server, told: SweepResults, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """What the sweep was launched as, from `runs` in the working folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("TLM_RUNS", raising=False)
    remember_launched(tmp_path / "runs", told.spec, server.url)
    return told.spec.name


def test_the_formats_agree_under_the_name_and_the_path(
    name: str, told: SweepResults, capfd: pytest.CaptureFixture[str]
):
    assert main(["export", name]) == 0
    records = json.loads(capfd.readouterr().out)
    assert main(["export", PATH, "--format", "csv"]) == 0
    rows = list(csv.DictReader(io.StringIO(capfd.readouterr().out)))
    assert main(["export", PATH, "--format", "parquet"]) == 0
    frame = pd.read_parquet(f"runs/{name}/{name}.parquet")

    nlls = [record.val_nll for record in told.records]
    assert [record["val_nll"] for record in records] == nlls
    assert [row["val_nll"] for row in rows] == ["" if nll is None else str(nll) for nll in nlls]
    for table in (frame, api.records(name)):
        assert list(table["val_nll"].astype(object).where(table["val_nll"].notna(), None)) == nlls


def test_of_a_sweep_that_was_not_launched_here_the_file_goes_where_its_page_does(name: str):
    assert main(["export", PATH, "--format", "parquet", "--runs-dir", "others"]) == 0
    assert Path(f"others/{name}-{SWEEP_ID}/{name}-{SWEEP_ID}.parquet").is_file()


@pytest.mark.parametrize("is_path", [True, False])
def test_a_study_needs_a_sweep_that_was_searched_here(
    name: str, is_path: bool, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.delenv("WANDB_API_KEY")  # nobody is asked
    asked = PATH if is_path else name

    assert main(["export", asked, "--format", "optuna"]) == 2

    said = capfd.readouterr().err
    assert f"`{asked}` is a W&B sweep" in said
    assert "searched on this machine" in said
    assert f"hint: `tlm-sweeps report {asked}`" in said
    assert not list(Path("runs").rglob("*.sqlite3"))
