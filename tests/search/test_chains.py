"""Chains for real: pre-training, then fine-tuning that starts from it, on one total, killed between the two."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from safetensors.torch import load_file

import tlm_sweeps as tlm
from tests.chains import FINE_TUNING, PRETRAINING, write_spec, write_task
from tlm_sweeps.errors import InputError, Problem
from tlm_sweeps.runs.ledger import reading
from tlm_sweeps.runs.record import Record
from tlm_sweeps.spec.loading import in_order

TIMES = {"wall_seconds", "peak_memory_bytes", "started_at", "finished_at", "provenance"}


class Place:
    """A folder of specs, a folder of sweeps and a task."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.runs, self.data = folder, folder / "runs", write_task(folder / "data")

    def sweep(self, path: Path, *overrides: str) -> tuple[Record, ...]:
        chain = tlm.load_chain(path, overrides)
        return tlm.sweep(chain, runs_dir=self.runs, data_dir=self.data, workers=1).records

    def last(self, path: Path, *overrides: str) -> tuple[Record, ...]:
        """The sweep at the end of the chain alone, under the totals of the chain: a start of workers less."""
        spec, shared = in_order(tlm.load_chain(path, overrides))[-1]
        pictures = tlm.iter_sweep(spec, runs_dir=self.runs, data_dir=self.data, workers=1, shared=shared)
        with closing(pictures):
            for _ in pictures:
                pass
        return self.records(spec.name)

    def refused(self, path: Path, *overrides: str) -> Problem:
        with pytest.raises(InputError) as caught:
            self.sweep(path, *overrides)
        return caught.value.problems[0]

    def spent(self, name: str) -> int:
        with reading(self.runs / name) as ledger:
            return ledger.spent_flops()

    def records(self, name: str) -> tuple[Record, ...]:
        with reading(self.runs / name) as ledger:
            return ledger.records()


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Place:
    """A chain that ran to its end; tests read it."""
    place = Place(tmp_path_factory.mktemp("chain"))
    write_spec(place.folder, PRETRAINING, seeds=2)
    place.sweep(write_spec(place.folder, FINE_TUNING, seeds=2))
    return place


@pytest.fixture
def copy(trained: Place, tmp_path: Path) -> Place:
    """The same, to be changed."""
    shutil.copytree(trained.folder, tmp_path / "copy")
    return Place(tmp_path / "copy")


def by_arm(records: tuple[Record, ...]) -> dict[tuple[object, int], Record]:
    return {(each.baseline or each.settings["model.depth"], each.seed): each for each in records}


def test_every_run_starts_from_its_own_depth_and_seed(trained: Place):
    before, after = by_arm(trained.records("pre")), by_arm(trained.records("fine"))
    assert {each.state for each in after.values()} == {"complete"}
    for arm in ((1, 0), (1, 1), (2, 0), (2, 1)):
        origin, weights = after[arm].started_from, before[arm]
        assert origin is not None
        assert (origin.sweep, origin.run_id) == ("pre", weights.run_id)
        assert origin.train_flops == weights.train_flops
        file = trained.runs / "pre" / weights.run_id / "model.safetensors"
        assert origin.sha256 == hashlib.sha256(file.read_bytes()).hexdigest()
    assert after["random", 0].started_from is None
    assert after["random", 0].val_nll != after[1, 0].val_nll


def test_what_was_pre_trained_is_in_no_run_of_its_own_and_counted_once(trained: Place):
    runs = {name: trained.records(name) for name in ("pre", "fine")}
    for name, records in runs.items():
        assert trained.spent(name) == sum((each.train_flops or {})["matmul"] for each in records)
    columns = tlm.records("fine", trained.runs).set_index("run_id")
    for record in runs["fine"]:
        origin = record.started_from
        if origin is None:
            assert pd.isna(columns.loc[record.run_id, ["started_from", "pretraining_flops"]]).all()
        else:
            assert columns.loc[record.run_id, "started_from"] == f"pre/{origin.run_id}"
            assert columns.loc[record.run_id, "pretraining_flops"] == origin.train_flops["matmul"]
    page = tlm.write_report("fine", trained.runs).read_text()
    assert "4 of 6 runs began with the weights of 4 runs of pre" in page


def test_a_sweep_that_is_over_asks_nothing_of_weights_that_are_gone(copy: Place):
    for file in copy.runs.glob("pre/*/model.safetensors"):
        file.unlink()
    assert len(copy.last(copy.folder / "fine.yaml")) == 6


