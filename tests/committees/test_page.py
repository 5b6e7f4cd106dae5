"""Figures and the page: what is drawn is what the document says, and texts of specs stay texts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.committees.fine_tuned_runs import fine_tuned_sweep, said
from tlm_sweeps.committees.document import CommitteeDocument
from tlm_sweeps.committees.figures import draw_all
from tlm_sweeps.committees.forming import Asked, form
from tlm_sweeps.committees.page import build_page, write_committee
from tlm_sweeps.committees.tables import verdict
from tlm_sweeps.errors import InputError
from tlm_sweeps.report.figures.theme import Drawn


@pytest.fixture
def found(runs: Path) -> CommitteeDocument:
    """Of four members beside two deep models, without latency."""
    return form(Asked(members=("shallow",), against=("deep",), rounds=0, command=("tlm-sweeps", "committee")), runs)


def traces_of(drawn: Drawn) -> tuple[Any, ...]:
    """What is drawn in a figure."""
    return tuple(drawn.figure.data)


def test_lines_are_the_points_of_each_rule_and_levels_the_other_models(found: CommitteeDocument):
    sizes, flops = draw_all(found)

    lines = {trace.name: list(trace.y) for trace in traces_of(sizes)}
    votes = [100 * point.test_accuracy for point in found.curve if point.rule == "majority vote"]
    assert lines["majority vote"] == pytest.approx(votes)
    deep = 100 * sum(run.test.accuracy for run in found.against[0].runs) / 2
    assert lines["deep, mean of 2"] == pytest.approx([deep, deep])
    spent = {trace.name: list(trace.x) for trace in traces_of(flops)}
    assert spent["mean logit"] == [1000, 2000, 3000, 4000]
    assert spent["deep, mean of 2"] == [3000]


def test_one_member_of_random_weights_leaves_nothing_to_draw(tmp_path: Path):
    fine_tuned_sweep(tmp_path, "one", [said(0)], flops=0)
    alone = form(Asked(members=("one",), rounds=0), tmp_path)
    assert draw_all(alone) == []
    assert "One member reaches" in verdict(alone)[0]
    assert "One member reaches" in build_page(alone)


def test_names_are_escaped(found: CommitteeDocument):
    hostile = "<script>alert(1)</script>"
    group = found.against[0].model_copy(update={"name": hostile})
    page = build_page(found.model_copy(update={"against": (group,), "command": hostile}))
    assert hostile not in page


def test_a_page_that_cannot_be_written_is_refused(found: CommitteeDocument, tmp_path: Path):
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="cannot be written"):
        write_committee(found, tmp_path / "file" / "page.html")
