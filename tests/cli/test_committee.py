"""`committee` as the shell calls it, on runs that a test made up."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.committees.fine_tuned_runs import fine_tuned_sweep, said

Tlm = Callable[..., Any]


@pytest.fixture
def _here(tmp_path: Path) -> None:
    """Two sweeps in the folder where commands look for them."""
    fine_tuned_sweep(tmp_path / "runs", "shallow", [said(seed) for seed in range(3)])
    fine_tuned_sweep(tmp_path / "runs", "deep", [said(10, skill=2.0)], depth=3, flops=3000, first_seed=10)


@pytest.mark.usefixtures("_here")
def test_tables_for_people(tlm: Tlm, tmp_path: Path):
    said = tlm("committee shallow --against deep --no-latency --output page.html")

    assert said.code == 0, said.err
    assert "3 members together reach" in said.out
    for word in ("mean probability", "majority vote", "3 of 3", "deep/0000-s10", "same pre-training FLOPs"):
        assert word in said.out
    assert "Time of a call" not in said.out
    assert "wrote page.html" in said.err
    assert "tlm-sweeps committee shallow" in (tmp_path / "page.html").read_text()


@pytest.mark.usefixtures("_here")
def test_a_document_for_programs(tlm: Tlm):
    said = tlm("committee shallow/0000-s0 shallow/0000-s2 --against deep --sizes 2 --no-latency --json")

    assert said.code == 0, said.err
    assert [run["run_id"] for run in said.data["committee"]["runs"]] == ["0000-s0", "0000-s2"]
    assert {point["size"] for point in said.data["curve"]} == {2}
    assert said.data["latency"] is None
    assert said.data["command"].startswith("tlm-sweeps committee shallow/0000-s0")
    assert said.data["committee"]["runs"][0]["started_from"]["train_flops"]["matmul"] == 1000


@pytest.mark.usefixtures("_here")
@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("committee", "missing argument"),
        ("committee nothing", "no sweep `nothing`"),
        ("committee shallow deep", "different settings"),
        ("committee shallow --sizes 1,two", "`1,two` are no sizes"),
        ("committee shallow --sizes 4", "no committee of 4"),
        ("committee ../elsewhere", "no sweep name"),
    ],
)
def test_bad_input_is_one_message(tlm: Tlm, words: str, message: str):
    said = tlm(f"{words} --no-latency")
    assert said.code == 2
    assert message in said.err
    assert said.err.count("error:") == 1
    assert said.out == ""
