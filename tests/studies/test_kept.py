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


@pytest.mark.parametrize("is_there", [True, False], ids=["beside its own file", "alone"])
def test_a_file_under_another_name_is_refused_so_that_no_two_are_of_one_sweep(
    sweep: SweepResults, tmp_path: Path, is_there: bool
):
    path = keep(sweep, tmp_path)
    (tmp_path / "tradeoffs-depth.json").write_bytes(path.read_bytes())
    if not is_there:
        path.unlink()
    with pytest.raises(InputError, match="are of the sweep `tradeoffs-heads`") as refused:
        read_kept(tmp_path)
    (problem,) = refused.value.problems
    assert problem.place.endswith("tradeoffs-depth.json")
    assert problem.hint == (
        "tradeoffs-heads.json is there too: move one of them away" if is_there else "rename it to tradeoffs-heads.json"
    )


def test_why_a_file_cannot_be_read_is_said(sweep: SweepResults, tmp_path: Path):
    path = keep(sweep, tmp_path)
    text = path.read_text()
    for broken, reason in (
        (text.replace('"seed":1,', '"seed":"one",', 1).encode(), "records.1.seed: Input should be a valid integer"),
        (text[:5000].encode(), "Invalid JSON: EOF while parsing"),
        (text.encode("utf-16"), "it is not UTF-8: byte 1 is 0xff"),
    ):
        path.write_bytes(broken)
        with pytest.raises(InputError, match="cannot be read") as refused:
            read_kept(tmp_path)
        assert reason in str(refused.value)
    path.unlink()
    path.mkdir()
    with pytest.raises(InputError, match="cannot be read: Is a directory"):
        read_kept(tmp_path)


def test_what_would_lose_complete_runs_is_not_written(sweep: SweepResults, tmp_path: Path):
    path = keep(sweep, tmp_path)
    before = path.read_bytes()
    first = sweep.records[0]
    for records in (
        sweep.records[1:],
        (first.model_copy(update={"state": "waiting"}), *sweep.records[1:]),
        (first.model_copy(update={"seed": 99}), *sweep.records[1:]),
        (first.model_copy(update={"fingerprint": "of another experiment"}), *sweep.records[1:]),
    ):
        with pytest.raises(InputError, match="15 complete runs of tradeoffs-heads are kept here; 1 of them would be"):
            keep(replace(sweep, records=records), tmp_path)
        assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_what_is_no_complete_run_may_go_and_more_may_come(sweep: SweepResults, tmp_path: Path):
    failed = sweep.records[0].model_copy(update={"state": "failed", "test_nll": None})
    keep(replace(sweep, records=(failed, *sweep.records[1:9])), tmp_path)
    keep(replace(sweep, records=sweep.records[1:9]), tmp_path)
    keep(sweep, tmp_path)
    assert read_kept(tmp_path)["tradeoffs-heads"].records == sweep.records


def test_whoever_has_a_file_open_sees_none_that_is_half_written(sweep: SweepResults, tmp_path: Path):
    path = keep(replace(sweep, records=sweep.records[:3]), tmp_path)
    before = path.read_text()
    with path.open() as old:
        keep(sweep, tmp_path)
        assert old.read() == before
    assert list(tmp_path.iterdir()) == [path]


def test_a_file_whose_loss_nobody_could_judge_is_not_written_over(sweep: SweepResults, tmp_path: Path):
    path = keep(sweep, tmp_path)
    path.write_text("{}")
    with pytest.raises(InputError, match="cannot be read"):
        keep(sweep, tmp_path)
    assert path.read_text() == "{}"


def test_a_folder_that_cannot_be_made_is_said(sweep: SweepResults, tmp_path: Path):
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="cannot be kept"):
        keep(sweep, tmp_path / "file" / "records")


def test_a_folder_that_is_not_there_is_said(tmp_path: Path):
    with pytest.raises(InputError, match="no records are kept here"):
        read_kept(tmp_path / "nowhere")
