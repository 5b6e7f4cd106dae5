"""`reproduce tiny-language-models` from kept records: claims, committees, a page; and options that mean nothing."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.studies.tiny_runs import SPECS, committees_of, scaled_study
from tlm_sweeps.cli.study_committees import committees_formed
from tlm_sweeps.studies.kept import keep, read_kept
from tlm_sweeps.studies.kept_committees import keep_committee, read_committees
from tlm_sweeps.studies.tiny import TINY, reproduce_tiny
from tlm_sweeps.studies.tiny_findings import tiny_findings

Tlm = Callable[..., Any]
STUDY = "tiny-language-models"


@pytest.fixture
def kept(tmp_path: Path) -> Path:
    """Records of the whole scaled study, where pre-training brings a tenth and committees a little."""
    folder = tmp_path / "records" / STUDY
    sweeps = scaled_study(lambda _task, spec, seed: 0.5 + 0.1 * bool(spec.get("start_from")) + 0.001 * (seed % 3))
    for results in sweeps.values():
        keep(results, folder)
    for number, document in enumerate(committees_of(sweeps, lambda _, replicate: 0.01 + 0.001 * replicate)):
        keep_committee(document, f"committee-{number}", folder)
    return tmp_path / "records"


def test_kept_records_give_every_claim_with_intervals_and_every_committee(tlm: Tlm, kept: Path):
    told = tlm("reproduce", STUDY, "--from", kept, "--json")
    assert (told.code, told.err) == (0, "")
    document = json.loads(told.out)
    verdicts = {each["name"]: [setting["verdict"] for setting in each["settings"]] for each in document["claims"]}
    assert verdicts["B1"] == ["holds", "holds"]
    assert verdicts["B4"] == ["holds", "does not hold"]
    quantity = document["claims"][0]["settings"][0]["quantities"][0]
    assert quantity["interval"] == pytest.approx([0.1, 0.1])
    assert len(document["committees"]) == 9
    assert {"n_params", "forward_flops", "pretraining_flops"} <= document["committees"][0]["committee"].keys()
    assert document["committees"][0]["latency"]["timings"]


def test_one_claim_is_told_alone_and_called_scaled(tlm: Tlm, kept: Path):
    told = tlm("reproduce", STUDY, "--from", kept, "--table", "B2")
    assert told.code == 0
    assert "B2" in told.out
    assert "scaled" in told.out
    assert "B1 " not in told.out


def test_the_page_of_another_study_is_not_written_over(tlm: Tlm, kept: Path, tmp_path: Path):
    page = tmp_path / "FINDINGS.md"
    page.write_text("# Findings\n\nmade by `tlm-sweeps reproduce architecture-tradeoffs --from records`\n")
    before = page.read_text()
    told = tlm("reproduce", STUDY, "--from", kept, "--findings", page)
    assert told.code == 2
    assert "holds the findings of architecture-tradeoffs" in told.err
    assert page.read_text() == before
    page.write_text("# Findings\n\nmy own notes\n")
    assert tlm("reproduce", STUDY, "--from", kept, "--findings", page).code == 0
    assert tlm("reproduce", STUDY, "--from", kept, "--findings", page).code == 0


def test_a_committee_whose_runs_have_lost_their_files_stops_no_other_claim(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    sweeps = scaled_study(lambda _task, _spec, seed: 0.5 + 0.001 * seed, seeds=1)
    assert committees_formed(TINY, sweeps, None, runs=tmp_path, keep_in=None, argv=()) == ()
    said = capsys.readouterr().err
    assert "not formed, ag-news-0" in said
    assert "not formed, fewrel-0" in said
    assert "hint:" in said


def test_findings_are_written_from_the_records(tlm: Tlm, kept: Path, tmp_path: Path):
    page = tmp_path / "findings.md"
    assert tlm("reproduce", STUDY, "--from", kept, "--findings", page).code == 0
    text = page.read_text()
    assert "## In short" in text
    assert "| shallow | **holds** |" in text
    assert text == tiny_findings(reproduce_tiny(TINY, read_kept(kept / STUDY), read_committees(kept / STUDY)))


def test_times_are_taken_anew_only_where_runs_are(tlm: Tlm, kept: Path):
    refused = tlm("reproduce", STUDY, "--from", kept, "--again-latency")
    assert refused.code == 2
    assert "--again-latency means nothing where kept records are read" in refused.err
    refused = tlm("reproduce", "architecture-tradeoffs", "--no-train", "--again-latency")
    assert "architecture-tradeoffs has no committees to time" in refused.err


def test_times_are_not_taken_anew_for_a_claim_that_has_none(tlm: Tlm):
    refused = tlm("reproduce", STUDY, "--no-train", "--table", "B1", "--again-latency")
    assert refused.code == 2
    assert "--again-latency means nothing without B4" in refused.err


def test_the_html_page_has_the_claims_that_are_asked_for(tlm: Tlm, kept: Path, tmp_path: Path):
    told = tlm("reproduce", STUDY, "--from", kept, "--table", "B3", "--html", tmp_path / "b3.html")
    assert (told.code, told.err.splitlines()[-1]) == (0, f"report: {tmp_path / 'b3.html'}")
    page = (tmp_path / "b3.html").read_text()
    assert "B3, distinct tokens: not shown (scaled)" in page
    assert "B1, deep" not in page


def test_a_run_that_began_with_others_weights_is_not_made_again_alone(tlm: Tlm, kept: Path):
    refused = tlm("reproduce", STUDY, "--from", kept, "--again", "tiny-scaled-ag-news-members-0001-s0")
    assert refused.code == 2
    assert "began with the weights of" in refused.err


@pytest.mark.parametrize("file", ["full.yaml", "full-fewrel.yaml"])
def test_a_plan_at_full_size_without_its_text_is_one_clear_message(tlm: Tlm, file: str):
    refused = tlm("plan", SPECS / file, "--json")
    assert (refused.code, refused.out) == (2, "")
    assert refused.err.count("the corpus 'wikipedia-subset' is not in") == 1
    assert "by --data-dir or TLM_DATA" in refused.err


def test_a_damaged_committee_is_one_clear_message(tlm: Tlm, kept: Path):
    (kept / STUDY / "committees" / "committee-0.json").write_text("{}")
    refused = tlm("reproduce", STUDY, "--from", kept)
    assert refused.code == 2
    assert "the kept committee cannot be read" in refused.err
