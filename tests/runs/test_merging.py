"""Parts of a sweep brought together: each run once, the best training of it, and all that was spent."""

import contextlib
import itertools
import os
import sqlite3
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.runs.sweep_parts import FLOPS, HERE, Run, part
from tlm_sweeps.errors import InputError, RunError
from tlm_sweeps.runs.ledger import reading, writing
from tlm_sweeps.runs.merge import MergedSweep, merge
from tlm_sweeps.runs.record import Record


def brought(target: Path, *sources: Path, dry_run: bool = False) -> MergedSweep:
    (found,) = merge(target, sources, dry_run=dry_run)
    return found


def records(runs: Path) -> dict[tuple[int, int], Record]:
    """By setting and seed, each of which must be there once."""
    with reading(runs / "parts") as ledger:
        all_ = ledger.records()
    found = {(each.settings["model.hidden"], each.seed): each for each in all_}
    assert len(found) == len(all_)
    assert {each.run_id for each in all_} == {f"parts-{each.trial:04d}-s{each.seed}" for each in all_}
    return found


def spent(runs: Path) -> int:
    with reading(runs / "parts") as ledger:
        return ledger.spent_flops()


def files(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_each_setting_is_there_once_under_one_numbering(tmp_path: Path):
    a = part(tmp_path / "a", Run(8), Run(16))
    b = part(tmp_path / "b", Run(24, val_nll=1.5), Run(16, day=2))
    found = brought(tmp_path / "all", a, b)
    there = records(tmp_path / "all")
    assert {key: each.trial for key, each in there.items()} == {(8, 0): 0, (16, 0): 1, (24, 0): 2}
    with reading(tmp_path / "all" / "parts") as ledger:
        assert [each.settings["model.hidden"] for each in ledger.proposals()] == [8, 16, 24]
        assert ledger.measurements("parts-0002-s0")[0][1].val_nll == 1.5
    weights = tmp_path / "all" / "parts" / "parts-0002-s0" / "model.safetensors"
    assert weights.read_bytes() == (b / "parts" / "parts-0000-s0" / "model.safetensors").read_bytes()
    assert found.spent_flops == spent(tmp_path / "all") == 4 * FLOPS, "16 was trained twice, and spent is spent"
    assert found.alike == 1
    assert not found.disagreements


def test_sources_are_only_read(tmp_path: Path):
    a, b = part(tmp_path / "a", Run(8)), part(tmp_path / "b", Run(16, "waiting", step=5))
    before = files(a), files(b)
    brought(tmp_path / "all", a, b)
    assert (files(a), files(b)) == before


@pytest.mark.parametrize("ending", ["waiting", "failed", "pruned"])
def test_a_complete_run_stands_before_one_that_is_not(tmp_path: Path, ending: Any):
    a, b = part(tmp_path / "a", Run(8, ending, step=4)), part(tmp_path / "b", Run(8, day=2))
    for number, sources in enumerate(((a, b), (b, a))):
        brought(target := tmp_path / f"all{number}", *sources)
        assert records(target)[8, 0].state == "complete"
        assert spent(target) == FLOPS + 400
        assert (target / "parts" / "parts-0000-s0" / "model.safetensors").exists()


def test_an_unfinished_run_goes_on_from_the_furthest_checkpoint(tmp_path: Path):
    a, b = part(tmp_path / "a", Run(8, "waiting", step=3)), part(tmp_path / "b", Run(8, "waiting", step=7, day=2))
    brought(tmp_path / "all", a, b)
    with reading(tmp_path / "all" / "parts") as ledger:
        assert ledger.checkpoint_step("parts-0000-s0") == 7
        assert ledger.spent_flops() == 300, "the other one's; its own is charged when it ends"
    kept = tmp_path / "all" / "parts" / "parts-0000-s0"
    assert sorted(path.stem for path in kept.glob("step-*")) == ["step-000000007"] * 2


def test_what_was_merged_before_is_not_counted_again(tmp_path: Path):
    a, b = part(tmp_path / "a", Run(8), Run(16)), part(tmp_path / "b", Run(16, day=2), Run(24))
    brought(tmp_path / "all", a, b)
    before = files(tmp_path / "all")
    again = brought(tmp_path / "all", b, a)
    assert not again.has_changed
    assert {name: each for name, each in files(tmp_path / "all").items() if "lock" not in name} == {
        name: each for name, each in before.items() if "lock" not in name
    }
    brought(tmp_path / "more", tmp_path / "all", b)
    assert spent(tmp_path / "more") == 4 * FLOPS


def test_a_run_that_has_gone_on_since_takes_the_place_of_what_it_was(tmp_path: Path):
    early, late = part(tmp_path / "early", Run(8, "waiting", step=3)), part(tmp_path / "late", Run(8))
    brought(tmp_path / "all", early)
    assert brought(tmp_path / "all", late).has_changed
    assert records(tmp_path / "all")[8, 0].state == "complete"
    assert spent(tmp_path / "all") == FLOPS, "it began once: what it had spent then is part of it"


ELSEWHERE = HERE.model_copy(update={"device": "cpu: another"})


@pytest.mark.parametrize(
    ("other", "agrees"),
    [
        (Run(8, day=2), True),
        (Run(8, val_nll=2.0000001, day=2), False),
        (Run(8, val_nll=2.01, day=2, provenance=ELSEWHERE), True),
        (Run(8, val_nll=2.05, day=2, provenance=ELSEWHERE), False),
    ],
)
def test_two_results_of_a_run_agree_or_it_is_said(tmp_path: Path, other: Run, agrees: bool):
    found = brought(tmp_path / "all", part(tmp_path / "a", Run(8)), part(tmp_path / "b", other))
    assert (not found.disagreements) == agrees
    assert all(str(tmp_path / place) in line for place in "ab" for line in found.disagreements)
    assert records(tmp_path / "all")[8, 0].val_nll == 2.0, "the first one's"


def test_different_sweeps_lie_beside_each_other(tmp_path: Path):
    part(tmp_path / "a", Run(8))
    part(tmp_path / "b", Run(16), name="other")
    assert [each.name for each in merge(tmp_path / "all", [tmp_path / "a", tmp_path / "b"])] == ["other", "parts"]
    with reading(tmp_path / "all" / "other") as ledger:
        assert [each.run_id for each in ledger.records()] == ["other-0000-s0"]


def test_a_sweep_may_be_split_by_seeds_where_no_result_steers_it(tmp_path: Path):
    grid = {"engine": {"sampler": "grid"}}
    a = part(tmp_path / "a", Run(8), Run(16), seeds=[0], **grid)
    b = part(tmp_path / "b", Run(8, seed=1), Run(16, seed=1), Run(8, seed=2), seeds=[1, 2], **grid)
    brought(tmp_path / "all", a, b)
    assert sorted(records(tmp_path / "all")) == [(8, 0), (8, 1), (8, 2), (16, 0), (16, 1)]
    with reading(tmp_path / "all" / "parts") as ledger:
        assert '"seeds":[0,1,2]' in (ledger.meta("spec") or "")


@pytest.mark.parametrize("change", [{"budget": {"flops": 2000}}, {"seeds": [1]}, {"engine": {"sampler": "random"}}])
def test_another_sweep_of_the_same_name_is_refused_before_anything_is_written(tmp_path: Path, change: dict[str, Any]):
    part(tmp_path / "a", Run(8), name="before")
    part(tmp_path / "a", Run(8))
    b = part(tmp_path / "b", Run(8), **change)
    with pytest.raises(InputError, match="another sweep") as told:
        list(merge(tmp_path / "all", [tmp_path / "a", b]))
    assert next(iter(change)) in str(told.value)
    assert not (tmp_path / "all").exists()


def test_a_sweep_that_is_being_trained_is_refused(tmp_path: Path):
    a, b = part(tmp_path / "a", Run(8)), part(tmp_path / "b", Run(16))
    with writing(a / "parts"), pytest.raises(InputError, match="being trained"):
        brought(tmp_path / "all", a, b)
    brought(tmp_path / "all", a)
    with writing(tmp_path / "all" / "parts"), pytest.raises(InputError, match="already running"):
        brought(tmp_path / "all", b)
    assert sorted(records(tmp_path / "all")) == [(8, 0)]


def test_a_dry_run_says_the_same_and_writes_nothing(tmp_path: Path):
    a, b = part(tmp_path / "a", Run(8)), part(tmp_path / "b", Run(8, day=2), Run(16))
    said = brought(tmp_path / "all", a, b, dry_run=True)
    assert not (tmp_path / "all").exists()
    assert said == brought(tmp_path / "all", a, b)


def test_a_damaged_record_is_left_out_and_its_spending_is_not(tmp_path: Path):
    a = part(tmp_path / "a", Run(8), Run(16), Run(16, seed=1), seeds=2)
    flip(a / "parts" / "ledger.sqlite", "parts-0001-s1", '"val_nll":2.0', '"val_nll":1.0')
    with reading(a / "parts") as ledger, pytest.raises(RunError, match="record of `parts-0001-s1` is damaged"):
        ledger.records()
    found = brought(tmp_path / "all", a)
    assert "parts-0001-s1" in found.damaged[0]
    there = records(tmp_path / "all")
    assert {key: each.state for key, each in there.items()} == {
        (8, 0): "complete",
        (16, 0): "complete",
        (16, 1): "waiting",
    }
    assert spent(tmp_path / "all") == 3 * FLOPS
    b = part(tmp_path / "b", Run(16, day=2, seed=1), seeds=2)
    brought(tmp_path / "all", a, b)
    assert records(tmp_path / "all")[16, 1].state == "complete"
    assert spent(tmp_path / "all") == 4 * FLOPS


def test_a_ledger_that_cannot_be_read_keeps_no_other_from_being_merged(tmp_path: Path):
    a, b = part(tmp_path / "a", Run(8)), part(tmp_path / "b", Run(16))
    (a / "parts" / "ledger.sqlite").write_bytes(b"SQLite format 3\0 and then nothing")
    found = brought(tmp_path / "all", a, b)
    assert str(a) in found.damaged[0]
    assert sorted(records(tmp_path / "all")) == [(16, 0)]


def flip(ledger: Path, run_id: str, old: str, new: str) -> None:
    with sqlite3.connect(ledger) as connection:
        query = "UPDATE runs SET record = replace(record, ?, ?) WHERE run_id = ?"
        assert connection.execute(query, (old, new, run_id)).rowcount == 1
    connection.close()


def states(runs: Path) -> dict[tuple[int, int], str]:
    return {key: each.state for key, each in records(runs).items()}


class CutOff(BaseException):
    """The process is gone."""


def cutting_off(real: Callable[..., Any], after: int) -> Callable[..., Any]:
    """The same function, which ends everything once it has been called so often."""
    calls = itertools.count()

    def called(*given: Any, **named: Any) -> Any:
        if next(calls) >= after:
            raise CutOff
        return real(*given, **named)

    return called


@pytest.mark.parametrize("at", ["fsync", "replace", "rename"])
@pytest.mark.parametrize("is_new", [True, False])
def test_a_merge_that_is_cut_off_leaves_the_target_and_is_gone_on_with(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, at: str, is_new: bool
):
    a, b = part(tmp_path / "a", Run(8)), part(tmp_path / "b", Run(8, "waiting", step=3), Run(16))
    target = tmp_path / "all"
    if not is_new:
        brought(target, b)
    before, whole = {} if is_new else states(target), {(8, 0): "complete", (16, 0): "complete"}
    for after in range(0, 12, 3):
        with monkeypatch.context() as patch, contextlib.suppress(CutOff):
            patch.setattr(os, at, cutting_off(getattr(os, at), after))
            brought(target, a, b)
        there = states(target) if (target / "parts").exists() else {}
        assert there in (before, whole)
    brought(target, a, b)
    assert states(target) == whole
    assert not list(target.glob(".merging*"))


RUNS = st.builds(
    Run,
    hidden=st.sampled_from([8, 16, 24]),
    state=st.sampled_from(["complete", "waiting", "failed", "pruned"]),
    step=st.integers(0, 9),
    day=st.integers(1, 28),
)


@settings(max_examples=15, deadline=None)
@given(parts=st.lists(st.lists(RUNS, max_size=3, unique_by=lambda run: run.hidden), min_size=2, max_size=3))
def test_the_order_of_merging_changes_neither_runs_nor_spending(
    tmp_path_factory: pytest.TempPathFactory, parts: list[list[Run]]
):
    folder, day = tmp_path_factory.mktemp("parts"), iter(range(1, 29))
    apart = [[replace(run, day=next(day)) for run in each] for each in parts]
    sources = [part(folder / f"p{number}", *each) for number, each in enumerate(apart) if each]
    if not sources:
        return
    brought(folder / "at-once", *sources)
    for each in reversed(sources):
        brought(folder / "one-by-one", each)
    at_once, one_by_one = (
        {key: (each.state, each.settings) for key, each in records(folder / name).items()}
        for name in ("at-once", "one-by-one")
    )
    assert at_once == one_by_one
    assert spent(folder / "at-once") == spent(folder / "one-by-one")
