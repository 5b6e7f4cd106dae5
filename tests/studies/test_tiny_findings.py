"""The second study's pages: scaled wherever numbers stand, and the repository's is what its records make."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest

from tests.browsing import drawn, needs_chromium
from tests.studies.tiny_runs import committees_of, scaled_study
from tlm_sweeps.report.sources import SweepResults
from tlm_sweeps.studies.findings import findings
from tlm_sweeps.studies.kept import read_kept
from tlm_sweeps.studies.kept_committees import read_committees
from tlm_sweeps.studies.tiny import TINY, TinyReproduction, reproduce_tiny
from tlm_sweeps.studies.tiny_document import tiny_document
from tlm_sweeps.studies.tiny_findings import PAGE, RECORDS, tiny_findings
from tlm_sweeps.studies.tiny_page import build_tiny_page, write_tiny_page

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def sweeps() -> dict[str, SweepResults]:
    """Pre-training brings a tenth everywhere."""
    return scaled_study(lambda _task, spec, seed: 0.5 + 0.1 * bool(spec.get("start_from")) + 0.001 * (seed % 3))


@pytest.fixture(scope="module")
def found(sweeps: dict[str, SweepResults]) -> TinyReproduction:
    """With committees a little better than the deep encoder."""
    return reproduce_tiny(TINY, sweeps, committees_of(sweeps, lambda _, replicate: 0.01 + 0.001 * replicate))


def with_facts(results: SweepResults, **facts: int) -> SweepResults:
    """The sweep, whose runs knew this of their texts too."""
    records = [
        each.model_copy(
            update={"provenance": each.provenance.model_copy(update={"corpus": {**each.provenance.corpus, **facts}})}
        )
        for each in results.records
    ]
    return replace(results, records=tuple(records))


def test_the_repositorys_page_is_what_its_records_make():
    """Where none are kept yet, the page says so."""
    folder = ROOT / RECORDS
    kept, committees = (read_kept(folder), read_committees(folder)) if folder.is_dir() else ({}, ())
    hint = f"make it again: tlm-sweeps reproduce tiny-language-models --from records --findings {PAGE}"
    page = tiny_findings(reproduce_tiny(TINY, kept, committees))
    assert (ROOT / PAGE).read_text(encoding="utf-8") == page, hint
    assert all((ROOT / path).exists() for path in re.findall(r"\]\(([^)#]+)\)", page))


def test_another_record_makes_another_page(found: TinyReproduction, sweeps: dict[str, SweepResults]):
    name = "tiny-scaled-fewrel"
    first, *rest = sweeps[name].records
    assert first.test_scores
    worse = first.test_scores.model_copy(update={"accuracy": first.test_scores.accuracy - 0.001})
    changed = replace(sweeps[name], records=(first.model_copy(update={"test_scores": worse}), *rest))
    assert tiny_findings(reproduce_tiny(TINY, sweeps | {name: changed})) != tiny_findings(reproduce_tiny(TINY, sweeps))
    assert tiny_findings(found) != tiny_findings(reproduce_tiny(TINY, sweeps)), "committees are on it"


def test_the_first_studys_page_leads_to_it_and_it_to_the_first():
    assert f"]({PAGE})" in findings({})
    assert "](FINDINGS.md)" in tiny_findings(reproduce_tiny(TINY, {}))


def test_every_table_of_our_numbers_is_called_scaled(found: TinyReproduction):
    page = tiny_findings(found)
    blocks = page.split("\n\n")
    tables = [number for number, block in enumerate(blocks) if block.startswith("|")]
    assert len(tables) == 9
    for number in tables:
        above = blocks[number - 1] + blocks[number].splitlines()[0]
        section = page[: page.index(blocks[number])].rpartition("### ")[2]
        assert "scaled" in above or "published; not run" in section


def test_committees_stand_beside_the_deep_encoder_with_intervals(found: TinyReproduction):
    page = tiny_findings(found)
    row = next(line for line in page.splitlines() if line.startswith("| fewrel | 2 |"))
    assert row.startswith("| fewrel | 2 | 61.40 (0.0 to 100.0) | 60.20 (0.0 to 100.0) | +1.20 |")


def test_without_records_the_page_links_to_none_and_claims_nothing():
    page = tiny_findings(reproduce_tiny(TINY, {}))
    assert f"]({RECORDS}" not in page
    assert "**holds**" not in page
    assert "docs/overlap-gain.png" not in page
    assert "Nothing is run yet." in page


def test_texts_that_are_there_twice_are_counted_or_said_not_to_be(sweeps: dict[str, SweepResults]):
    name = "tiny-scaled-fewrel"
    old = with_facts(sweeps[name], n_test_seen=5)
    found = reproduce_tiny(TINY, sweeps | {name: old})
    said = "Texts of fewrel that are also elsewhere: test in train 5; not counted: validation in train, test in "
    assert said in tiny_findings(found)
    new = with_facts(old, n_valid_seen=1, n_test_in_valid=0, n_test_in_passages=3)
    found = reproduce_tiny(TINY, sweeps | {name: new})
    assert "test in validation 0 and test in one passage of pre-training 3." in tiny_findings(found)
    shared = {task["task"]: task["shared_texts"] for task in tiny_document(found)["tasks"]}
    assert shared["fewrel"]["test in one passage of pre-training"] == 3
    assert set(shared["ag-news"].values()) == {None}


def test_the_html_page_has_claims_tables_and_pictures(found: TinyReproduction):
    html = build_tiny_page(found)
    assert "B1, deep: holds (scaled)." in html
    assert "B4, in sequence: does not hold (scaled)." in html
    assert html.count('class="plot"') == 2
    assert "BERT-6, 12 heads" in html
    assert 'class="plot"' not in build_tiny_page(reproduce_tiny(TINY, {}))


@needs_chromium
def test_chromium_draws_it_without_a_complaint(found: TinyReproduction, tmp_path: Path):
    path = write_tiny_page(found, tmp_path / "tiny.html")
    assert drawn(path, tmp_path).count("plot js-plotly-plot") == 2
