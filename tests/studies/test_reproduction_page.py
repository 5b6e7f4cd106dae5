"""The page of a reproduction: what it says, and that a browser draws it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from tests.browsing import drawn, needs_chromium
from tlm_sweeps.report.sources import SweepResults
from tlm_sweeps.studies.reproduction import Reproduction, reproduce
from tlm_sweeps.studies.reproduction_page import build_page, write_reproduction
from tlm_sweeps.studies.tradeoffs import TRADEOFFS

Trained = Callable[..., SweepResults]
PUBLISHED = {"linear": 3.0549, "mlp": 2.3222, "attention": 2.1335, "transformer": 2.0058}


@pytest.fixture(scope="module")
def found(trained: Trained):
    """Table 1 with an MLP half a nat worse than published, and nothing of the others."""

    def test_nll(trial, seed: int) -> float:
        kind = trial.matched.experiment.model.kind
        return PUBLISHED[kind] + 0.01 * (seed - 2) + (0.5 if kind == "mlp" else 0.0)

    sweep = trained("table-1.yaml", test_nll)
    return reproduce(TRADEOFFS, {sweep.spec.name: replace(sweep, command="tlm-sweeps '<script>alert(1)</script>'")})


def test_it_says_what_was_reproduced_and_by_how_much_the_rest_was_missed(found: Reproduction):
    html = build_page(found)
    assert "3 reproduced, 1 not reproduced, 16 not run, of 20 rows" in html
    assert "Not reproduced: MLP (table 1): ours lies 0.5000 nats above the published value" in html
    for _, cell in TRADEOFFS.cells:
        assert f"{cell.published.test_nll:.4f}" in html
    assert "0123456789abcdef" in html, "the commit that the runs were made at"


def test_it_runs_nothing_that_is_not_its_own(found: Reproduction):
    html = build_page(found)
    assert "<script>alert(1)" not in html
    assert "default-src &#39;none&#39;" in html
    assert html.count("<script>") == 2


def test_tables_without_runs_have_no_figures(found: Reproduction):
    html = build_page(found)
    assert 'id="differences-1"' in html
    assert 'id="curves-1"' in html
    assert 'id="differences-heads"' not in html


def test_a_sweep_without_published_curves_has_no_figure_of_them(trained: Trained):
    sweep = trained("sweep-heads.yaml", lambda _, seed: 2.3 + 0.01 * seed)
    html = build_page(reproduce(TRADEOFFS, {sweep.spec.name: sweep}))
    assert 'id="differences-heads"' in html
    assert 'id="curves-heads"' not in html


@needs_chromium
def test_chromium_draws_it_without_a_complaint(found: Reproduction, tmp_path: Path):
    path = write_reproduction(found, tmp_path / "reproduction.html")
    assert drawn(path, tmp_path).count("plot js-plotly-plot") == 2
