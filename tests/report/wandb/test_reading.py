"""Our own report from a W&B sweep: what the real client told is what the public API gives back."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
import wandb

from tests.report.wandb.conftest import PATH, SWEEP_ID, put, remember_launched
from tests.wandb_server.serving import KEY, Server
from tests.wandb_server.state import Sweep
from tlm_sweeps import api
from tlm_sweeps.cli.app import main
from tlm_sweeps.errors import InputError
from tlm_sweeps.report.sources import SweepResults
from tlm_sweeps.report.wandb.reading import sweep_results
from tlm_sweeps.tracking.wandb_paths import SweepPath, sweep_path


def test_every_run_is_read_as_it_was_told(server: Server, told: SweepResults):
    read = sweep_results(PATH)

    assert server.state.refusals == []
    assert read.spec == told.spec
    assert read.spent_flops == told.spent_flops
    assert len(read.records) == len(told.records)
    for found, record in zip(read.records, told.records, strict=True):
        assert found.model_copy(update={"finished_at": record.finished_at}) == record
        assert [(each.step, each.val_nll, each.train_nll) for each in read.curves[found.run_id]] == [
            (each.step, each.val_nll, each.train_nll) for each in told.curves[record.run_id]
        ]


def test_the_page_is_built_from_the_sweeps_path(
    told: SweepResults, tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.chdir(tmp_path)

    code = main(["report", PATH])

    page = tmp_path / "runs" / f"{told.spec.name}-{SWEEP_ID}" / "report.html"
    assert (code, capfd.readouterr().out.strip()) == (0, str(page.relative_to(tmp_path)))
    text = page.read_text(encoding="utf-8")
    assert told.spec.question in text
    assert f"/ann/tlm/sweeps/{SWEEP_ID}" in text
    assert KEY not in text


def test_the_report_of_a_wandb_sweep_goes_beside_its_runs(server: Server, told: SweepResults, tmp_path: Path):
    found = api.publish_report(PATH, tmp_path)

    (report,) = server.state.project("ann", "tlm").reports.values()
    assert "/ann/tlm/reports/" in found.url
    assert '"name":"sweep"},"op":"=","value":"abcd1234"' in report.spec
    assert found.note == ""
    with pytest.raises(InputError, match="ann/tlm/abcd1234 are not in ann/other"):
        api.publish_report(PATH, tmp_path, project="other")


def test_a_launched_sweep_has_one_report_however_and_wherever_it_is_named(
    server: Server, told: SweepResults, tmp_path: Path
):
    with server.state.lock:
        server.state.project("ann", "tlm").reports.clear()
    remember_launched(tmp_path / "here", told.spec, server.url)

    first = api.publish_report(told.spec.name, tmp_path / "here")
    by_path = api.publish_report(PATH, tmp_path / "here")
    elsewhere = api.publish_report(PATH, tmp_path / "there")

    assert [each.name for each in (tmp_path / "here").iterdir()] == [told.spec.name]
    assert first.report_id == by_path.report_id == elsewhere.report_id
    assert list(server.state.project("ann", "tlm").reports) == [first.report_id]
    page = api.write_report(PATH, tmp_path / "here")
    assert page == tmp_path / "here" / told.spec.name / "report.html"


def test_what_has_no_complete_run_is_not_reported(server: Server, told: SweepResults):
    empty = Sweep("x", "empty123", "ann", "tlm", *_config_of(server))
    put(server, empty)

    with pytest.raises(InputError, match="nothing to report: no runs") as refused:
        api.write_report("ann/tlm/empty123")

    assert "/ann/tlm/sweeps/empty123" in str(refused.value)


@pytest.mark.parametrize("path", ["ann/tlm/nothere1", "ann/nowhere/abcd1234", "bob/tlm/abcd1234"])
def test_a_sweep_that_is_not_there_is_named(server: Server, told: SweepResults, path: str):
    with pytest.raises(InputError, match=path):
        sweep_results(path)


def test_a_sweep_of_somebody_else_is_refused(server: Server, told: SweepResults):
    config = {"method": "random", "parameters": {"lr": {"min": 0.1, "max": 0.2}}}
    put(server, Sweep("y", "foreign1", "ann", "tlm", config, "method: random\nparameters: {lr: {min: 0.1, max: 0.2}}"))

    with pytest.raises(InputError, match="none of ours"):
        sweep_results("ann/tlm/foreign1")


@pytest.mark.parametrize("text", ["ann/tlm", "a/b/c/d", "ann//abcd1234", "https://wandb.ai/ann", "ann/tlm/runs/x"])
def test_what_is_no_path_is_refused(text: str):
    with pytest.raises(InputError, match="is no W&B sweep"):
        sweep_path(text)


@pytest.mark.parametrize("text", ["ann/tlm/x1", "ann/tlm/sweeps/x1", "https://w.example/ann/tlm/sweeps/x1?workspace=y"])
def test_a_sweeps_path_and_its_address_are_the_same(text: str):
    assert sweep_path(text) == SweepPath("ann", "tlm", "x1")


def test_without_a_login_nobody_is_asked(server: Server, monkeypatch: pytest.MonkeyPatch):
    wandb.teardown()  # it remembers the key of this process
    monkeypatch.delenv("WANDB_API_KEY")

    with pytest.raises(InputError, match="not logged in") as refused:
        sweep_results(PATH)

    assert "wandb login" in str(refused.value)


def test_a_key_that_is_refused_is_not_shown(server: Server):
    server.faults.refuses_key = True
    try:
        with pytest.raises(InputError, match="refuses the API key") as refused:
            sweep_results(PATH)
    finally:
        server.faults.refuses_key = False

    assert KEY not in str(refused.value)


def test_a_server_that_is_gone_is_told_soon(monkeypatch: pytest.MonkeyPatch, server: Server):
    monkeypatch.setenv("WANDB_BASE_URL", "http://127.0.0.1:9")
    begun = time.monotonic()

    with pytest.raises(InputError, match="does not answer"):
        sweep_results(PATH)

    assert time.monotonic() - begun < 60


def _config_of(server: Server) -> tuple[dict, str]:
    sweep = server.state.sweep(SWEEP_ID)
    return sweep.config, sweep.config_yaml
