"""Sweeps that are after others: in which order, under which totals, and what is refused with its place."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.chains import FINE_TUNING, PRETRAINING, write_spec
from tlm_sweeps.errors import InputError, Problem
from tlm_sweeps.spec.engines import with_engine
from tlm_sweeps.spec.identity import identity
from tlm_sweeps.spec.loading import in_order, load_sweep


def wrong(path: Path, *overrides: str) -> Problem:
    with pytest.raises(InputError) as caught:
        load_sweep(path, overrides)
    return caught.value.problems[0]


def diamond(folder: Path, **totals: Any) -> Path:
    """`last` is after `left` and `right`, which are both after `pre`."""
    write_spec(folder, PRETRAINING)
    budget = FINE_TUNING["budget"]
    for name, after in (("left", ["pre.yaml"]), ("right", ["pre.yaml"]), ("last", ["left.yaml", "right.yaml"])):
        total = {"total": totals[name]} if name in totals else {}
        path = write_spec(folder, FINE_TUNING, name=name, after=after, budget=budget | total)
    return path


def test_what_comes_first_comes_once(tmp_path: Path):
    loaded = load_sweep(diamond(tmp_path))
    assert [spec.name for spec, _ in in_order(loaded)] == ["pre", "left", "right", "last"]
    assert [link.spec.name for link in loaded.after] == ["left", "right"]


def test_a_total_bounds_the_sweep_and_all_before_it_and_nothing_else(tmp_path: Path):
    bounds = {spec.name: shared for spec, shared in in_order(load_sweep(diamond(tmp_path, left=7 * 10**7, last=10**9)))}
    assert {each.sweep for each in bounds["pre"]} == {"left", "last"}
    assert {each.sweep for each in bounds["right"]} == {"last"}
    (of_last,) = bounds["last"]
    assert (of_last.flops, set(of_last.others)) == (10**9, {"pre", "left", "right"})
    of_left = next(each for each in bounds["left"] if each.sweep == "left")
    assert (of_left.flops, of_left.others) == (7 * 10**7, ("pre",))


def test_overrides_are_for_the_sweep_and_not_for_those_before_it(tmp_path: Path):
    write_spec(tmp_path, PRETRAINING)
    loaded = load_sweep(write_spec(tmp_path, FINE_TUNING), ["seeds=2"])
    assert (loaded.spec.seeds, loaded.links[0].spec.seeds) == (2, 1)


def test_files_are_found_from_the_spec_and_may_move(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    (tmp_path / "first").mkdir()
    write_spec(tmp_path / "first", PRETRAINING)
    path = write_spec(tmp_path, FINE_TUNING, after=["first/pre.yaml"])
    monkeypatch.chdir(tmp_path / "first")
    moved = load_sweep(path).spec
    assert moved.after == ("first/pre.yaml",)
    assert identity(moved) == identity(moved.model_copy(update={"after": ("pre.yaml",)}))


def test_a_missing_file_is_told_with_its_line_and_the_nearest_one(tmp_path: Path):
    write_spec(tmp_path, PRETRAINING)
    path = write_spec(tmp_path, FINE_TUNING, after=["prey.yaml"])
    found = wrong(path)
    assert "prey.yaml" in found.message
    assert found.place.startswith(f"{path}:2")
    assert "`pre.yaml`" in found.hint


def test_a_circle_is_told_by_its_files(tmp_path: Path):
    write_spec(tmp_path, PRETRAINING, after=["fine.yaml"])
    assert "fine.yaml → pre.yaml → fine.yaml" in wrong(write_spec(tmp_path, FINE_TUNING)).message


def test_what_is_wrong_in_a_file_before_is_told_with_that_file_and_line(tmp_path: Path):
    link = write_spec(tmp_path, PRETRAINING, experiment_model=PRETRAINING["experiment"]["model"] | {"depht": 2})
    found = wrong(write_spec(tmp_path, FINE_TUNING))
    assert found.place.startswith(f"{link}:")
    assert "depth" in found.hint


def of_wandb(folder: Path) -> Path:
    write_spec(folder, PRETRAINING, engine={"kind": "wandb", "method": "grid"})
    return write_spec(folder, FINE_TUNING)


def by_wandb(folder: Path) -> Path:
    write_spec(folder, PRETRAINING)
    return write_spec(folder, FINE_TUNING, engine={"kind": "wandb", "method": "grid"})


def from_itself(folder: Path) -> Path:
    return write_spec(folder, FINE_TUNING, after=[], experiment_start_from="fine")


def of_one_name(folder: Path) -> Path:
    write_spec(folder, PRETRAINING)
    write_spec(folder, PRETRAINING, seeds=2).rename(folder / "other.yaml")
    write_spec(folder, PRETRAINING)
    return write_spec(folder, FINE_TUNING, after=["pre.yaml", "other.yaml"])


def in_two_accounts(folder: Path) -> Path:
    write_spec(folder, PRETRAINING, budget=PRETRAINING["budget"] | {"account": "6nd"})
    return write_spec(folder, FINE_TUNING, budget=FINE_TUNING["budget"] | {"total": 10**9})


@pytest.mark.parametrize(
    ("made", "message", "hint"),
    [
        (of_wandb, "`pre` is searched by W&B", "engine: {kind: optuna}"),
        (by_wandb, "W&B, which searches, knows of none", "engine: {kind: optuna}"),
        (from_itself, "`fine` cannot start from itself", "pre-trains"),
        (of_one_name, "two different sweeps of this chain are called `pre`", "rename"),
        (in_two_accounts, "counts in 6nd, not matmul", "the same `account`"),
    ],
)
def test_chains_that_cannot_be(made: Callable[[Path], Path], message: str, hint: str, tmp_path: Path):
    found = wrong(made(tmp_path))
    assert message in found.message
    assert hint in found.hint
    assert ".yaml" in found.place


def test_a_chain_is_not_given_to_wandb_on_the_command_line_either(tmp_path: Path):
    write_spec(tmp_path, PRETRAINING)
    with pytest.raises(InputError, match="knows of none"):
        with_engine(load_sweep(write_spec(tmp_path, FINE_TUNING)).spec, "wandb")


def test_a_spec_alone_does_not_know_where_its_files_are(tmp_path: Path):
    write_spec(tmp_path, PRETRAINING)
    with pytest.raises(InputError, match=r"pre\.yaml") as caught:
        in_order(load_sweep(write_spec(tmp_path, FINE_TUNING)).spec)
    assert "load_chain" in caught.value.problems[0].hint
