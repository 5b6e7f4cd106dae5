"""The ids of an offline W&B sweep: such as W&B takes, and the same for the same sweep however it goes on."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from tlm_sweeps.errors import InputError
from tlm_sweeps.runs.record import Record
from tlm_sweeps.search.wandb.offline import offline_spec, place_of
from tlm_sweeps.spec.sweep import SweepSpec
from tlm_sweeps.tracking.tracked_run import WandbPlace

SPEC: dict[str, Any] = {
    "name": "tiny",
    "experiment": {"corpus": {"name": "python-docs"}, "model": {"kind": "transformer", "width": 16, "heads": 2}},
    "search": {"model.depth": [1, 2, 3]},
    "budget": {"flops": 1e9},
    "engine": {"kind": "wandb", "method": "random", "trials": 2},
}


def spec(**changes: Any) -> SweepSpec:
    return SweepSpec.model_validate_json(json.dumps(SPEC | changes))


def place(of: SweepSpec, run_id: str = "tiny-0000-s0", depth: int = 1) -> WandbPlace:
    settings = {"model.depth": depth}
    record = Record(
        run_id=run_id, sweep="tiny", trial=0, seed=0, state="waiting", settings=settings, spec={}, fingerprint="f"
    )
    found = place_of(of, record)
    assert found is not None
    return found


def test_a_spec_becomes_offline_and_is_otherwise_the_same():
    offline = offline_spec(spec(tracking={"wandb": "online", "project": "p"}))
    assert (offline.tracking.wandb, offline.tracking.project) == ("offline", "p")
    assert offline.model_copy(update={"tracking": spec().tracking}) == spec()


def test_an_optuna_sweep_is_not_made_a_w_and_b_sweep_silently():
    with pytest.raises(InputError, match="the engine is optuna"):
        offline_spec(spec(engine={"kind": "optuna"}))
    optuna = spec(engine={"kind": "optuna"})
    record = Record(run_id="r", sweep="s", trial=0, seed=0, state="waiting", settings={}, spec={}, fingerprint="f")
    assert place_of(optuna, record) is None


def test_the_ids_are_such_as_w_and_b_takes():
    for run_id in ("tiny-0000-s0", "a" * 100 + "-0000-s0"):
        found = place(spec(), run_id)
        assert re.fullmatch(r"[a-z0-9]{8}", found.sweep_id)
        assert re.fullmatch(r"[A-Za-z0-9._-]{1,64}", found.run_id or "")
    assert re.fullmatch(r"tiny-[0-9a-f]{8}", place(spec()).group or "")


def test_the_ids_stay_when_a_sweep_goes_on():
    first = place(spec())
    assert place(spec(question="Which?")) == first
    assert place(offline_spec(spec())) == first
    assert place(spec(engine=SPEC["engine"] | {"trials": 9})) == first
    assert place(spec(budget={"flops": 1e9, "total": 1e12})) == first


def test_another_sweep_and_another_run_have_other_ids():
    first = place(spec())
    assert place(spec(budget={"flops": 2e9})).sweep_id != first.sweep_id
    assert place(spec(budget={"flops": 2e9})).run_id != first.run_id
    assert place(spec(), "tiny-0000-s1").run_id != first.run_id
    assert place(spec(), "tiny-0000-s1").group == first.group  # seeds of one setting
    assert place(spec(), depth=2).group != first.group
