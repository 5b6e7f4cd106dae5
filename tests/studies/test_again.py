"""A kept run is trained again as it was: by its own setting, budget and seed, to the same NLL."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from tlm_sweeps import api
from tlm_sweeps.errors import InputError
from tlm_sweeps.report.sources import SweepResults
from tlm_sweeps.spec.sweep import SweepSpec
from tlm_sweeps.studies.again import Again, drawn, made_again
from tlm_sweeps.studies.kept import keep, read_kept

SPEC = {
    "name": "tiny",
    "experiment": {
        "corpus": {"name": "python-docs", "first_tokens": {"train": 5_000, "valid": 500, "test": 500}},
        "model": {"kind": "transformer", "width": 16, "heads": 2, "context": 8, "dropout": 0.1},
        "training": {"batch_size": 8, "learning_rate": 3e-3},
        "evaluation": {"every": 0.5, "windows": 50},
    },
    "search": {"model.depth": [1, 2]},
    "baselines": {"linear": {"model": {"kind": "linear", "context": 4}, "training.predict": "last"}},
    "budget": {"flops": [1e8, 3e8], "tolerance": 0.1, "total": 1e10},
    "engine": {"sampler": "grid"},
    "seeds": [3, 5],
}


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> dict[str, SweepResults]:
    """What a sweep over depth with a baseline at two budgets left in a folder of kept records."""
    folder = tmp_path_factory.mktemp("again")
    keep(
        api.sweep(SweepSpec.model_validate_json(json.dumps(SPEC)), runs_dir=folder / "runs", workers=1),
        folder / "records",
    )
    return read_kept(folder / "records")


@pytest.mark.parametrize("run", [0, 5, 11])
def test_a_kept_run_trained_again_is_the_same(kept: dict[str, SweepResults], tmp_path: Path, run: int):
    results = kept["tiny"]
    record = results.records[run]
    new = api.sweep(made_again(results, record), runs_dir=tmp_path, workers=1)
    again = Again(record, new.records[0])
    assert len(new.records) == 1
    assert again.new.fingerprint == record.fingerprint
    assert again.new.train_flops == record.train_flops
    assert again.difference == 0, "on the same processor, with one thread"
    assert again.is_same


def test_runs_that_differ_are_not_the_same(kept: dict[str, SweepResults]):
    first, second = (kept["tiny"].records[place] for place in (0, 1))
    assert not Again(first, second).is_same
    assert not Again(first, first.model_copy(update={"test_nll": None, "state": "failed"})).is_same


def test_a_run_is_drawn_by_its_name_or_at_random(kept: dict[str, SweepResults]):
    _, record = drawn(kept, "tiny-0001-s5")
    assert (record.trial, record.seed) == (1, 5)
    assert drawn(kept)[1] in kept["tiny"].records


def test_a_name_that_no_run_has_and_no_runs_at_all_are_refused(kept: dict[str, SweepResults]):
    with pytest.raises(InputError, match="tiny-0001-s6") as refused:
        drawn(kept, "tiny-0001-s6")
    assert "tiny-0001-s5" in str(refused.value.problems[0].hint)
    assert str(refused.value.problems[0].hint).count("`") == 6, "three names, not all"
    with pytest.raises(InputError, match="no run `x`") as refused:
        drawn(kept, "x")
    assert "`tiny-0000-s3`" in str(refused.value.problems[0].hint)
    assert "--again any" in str(refused.value.problems[0].hint)
    with pytest.raises(InputError, match="no complete run"):
        drawn({})


@pytest.mark.parametrize(("state", "reason"), [("failed", "diverged: loss is nan"), ("waiting", "")])
def test_a_run_that_is_not_complete_is_named_as_what_it_is_and_never_drawn(
    kept: dict[str, SweepResults], state: str, reason: str
):
    tiny = kept["tiny"]
    first, *others = tiny.records
    ended = first.model_copy(update={"state": state, "reason": reason, "test_nll": None})
    sweeps = {"tiny": replace(tiny, records=(ended, *others))}
    with pytest.raises(InputError, match=f"the kept run `{first.run_id}` is {state}") as refused:
        drawn(sweeps, first.run_id)
    assert reason in refused.value.problems[0].message
    only = {"tiny": replace(tiny, records=(ended, others[0]))}
    assert {drawn(only)[1].run_id for _ in range(50)} == {others[0].run_id}
