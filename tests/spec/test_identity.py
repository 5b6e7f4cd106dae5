"""A sweep's identity at W&B: the same while it goes on, another for another sweep."""

from __future__ import annotations

from typing import Any

import pytest

from tlm_sweeps.spec.identity import identity
from tlm_sweeps.spec.sweep import SweepSpec

GRID: dict[str, Any] = {
    "name": "sweep",
    "experiment": {"corpus": {"name": "python-docs"}, "model": {"kind": "transformer", "width": 64}},
    "search": {"model.depth": [1, 2]},
    "budget": {"flops": 1e9, "total": 1e10},
    "engine": {"sampler": "grid"},
}
TPE = GRID | {"engine": {"sampler": "tpe", "trials": 4}}


def identity_of(data: dict[str, Any]) -> str:
    return identity(SweepSpec.model_validate(data))


@pytest.mark.parametrize(
    ("spec", "changes"),
    [
        (GRID, {"question": "Which?"}),
        (GRID, {"budget": {"flops": 1e9, "total": 2e10}}),
        (GRID, {"tracking": {"wandb": "offline"}}),
        (GRID, {"seeds": 5}),
        (GRID, {"seeds": (0, 7)}),
        (TPE, {"engine": {"sampler": "tpe", "trials": 9}}),
    ],
)
def test_a_sweep_that_goes_on_stays_itself(spec: dict[str, Any], changes: dict[str, Any]):
    assert identity_of(spec | changes) == identity_of(spec)


@pytest.mark.parametrize(
    ("spec", "changes"),
    [
        (GRID, {"budget": {"flops": 2e9, "total": 1e10}}),
        (GRID, {"seeds": (689,)}),
        (GRID, {"name": "another"}),
        (TPE, {"seeds": 5}),
        (GRID | {"engine": {"sampler": "grid", "pruner": "median"}}, {"seeds": 5}),
    ],
)
def test_another_sweep_has_another(spec: dict[str, Any], changes: dict[str, Any]):
    assert identity_of(spec | changes) != identity_of(spec)