def test_a_chain_killed_within_its_second_sweep_goes_on_to_the_same_results(trained: Place, copy: Place):
    shutil.rmtree(copy.runs / "fine")
    spec, shared = in_order(tlm.load_chain(copy.folder / "fine.yaml"))[-1]
    pictures = tlm.iter_sweep(spec, runs_dir=copy.runs, data_dir=copy.data, workers=1, shared=shared)
    with closing(pictures):
        for picture in pictures:
            if picture.states.get("complete"):
                break
    assert {"complete"} != {each.state for each in copy.records("fine")} or len(copy.records("fine")) < 6
    copy.sweep(copy.folder / "fine.yaml")
    whole = [each.model_dump(exclude=TIMES) for each in trained.records("fine")]
    assert [each.model_dump(exclude=TIMES) for each in copy.records("fine")] == whole
    assert (copy.spent("pre"), copy.spent("fine")) == (trained.spent("pre"), trained.spent("fine"))


def test_one_total_covers_the_chain_to_the_flop_whatever_bounds_a_run(trained: Place, copy: Place):
    each_run = {(record.trial, record.seed): (record.train_flops or {})["matmul"] for record in trained.records("fine")}
    dearest, needed = max(each_run.values()), trained.spent("pre") + trained.spent("fine")
    shutil.rmtree(copy.runs / "fine")
    for total, complete in ((needed - 1, 4), (needed, 6)):
        budget = {"flops": needed - 1, "match": "none", "total": total}
        records = copy.last(write_spec(copy.folder, FINE_TUNING, seeds=2, budget=budget))
        assert [each.state for each in records] == ["complete"] * complete
        assert copy.spent("pre") + copy.spent("fine") <= total
        unbegun = tlm.status("fine", copy.runs).progress.unbegun
        if complete == 6:
            assert unbegun is None
        else:
            assert unbegun is not None
            assert (unbegun.trials, unbegun.needed_flops) == (1, 2 * dearest)
            assert unbegun.left_flops == 2 * dearest - 1


def test_a_total_that_ends_before_the_chain_is_refused_before_any_of_it_is_trained(trained: Place, tmp_path: Path):
    place, needed = Place(tmp_path), trained.spent("pre") + trained.spent("fine")
    write_spec(tmp_path, PRETRAINING, seeds=2)
    budget = {"flops": needed - 1, "match": "none", "total": needed - 1}
    problem = place.refused(write_spec(tmp_path, FINE_TUNING, seeds=2, budget=budget))
    assert "does not cover it and all that it is after" in problem.message
    assert f"to {needed} or more" in problem.hint
    assert not (tmp_path / "runs").exists()
    place.sweep(write_spec(tmp_path, FINE_TUNING, seeds=2, budget=budget | {"total": needed}))
    assert {each.state for each in place.records("fine")} == {"complete"}


def test_a_sweep_for_which_the_others_left_too_little_says_what_would_do(trained: Place, copy: Place):
    cheapest = min((each.train_flops or {})["matmul"] for each in trained.records("fine"))
    shutil.rmtree(copy.runs / "fine")
    short = trained.spent("pre") + 2 * cheapest - 1
    for total in (short, short + 1):
        fine = write_spec(
            copy.folder, FINE_TUNING, seeds=2, budget={"flops": 2 * cheapest, "match": "none", "total": total}
        )
        if total == short:
            with pytest.raises(InputError) as caught:
                copy.last(fine)
            assert f"to {short + 1} or more" in caught.value.problems[0].hint
        else:
            assert [each.state for each in copy.last(fine)].count("complete") == 2


def test_the_others_are_trained_when_a_run_before_them_failed(copy: Place):
    shutil.rmtree(copy.runs / "fine")
    with reading(copy.runs / "pre") as ledger:
        (lost, *_) = ledger.records()
    fail(copy.runs / "pre", lost)
    found = by_arm(copy.last(copy.folder / "fine.yaml"))
    assert found[1, 0].state == "infeasible"
    assert "left no weights: it is failed (the disk was full)" in found[1, 0].reason
    assert {each.state for arm, each in found.items() if arm != (1, 0)} == {"complete"}


