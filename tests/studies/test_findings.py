"""FINDINGS.md: what is on the page with records and without, and that the repository's is what its records make."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from tlm_sweeps.compute.planning import PlannedTrial
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


def cells_of(page: str, claim: str) -> list[str]:
    """The row of a claim in the table at the top."""
    (row,) = (line for line in page.partition("## What the study")[0].splitlines() if line.startswith(f"| {claim}:"))
    return [cell.strip() for cell in row.strip("| ").split(" | ")]


def test_what_was_not_matched_stands_under_its_own_name(trained: Trained):
    overfits = trained(
        "question-3-regularisation.yaml", lambda _, seed: 6.0 + 0.01 * seed, course=lambda epoch: abs(epoch - 2)
    )
    page = findings({overfits.spec.name: overfits})
    assert cells_of(page, "A6")[1:] == [
        "**not run**",
        "–",
        "with all positions as targets, nothing matched: **holds**",
    ]


def test_a_learning_rate_at_the_edge_is_starred_at_the_top(trained: Trained):
    def families(best: float) -> str:
        """Every family is best at this learning rate, and attention before the MLP."""

        def test_nll(trial: PlannedTrial, seed: int) -> float:
            assert trial.matched
            model, training = trial.matched.experiment.model, trial.matched.experiment.training
            higher = 0.1 if training.learning_rate == best else 0.3
            return 2.0 + higher + (0.5 if model.kind == "mlp" else 0.0) + 0.01 * seed

        found = [trained(f"equal-{kind}.yaml", test_nll) for kind in ("mlp", "attention", "transformer")]
        return findings({each.spec.name: each for each in found})

    middle, edge = families(1e-3), families(3e-3)
    assert cells_of(middle, "A1")[1:] == ["**not run**", "**holds**", "**holds**"]
    assert cells_of(edge, "A1")[1:] == ["**not run**", r"**holds**\*", r"**holds**\*"]
    assert [page.count("A star marks a learning rate") for page in (middle, edge)] == [0, 3]


def test_fewer_seeds_are_counted_when_fewer_are_asked_for(sweeps: dict[str, SweepResults]):
    assert re.search(r"heads = 1 \| 2.3482 \| \S+ ± \S+ \| 5 \|", findings(sweeps))
    assert re.search(r"heads = 1 \| 2.3482 \| \S+ ± \S+ \| 2 \|", findings(sweeps, seeds=2))
