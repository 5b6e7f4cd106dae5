"""A W&B Report on the stand-in: written once, then brought up to date; and what is said when it cannot be."""

from __future__ import annotations

import dataclasses
import json
import socket
from pathlib import Path

import pytest

from tests.report.wandb.conftest import Keep
from tests.wandb_server.serving import KEY, Server
from tests.wandb_server.state import Report
from tlm_sweeps import api
from tlm_sweeps.cli.app import main
from tlm_sweeps.errors import InputError
from tlm_sweeps.report.wandb.workspaces import reports


def at(server: Server, project: str) -> list[Report]:
    """The reports of a project."""
    found = server.state.find_project("ann", project)
    return list(found.reports.values()) if found else []


def test_a_report_is_written_and_then_brought_up_to_date(
    server: Server, keep: Keep, make_results, tmp_path: Path, capfd: pytest.CaptureFixture[str]
):
    keep(make_results(trials=2, question="Which is best?"))

    assert main(["report", "quickstart", "--wandb", "--project", "one", "--runs-dir", str(tmp_path)]) == 0
    said = capfd.readouterr()
    (first,) = at(server, "one")
    keep(make_results(trials=3, question="Which is better?"))
    again = api.publish_report("quickstart", tmp_path, project="one")

    assert said.out.strip() == again.url.replace("better", "best")
    assert "tracking.wandb is off" in said.err
    (second,) = at(server, "one")
    assert (second.id, second.display_name) == (first.id, "quickstart: Which is better?")
    wr, _ = reports()
    read = wr.Report.from_url(again.url)
    assert read.blocks[0] == wr.H1("Which is better?")
    assert server.state.refusals == []
    assert KEY not in (tmp_path / "quickstart" / "wandb-report.json").read_text() + said.out + said.err


def test_a_report_that_was_deleted_is_written_anew(server: Server, keep: Keep, make_results, tmp_path: Path):
    keep(make_results(trials=1))
    first = api.publish_report("quickstart", tmp_path, project="two")
    with server.state.lock:
        server.state.project("ann", "two").reports.clear()

    second = api.publish_report("quickstart", tmp_path, project="two")

    assert second.report_id != first.report_id
    assert [each.id for each in at(server, "two")] == [second.report_id]


def test_who_does_not_have_the_file_finds_the_report_at_the_server(
    server: Server, keep: Keep, make_results, tmp_path: Path
):
    keep(make_results(trials=1))
    first = api.publish_report("quickstart", tmp_path, project="elsewhere")
    copy = dataclasses.replace(at(server, "elsewhere")[0], id="copy", created_at="2999-01-01T00:00:00.000Z")
    blocks = '{"blocks": [{"type": "paragraph", "children": [{"text": "mine"}]}]}'
    others = [dataclasses.replace(copy, id=f"other{number}", spec=blocks) for number in range(30)]
    with server.state.lock:  # other people's, more than a page of them
        project = server.state.project("ann", "elsewhere")
        project.reports = {each.id: each for each in (copy, *others)} | project.reports
    (tmp_path / "quickstart" / "wandb-report.json").unlink()

    again = api.publish_report("quickstart", tmp_path, project="elsewhere")

    assert again.report_id == first.report_id
    assert len(at(server, "elsewhere")) == 32


def test_another_sweep_of_the_same_name_gets_a_report_of_its_own(
    server: Server, keep: Keep, make_results, tmp_path: Path
):
    for budget in (6e11, 7e11):
        keep(make_results(trials=1, budgets=(budget,)))
        api.publish_report("quickstart", tmp_path, project="shared")
        (tmp_path / "quickstart" / "wandb-report.json").unlink()

    assert len(at(server, "shared")) == 2


def test_another_place_is_another_report(server: Server, keep: Keep, make_results, tmp_path: Path):
    keep(make_results(trials=1))

    api.publish_report("quickstart", tmp_path, project="three")
    api.publish_report("quickstart", tmp_path, project="four")

    assert len(at(server, "three")) == len(at(server, "four")) == 1


def test_what_is_remembered_is_no_obstacle_when_it_is_damaged(server: Server, keep: Keep, make_results, tmp_path: Path):
    keep(make_results(trials=1))
    (tmp_path / "quickstart" / "wandb-report.json").write_text("{")

    assert api.publish_report("quickstart", tmp_path, project="five").entity == "ann"


def test_a_dry_run_prints_what_would_be_sent_and_asks_nobody(
    keep: Keep, make_results, tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
):
    def refuse(*_: object) -> None:
        raise AssertionError("a dry run asked somebody")

    keep(make_results(trials=1))
    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.delenv("WANDB_API_KEY", raising=False)

    code = main(["report", "quickstart", "--wandb", "--dry-run", "--runs-dir", str(tmp_path)])

    said = capfd.readouterr()
    request = json.loads(said.out)
    assert (code, said.err) == (0, "")
    assert (request["entityName"], request["projectName"]) == (None, "tlm-sweeps")
    assert request["spec"]["blocks"]
    assert not (tmp_path / "quickstart" / "wandb-report.json").exists()


def test_a_request_that_is_refused_is_told_and_nothing_is_remembered(
    server: Server, keep: Keep, make_results, tmp_path: Path
):
    keep(make_results(trials=1))
    server.faults.fail(1, only="upsertView", status=403)

    with pytest.raises(InputError, match="refused a request"):
        api.publish_report("quickstart", tmp_path, project="six")

    assert at(server, "six") == []
    assert not (tmp_path / "quickstart" / "wandb-report.json").exists()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--dry-run"], "--dry-run"),
        (["--entity", "ann"], "--entity"),
        (["--project", "tlm"], "--project"),
        (["--wandb", "-o", "page.html"], "--output"),
    ],
)
def test_options_that_mean_nothing_together_are_refused(
    options: list[str], message: str, capfd: pytest.CaptureFixture[str]
):
    assert main(["report", "quickstart", *options]) == 2
    said = capfd.readouterr().err
    assert message in said
    assert "hint:" in said
