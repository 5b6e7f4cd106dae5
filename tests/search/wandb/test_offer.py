"""What W&B's server offers is read as data, and refused when it is not ours."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from tlm_sweeps.errors import InputError
from tlm_sweeps.search.wandb.offer import offer_of
from tlm_sweeps.spec.fingerprint import fingerprint
from tlm_sweeps.spec.sweep import SweepSpec

Tiny = Callable[..., SweepSpec]


GIVEN = {"model.depth": {"value": 1}, "model.heads": {"value": 2}, "training.learning_rate": {"value": 2e-3}}
"""Every field of the tiny sweep's search."""


def carried(sweep: SweepSpec, **changes: Any) -> dict[str, Any]:
    text = {
        "version": "0.1.0",
        "spec": json.loads(sweep.model_dump_json(exclude_unset=True)),
        "fingerprint": fingerprint(sweep),
        "corpora": {},
    }
    return {"value": json.dumps(text | changes)}


def test_a_parameter_a_field(tiny: Tiny):
    offer = offer_of("ab12cd34", {"tlm": carried(tiny()), **GIVEN})
    assert offer.settings == {"model.depth": 1, "model.heads": 2, "training.learning_rate": 0.002}
    assert (offer.run_id, offer.seed, offer.baseline, offer.is_cell) == ("ab12cd34", None, None, False)
    assert offer.carried.spec == tiny()


def test_numbers_are_the_searchs_own_whatever_became_of_them_on_the_way(tiny: Tiny):
    search = {"model.depth": [1, 2], "model.context": {"log_int_uniform": [8, 32]}, "training.betas": [[0.9, 0.95]]}
    given = {"model.depth": 2.0, "model.context": 16.0, "training.betas": [0.9, 0.95]}
    whole = {name: {"value": value} for name, value in given.items()}
    args = {name: {"value": value} for name, value in given.items()}
    settings = offer_of("r", {"tlm": carried(tiny(search=search)), **args}).settings
    assert settings == {"model.depth": 2, "model.context": 16, "training.betas": (0.9, 0.95)}
    assert [type(each) for each in settings.values()] == [int, int, tuple]
    with pytest.raises(InputError, match="none of the search's values"):
        offer_of("r", {"tlm": carried(tiny(search=search)), **whole, "model.depth": {"value": True}})


def test_an_enumerated_cell_with_its_seed(tiny: Tiny):
    cell = '{"model.depth":2,"model.heads":1}'
    spec = tiny(search={"model.depth": [1, 2], "model.heads": [1, 2]}, seeds=4)
    offer = offer_of("r", {"tlm": carried(spec), "setting": {"value": cell}, "seed": {"value": 3}})
    assert (offer.settings, offer.seed, offer.is_cell) == ({"model.depth": 2, "model.heads": 1}, 3, True)


def test_a_baseline_stands_for_its_settings(tiny: Tiny):
    spec = tiny(baselines={"shallow": {"model.depth": 1}}, budget={"flops": [1e9, 2e9]})
    offer = offer_of(
        "r", {"tlm": carried(spec), "setting": {"value": '{"baseline":"shallow","budget.flops":2000000000}'}}
    )
    assert offer.baseline == "shallow"
    assert offer.settings == {"model.depth": 1, "budget.flops": 2e9}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"tlm": {"value": 3}}, "none of ours"),
        ({"tlm": {"value": '{"version": "0.1.0"}'}}, "not understood"),
        ({"model.breadth": {"value": 3}}, "`model.breadth` is not searched"),
        ({"__import__('os')": {"value": 3}}, "is not searched"),
        (GIVEN | {"model.depth": {"value": {"a": [1, {}]}}}, "a setting is text"),
        ({"setting": {"value": "[1]"}}, "no JSON object"),
        ({"setting": {"value": '{"baseline": "deep"}'}}, "no baseline 'deep'"),
        ({"seed": {"value": "0"}}, "no whole number"),
        ({"seed": {"value": True}}, "no whole number"),
        ({"seed": {"value": 7}}, "none of the sweep's"),
        ({}, "does not say `model.depth`"),
        (GIVEN | {"training.learning_rate": {"value": 10.0}}, "not from 0.001 to 0.01"),
        (GIVEN | {"training.learning_rate": {"value": float("nan")}}, "not from|finite"),
        (GIVEN | {"training.learning_rate": {"value": 10**400}}, "not from|too large"),
        (GIVEN | {"model.heads": {"value": 3}}, "none of the search's values"),
        (GIVEN | {"budget.flops": {"value": 5e9}}, "none of the sweep's budgets"),
        ({"setting": {"value": "[" * 100_000}}, "no JSON object"),
    ],
)
def test_what_is_not_ours_is_refused(tiny: Tiny, change: dict[str, Any], said: str):
    with pytest.raises(InputError, match=said):
        offer_of("r", {"tlm": carried(tiny())} | change)


def test_a_spec_that_was_changed_on_its_way_is_refused(tiny: Tiny):
    other = json.loads(tiny(budget={"flops": 2e9}).model_dump_json(exclude_unset=True))
    with pytest.raises(InputError, match="not the one that its fingerprint was taken of"):
        offer_of("r", {"tlm": carried(tiny(), spec=other)})
    with pytest.raises(InputError):
        offer_of("r", {"tlm": carried(tiny(), spec=other | {"search": {"model.nonsense": [1]}})})
