"""Kept records: what is written is what is read, and what is no record is refused with its place."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from tlm_sweeps.errors import InputError
from tlm_sweeps.report.sources import SweepResults
from tlm_sweeps.studies.kept import keep, read_kept

Trained = Callable[..., SweepResults]


@pytest.fixture(scope="module")
def sweep(trained: Trained):
    return trained("sweep-heads.yaml", lambda _, seed: 2.3 + 0.01 * seed)


def test_what_is_kept_is_read_again(sweep: SweepResults, tmp_path: Path):
    path = keep(sweep, tmp_path / "records" / "study")
    assert path.name == "tradeoffs-heads.json"
    (again,) = read_kept(path.parent).values()
    assert again.spec == sweep.spec
    assert again.records == sweep.records
    assert {name: tuple(curve) for name, curve in again.curves.items()} == sweep.curves
    assert (again.command, again.spent_flops) == (sweep.command, sweep.spent_flops)


def test_the_same_results_make_the_same_file_in_whatever_order_they_ended(sweep: SweepResults, tmp_path: Path):
    later = replace(sweep, records=sweep.records[::-1], created_at="2026-01-01T00:00:00Z")
    assert keep(sweep, tmp_path / "a").read_bytes() == keep(later, tmp_path / "b").read_bytes()


def test_a_record_is_a_line_so_that_two_versions_can_be_compared(sweep: SweepResults, tmp_path: Path):
    lines = keep(sweep, tmp_path).read_text().splitlines()
    for record in sweep.records:
        assert sum(f'"run_id":"{record.run_id}"' in line for line in lines) == 1


def test_published_numbers_cannot_be_kept_as_records(sweep: SweepResults, tmp_path: Path):
    path = keep(sweep, tmp_path)
    path.write_text(path.read_text().replace('"run_id"', '"published_nll": 2.3, "run_id"', 1))
    with pytest.raises(InputError, match="cannot be read") as refused:
        read_kept(tmp_path)
    assert str(path) in str(refused.value)


@pytest.mark.parametrize("text", ["", "{}", "[1]", '{"command": 3', "\x00"])
def test_what_is_no_record_is_refused_with_its_place(text: str, tmp_path: Path):
    (tmp_path / "notes.json").write_text(text)
    with pytest.raises(InputError, match="cannot be read") as refused:
        read_kept(tmp_path)
    assert "notes.json" in str(refused.value)


def test_a_folder_that_is_not_there_is_said(tmp_path: Path):
    with pytest.raises(InputError, match="no records are kept here"):
        read_kept(tmp_path / "nowhere")
