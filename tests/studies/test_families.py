"""The picture of the four families: what it shows of made-up records, and that it says when there is nothing."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tlm_sweeps.report.sources import SweepResults
from tlm_sweeps.studies.families import families_figure, family_lines, write_families
from tlm_sweeps.studies.tradeoffs_claims import FAMILY_BUDGETS

RATE = "training.learning_rate"


@pytest.fixture(scope="module")
def sweeps(made_up: Callable[..., SweepResults]):
    """Attention with both objectives at every budget, and the MLP at the first only, at two learning rates."""
    attention = [
        (
            {RATE: rate, "training.predict": predict, "budget.flops": budget},
            {
                seed: 2.5 - 0.1 * number + (0.2 if predict == "last" else 0) + 100 * rate + 0.01 * seed
                for seed in range(3)
            },
        )
        for number, budget in enumerate(FAMILY_BUDGETS)
        for predict in ("last", "all")
        for rate in (1e-3, 3e-3)
    ]
    mlp = [
        ({RATE: rate, "training.predict": "last", "budget.flops": FAMILY_BUDGETS[0]}, {0: 2.4 + rate, 1: 2.41, 2: 2.42})
        for rate in (1e-3, 3e-3)
    ]
    search = {RATE: [1e-3, 3e-3]}
    cells = {"tradeoffs-equal-attention": attention, "tradeoffs-equal-mlp": mlp}
    return {name: made_up(name, *found, search=search) for name, found in cells.items()}


def test_a_line_for_each_family_and_objective_at_its_best_learning_rate(sweeps: dict[str, SweepResults]):
    lines = {line.label: line for line in family_lines(sweeps)}
    assert list(lines) == ["MLP", "attention, one target a window", "attention, all positions"]
    assert [nll.mean for _, nll in lines["attention, all positions"].points] == pytest.approx([2.61, 2.51, 2.41])
    assert len(lines["MLP"].points) == 1


def test_the_figure_has_means_intervals_and_both_objectives_apart(sweeps: dict[str, SweepResults]):
    figure = families_figure(sweeps).to_dict()
    last, every = figure["data"][1:]
    assert last["line"]["color"] == every["line"]["color"]
    assert last["line"]["dash"] != every["line"]["dash"]
    assert list(every["error_y"]["array"]) == pytest.approx([0.02484] * 3, rel=1e-3)
    assert figure["layout"]["xaxis"]["type"] == "log"


def test_the_picture_opens_from_disk(sweeps: dict[str, SweepResults], tmp_path: Path):
    page = write_families(sweeps, tmp_path / "families.html").read_text(encoding="utf-8")
    assert 'src="http' not in page
    assert "attention, all positions" in page


def test_without_a_measured_family_there_is_no_picture():
    with pytest.raises(ValueError, match="no family is measured"):
        families_figure({})
