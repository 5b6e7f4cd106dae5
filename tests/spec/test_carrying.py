"""A sweep's spec travels as text and comes back, and what is none of ours is refused."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tlm_sweeps.errors import InputError
from tlm_sweeps.spec.carrying import carried_in
from tlm_sweeps.spec.fingerprint import fingerprint
from tlm_sweeps.spec.sweep import SweepSpec

SPEC = SweepSpec.model_validate(
    {
        "name": "quickstart",
        "experiment": {"corpus": {"name": "python-docs"}, "model": {"kind": "transformer", "width": 32}},
        "search": {"model.depth": [1, 2, 3]},
        "budget": {"flops": 3e10},
    }
)


def carrying(**changes: Any) -> dict[str, Any]:
    spec = json.loads(SPEC.model_dump_json(exclude_unset=True))
    text = {"version": "9", "spec": spec, "fingerprint": fingerprint(SPEC), "corpora": {}} | changes
    return {"parameters": {"tlm": {"value": json.dumps(text)}}}


def test_the_spec_that_a_sweep_carries_comes_back():
    assert carried_in(carrying()).spec == SPEC


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"parameters": {"lr": {"min": 0, "max": 1}}}, "none of ours"),
        ({}, "none of ours"),
        ({"parameters": {"tlm": {"value": "no JSON"}}}, "not understood"),
        (carrying(spec={"nome": 1}), "not understood"),
        (carrying(fingerprint="0" * 16), "not the one that its fingerprint was taken of"),
    ],
)
def test_a_sweep_of_somebody_else_is_refused(config: dict[str, Any], message: str):
    with pytest.raises(InputError, match=message) as refused:
        carried_in(config)
    assert "tlm-sweeps" in refused.value.problems[0].hint