def fail(folder: Path, record: Record) -> None:
    """What a ledger says of a run that failed."""
    import sqlite3

    failed = record.model_copy(update={"state": "failed", "reason": "the disk was full"})
    with closing(sqlite3.connect(folder / "ledger.sqlite")) as ledger, ledger:
        row = ("failed", failed.model_dump_json(), record.run_id)
        ledger.execute("UPDATE runs SET state = ?, record = ? WHERE run_id = ?", row)


def test_a_sweep_does_not_go_on_from_weights_that_have_changed(copy: Place):
    records = copy.records("pre")
    files = [copy.runs / "pre" / each.run_id / "model.safetensors" for each in records]
    shutil.copy(files[1], files[0])
    problem = copy.refused(copy.folder / "fine.yaml")
    assert f"pre/{records[0].run_id}" in problem.message
    assert "damaged" in problem.hint
    assert "damaged" in copy.refused(copy.folder / "fine.yaml", "name=anew").message, "under no name"
    shutil.copy(files[1].with_name("SHA256SUMS"), files[0].with_name("SHA256SUMS"))  # whoever did it meant it
    assert "name=" in copy.refused(copy.folder / "fine.yaml").hint
    anew = copy.last(copy.folder / "fine.yaml", "name=anew")
    assert anew[-1].state == "complete"


def another_model(place: Place) -> dict[str, Any]:
    return {"search": {"model.depth": [3]}}


def another_seed(place: Place) -> dict[str, Any]:
    return {"seeds": [5]}


def another_text(place: Place) -> dict[str, Any]:
    passages = FINE_TUNING["experiment"]["passages"] | {"first_passages": 30}
    return {"experiment_passages": passages}


def no_sweep(place: Place) -> dict[str, Any]:
    return {"experiment_start_from": "prey", "after": None}


def no_run(place: Place) -> dict[str, Any]:
    return {"experiment_start_from": "pre/pre-0000-s7"}


def a_run_of_another_model(place: Place) -> dict[str, Any]:
    return {"experiment_start_from": "pre/pre-0000-s0"}


def a_run_of_other_passages(place: Place) -> dict[str, Any]:
    one = {"experiment_model": FINE_TUNING["experiment"]["model"] | {"depth": 1}, "search": {}, "after": None}
    return another_text(place) | one | {"experiment_start_from": "pre/pre-0000-s0", "baselines": {}}


def a_run_of_labels(place: Place) -> dict[str, Any]:
    return {"experiment_start_from": "fine/fine-0001-s0", "search": {"model.depth": [1]}, "after": None}


def weights_gone(place: Place) -> dict[str, Any]:
    next(place.runs.glob("pre/*/model.safetensors")).unlink()
    return {}


def weights_torn(place: Place) -> dict[str, Any]:
    file = next(place.runs.glob("pre/*/model.safetensors"))
    file.write_bytes(file.read_bytes()[:100])
    return {}


def two_alike(place: Place) -> dict[str, Any]:
    write_spec(
        place.folder, PRETRAINING, name="twice", search={"training.learning_rate": [1e-3, 2e-3], "model.depth": [1]}
    )
    return {"experiment_start_from": "twice", "after": ["twice.yaml"], "search": {"model.depth": [1]}}


@pytest.mark.parametrize(
    ("made", "message", "hint"),
    [
        (another_model, "no run of `pre` has this model: depth 1 there, 3 here", "pre-train it in `pre`"),
        (another_seed, "`pre` has no such run of seed 5, only of 0, 1", "start_from: pre/"),
        (another_seed, "`pre` has no such run of seed 5, only of 0, 1", "/pre.yaml"),
        (another_text, "no run of `pre` has this passages: first_passages 40 there, 30 here", "pre-train it in `pre`"),
        (no_sweep, "no sweep `prey` to start from", "did you mean `pre`?"),
        (no_run, "no such run", "did you mean `pre-000"),
        (a_run_of_another_model, "`pre/pre-0000-s0` has another model: depth 1 there, 2 here", "the same `model`"),
        (a_run_of_other_passages, "has another passages: first_passages 40 there, 30 here", "the same `passages`"),
        (a_run_of_labels, "was not pre-trained: it predicts label", "predict: masked"),
        (weights_gone, "are gone", "put the file back"),
        (weights_torn, "are damaged", "again under another name"),
        (two_alike, "2 runs have this model, text and seed: `twice/", "name one of them"),
    ],
)
def test_what_cannot_be_started_from_is_said_before_anything_is_written(
    copy: Place, made: Callable[[Place], dict[str, Any]], message: str, hint: str
):
    changes = {"seeds": 2, "name": "other"} | made(copy)
    problem = copy.refused(write_spec(copy.folder, FINE_TUNING, **changes))
    assert message in problem.message
    assert hint in problem.hint
    assert not (copy.runs / "other").exists()


