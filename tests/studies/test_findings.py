"""FINDINGS.md: what is on the page with records and without, and that the repository's is what its records make."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from tlm_sweeps.report.sources import SweepResults
from tlm_sweeps.studies.findings import RECORDS, findings, write_findings
from tlm_sweeps.studies.kept import read_kept

ROOT = Path(__file__).parents[2]
Trained = Callable[..., SweepResults]


@pytest.fixture(scope="module")
def sweeps(trained: Trained):
    """Table 1 and the sweep over heads: attention is best, and more heads are worse."""
    best = {"linear": 3.0, "mlp": 2.3, "attention": 2.1, "transformer": 2.2}
    kinds = trained(
        "table-1.yaml", lambda trial, seed: best[trial.settings.get("model.kind", "transformer")] + 0.001 * seed
    )
    heads = trained("sweep-heads.yaml", lambda trial, seed: 2.3 + 0.1 * trial.settings["model.heads"] + 0.001 * seed**2)
    return {each.spec.name: each for each in (kinds, heads)}


def test_failures_stand_in_the_headings(sweeps: dict[str, SweepResults]):
    page = findings(sweeps)
    assert re.search(r"^### A4 does not hold .*more heads help", page, re.MULTILINE)
    assert re.search(r"^### A1 holds by the study's own account; the rest is not run yet", page, re.MULTILINE)


def test_what_the_account_hides_is_computed(sweeps: dict[str, SweepResults]):
    hidden = findings(sweeps).partition("## What the study's account hides")[2].partition("## Claims")[0]
    assert "order from cheap to dear is attention, transformer, L = 3, linear and MLP" in hidden
    assert "it is linear, MLP, attention and transformer, L = 3" in hidden


def test_records_are_linked_and_what_is_not_run_is_said(sweeps: dict[str, SweepResults]):
    page = findings(sweeps)
    assert f"]({RECORDS}/tradeoffs-heads.json)" in page
    assert "tradeoffs-depth (not run yet)" in page
    assert f"]({RECORDS}/tradeoffs-depth.json)" not in page
    assert "Not run yet." in page


def test_without_any_record_there_is_a_page_that_claims_nothing():
    page = findings({})
    assert "**holds**" not in page
    assert "20 are not run" in page
    assert "Nothing is run yet." in page


def test_the_page_is_written_as_it_is_made(sweeps: dict[str, SweepResults], tmp_path: Path):
    path = write_findings(sweeps, tmp_path / "FINDINGS.md")
    assert path.read_text(encoding="utf-8") == findings(sweeps)


def test_the_repositorys_page_is_what_its_records_make():
    if not (ROOT / RECORDS).is_dir():
        pytest.skip(f"{RECORDS} is not here")
    hint = "make it again: tlm-sweeps reproduce architecture-tradeoffs --from records --findings FINDINGS.md"
    page = findings(read_kept(ROOT / RECORDS))
    assert (ROOT / "FINDINGS.md").read_text(encoding="utf-8") == page, hint
    assert all((ROOT / path).exists() for path in re.findall(r"\]\(([^)#]+)\)", page))