def test_other_word_pieces_under_the_same_name_are_told_apart(copy: Place):
    text = copy.folder / "text.txt"
    text.write_text("\n\n".join(f"the module returns a value of type {number}" for number in range(3000)))
    same = {"experiment_corpus": {"path": str(text)}, "search": {"model.depth": [1]}}
    write_spec(copy.folder, PRETRAINING, name="own", **same)
    fine = write_spec(
        copy.folder, FINE_TUNING, name="other", after=["own.yaml"], experiment_start_from="own", baselines={}, **same
    )
    copy.sweep(copy.folder / "own.yaml")
    text.write_text("\n\n".join(f"another object raises an error of kind {number}" for number in range(3000)))
    with pytest.raises(InputError, match="was trained on other word pieces"):
        tlm.sweep(tlm.load(fine).model_copy(update={"after": ()}), runs_dir=copy.runs, data_dir=copy.data, workers=1)


def test_a_sweep_that_is_not_over_is_not_started_from(tmp_path: Path):
    place = Place(tmp_path)
    spec = tlm.load(write_spec(tmp_path, PRETRAINING))
    with closing(tlm.iter_sweep(spec, runs_dir=place.runs, workers=1)) as pictures:
        next(pictures)
    problem = place.refused(write_spec(tmp_path, FINE_TUNING, after=None))
    assert "`pre` is not over yet" in problem.message
    assert "finish `pre` first" in problem.hint


def test_more_seeds_start_from_theirs(copy: Place):
    write_spec(copy.folder, PRETRAINING, seeds=3)
    found = by_arm(copy.sweep(write_spec(copy.folder, FINE_TUNING, seeds=3)))
    origin = found[2, 2].started_from
    assert origin is not None
    assert origin.run_id == by_arm(copy.records("pre"))[2, 2].run_id


def test_fewer_seeds_than_a_chain_has_by_now_are_nothing_to_do(copy: Place):
    write_spec(copy.folder, PRETRAINING, seeds=1)
    before = copy.records("pre"), copy.records("fine")
    copy.sweep(write_spec(copy.folder, FINE_TUNING, seeds=1))
    assert (copy.records("pre"), copy.records("fine")) == before


def test_a_link_that_has_changed_is_renamed_in_its_own_file(copy: Place):
    evaluation = {"experiment_evaluation": {"every": 0.25}}
    write_spec(copy.folder, PRETRAINING, seeds=2, **evaluation)
    problem = copy.refused(copy.folder / "fine.yaml")
    assert f"`name: pre-2` in {copy.folder / 'pre.yaml'}" in problem.hint
    assert "--set" not in problem.hint
    anew = write_spec(copy.folder, PRETRAINING, name="pre-2", seeds=2, **evaluation)
    copy.sweep(
        write_spec(copy.folder, FINE_TUNING, name="anew", seeds=2, after=[anew.name], experiment_start_from="pre-2"),
        "search={model.depth: [1]}",
    )
    assert {each.state for each in copy.records("anew")} == {"complete"}


def test_a_sweep_that_began_without_a_total_may_be_given_one(copy: Place):
    budget = FINE_TUNING["budget"] | {"total": 10**9}
    assert len(copy.sweep(write_spec(copy.folder, FINE_TUNING, seeds=2, budget=budget))) == 6


def test_one_named_run_is_started_from_by_every_seed(copy: Place):
    one = by_arm(copy.records("pre"))[1, 1]
    spec = write_spec(
        copy.folder,
        FINE_TUNING,
        name="named",
        experiment_start_from=f"pre/{one.run_id}",
        search={"training.learning_rate": [1e-3]},
        baselines={},
        experiment_model=FINE_TUNING["experiment"]["model"] | {"depth": 1},
        seeds=2,
    )
    records = copy.last(spec)
    assert {each.started_from and each.started_from.run_id for each in records} == {one.run_id}
    heads = [load_file(copy.runs / "named" / each.run_id / "model.safetensors")["head.weight"] for each in records]
    assert not heads[0].equal(heads[1])
