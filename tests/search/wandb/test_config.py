"""The W&B sweeps that specs become: sound by W&B's own schema, and proposing what fits the budget."""

from __future__ import annotations

import itertools
import json
import math
from typing import Any

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from tests.spec.strategies import part
from tests.wandb_server.config_schema import check_config
from tlm_sweeps.compute.facts import CorpusFacts
from tlm_sweeps.compute.planning import budgets, plan_sweep, plan_trial, seeds_of
from tlm_sweeps.errors import InputError
from tlm_sweeps.search.wandb.config import LaunchPlan, sweep_config
from tlm_sweeps.search.wandb.config_schema import schema_problems
from tlm_sweeps.search.wandb.launchable import ensure_launchable
from tlm_sweeps.search.wandb.offer import offer_of
from tlm_sweeps.spec import SweepSpec, fingerprint, problems_of_sweep
from tlm_sweeps.spec.carrying import carried_of

FACTS = CorpusFacts("text", "char", 60, 20_000, 2_000, 2_000, "f" * 16)
BASE: dict[str, Any] = {
    "name": "shapes",
    "question": "Which shape?",
    "experiment": {
        "corpus": {"path": "text.txt"},
        "model": {"kind": "transformer", "width": 16, "depth": 1, "heads": 2, "context": 16},
        "training": {"learning_rate": 1e-3, "batch_size": 8},
        "evaluation": {"every": 0.05},
    },
    "search": {"model.depth": [1, 2], "model.heads": [2, 3]},
    "budget": {"flops": 6e8},
    "engine": {"kind": "wandb", "method": "grid"},
}
"""Two of its four settings are infeasible: three heads do not divide the width."""
LINEAR = {"linear": {"model.kind": "linear", "training.predict": "last"}}


def facts_of(_corpus: object) -> CorpusFacts:
    """A text that is not there."""
    return FACTS


def sweep(**changes: Any) -> SweepSpec:
    """The base sweep with some of its sections replaced; an engine keeps its kind."""
    engine = {"engine": {"kind": "wandb", **changes.pop("engine")}} if "engine" in changes else {}
    return SweepSpec.model_validate_json(json.dumps(BASE | changes | engine))


def proposals(plan: LaunchPlan) -> list[dict[str, Any]]:
    """What a grid hands out: each combination once, as agents get it."""
    parameters = plan.config["parameters"]
    values = [each.get("values", [each.get("value")]) for each in parameters.values()]
    return [
        {name: {"value": value} for name, value in zip(parameters, combination, strict=True)}
        for combination in itertools.product(*values)
    ]


dimensions: dict[str, Any] = {
    "model.depth": st.sampled_from([[1, 2, 3], {"int_uniform": [1, 4]}, {"int_uniform": [1, 5], "step": 2}, [2]]),
    "model.heads": st.sampled_from([[1, 2, 3], [3, 4], {"log_int_uniform": [1, 8]}]),
    "model.norm": st.just(["layernorm", "rmsnorm"]),
    "model.kv_heads": st.just([None, 1]),
    "training.learning_rate": st.sampled_from([{"log_uniform": [1e-4, 1e-2]}, {"uniform": [1e-3, 1e-3]}, [1e-3, 1]]),
    "training.betas": st.just([[0.9, 0.99], [0.9, 0.999]]),
    "training.weight_decay": st.sampled_from([{"uniform": [0, 0.1], "step": 0.05}, [0.0, 0]]),
    "training.batch_size": st.sampled_from([[8, 10_000], [8, 16]]),
}
some_sweeps = part(
    search=part(**dimensions),
    baselines=st.sampled_from([{}, LINEAR, {"same": {"model.depth": 1, "model.heads": 2}}]),
    budget=st.sampled_from([{"flops": 6e8}, {"flops": [6e8, 1e9]}, {"flops": 1e7}]),
    engine=part(
        method=st.sampled_from(["grid", "random", "bayes"]),
        trials=st.integers(1, 12),
        pruner=st.sampled_from(["none", "hyperband"]),
        seed=st.integers(0, 5),
    ),
    seeds=st.sampled_from([1, 3, [7, 8]]),
)
many = settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@many
@given(some_sweeps)
def test_whatever_is_launched_is_sound_and_carries_the_whole_spec(data: dict[str, Any]) -> None:
    spec = sweep(**data)
    assume(not problems_of_sweep(spec) and plan_sweep(spec, facts_of).feasible)
    plan = sweep_config(spec, facts_of)
    assert check_config(plan.config) == []
    assert schema_problems(plan.config) == []
    assert json.loads(json.dumps(plan.config)) == plan.config
    carried = carried_of(plan.config["parameters"]["tlm"]["value"])
    assert fingerprint(carried.spec) == fingerprint(spec) == carried.fingerprint
    assert carried.corpora == {"text": FACTS.fingerprint}
    assert plan.notes
    assert plan.config["run_cap"] == plan.runs


@many
@given(some_sweeps)
def test_a_grid_hands_out_every_feasible_experiment_once_and_nothing_else(data: dict[str, Any]) -> None:
    spec = sweep(**data | {"engine": {"method": "grid"}})
    assume(not problems_of_sweep(spec))
    expected = {trial.fingerprint for trial in plan_sweep(spec, facts_of).feasible}
    assume(expected)
    plan = sweep_config(spec, facts_of)
    offers = [offer_of(f"run{number}", args) for number, args in enumerate(proposals(plan))]
    assert plan.runs == len(offers) == len(expected) * len(seeds_of(spec))
    planned = [plan_trial(spec, offer.settings, facts_of, baseline=offer.baseline) for offer in offers]
    assert all(trial.feasible for trial in planned)
    seeds = [offer.seed for offer in offers]
    assert set(seeds) == (set(seeds_of(spec)) if len(seeds_of(spec)) > 1 else {None})
    assert len({(trial.fingerprint, seed) for trial, seed in zip(planned, seeds, strict=True)}) == len(offers)
    assert {trial.fingerprint for trial in planned} == expected


@many
@given(some_sweeps)
def test_a_random_search_of_a_finite_space_is_drawn_without_repeats(data: dict[str, Any]) -> None:
    spec = sweep(**data | {"engine": data.get("engine", {}) | {"method": "random", "pruner": "none"}})
    whole = plan_sweep(spec, facts_of)
    assume(whole.whole and whole.feasible)
    plan = sweep_config(spec, facts_of)
    offers = [offer_of(f"run{number}", args) for number, args in enumerate(proposals(plan))]
    planned = [plan_trial(spec, offer.settings, facts_of, baseline=offer.baseline) for offer in offers]
    assert all(trial.feasible for trial in planned)
    assert len({trial.fingerprint for trial in planned}) * len(seeds_of(spec)) == len(offers) == plan.runs
    wanted = spec.engine.trials or 20
    for flops in budgets(spec):
        fit = {trial.fingerprint for trial in whole.feasible if trial.budget_flops == flops and not trial.baseline}
        fit -= {trial.fingerprint for trial in whole.feasible if trial.baseline}
        drawn = {trial.fingerprint for trial in planned if trial.budget_flops == flops and trial.baseline is None}
        assert len(drawn) == min(wanted, len(fit))
    assert sweep_config(spec, facts_of) == plan


def test_a_space_that_fits_as_a_whole_keeps_its_fields_as_parameters() -> None:
    plan = sweep_config(sweep(search={"model.depth": [1, 2], "model.heads": [2, 4]}, seeds=2), facts_of)
    parameters = plan.config["parameters"]
    assert (plan.way, plan.config["method"], plan.runs) == ("fields", "grid", 8)
    assert parameters["model.depth"] == {"values": [1, 2]}
    assert parameters["seed"] == {"values": [0, 1]}
    assert "setting" not in parameters


def test_what_is_left_out_of_a_grid_is_said() -> None:
    plan = sweep_config(sweep(baselines=LINEAR), facts_of)
    assert plan.config["parameters"]["setting"]["values"] == [
        '{"baseline":"linear"}',
        '{"model.depth":1,"model.heads":2}',
        '{"model.depth":2,"model.heads":2}',
    ]
    assert "2 infeasible" in plan.notes[0]


@pytest.mark.parametrize(
    ("dimension", "parameter"),
    [
        ({"log_uniform": [1e-4, 1e-2]}, {"distribution": "log_uniform_values", "min": 1e-4, "max": 1e-2}),
        ({"uniform": [0, 1]}, {"distribution": "uniform", "min": 0.0, "max": 1.0}),
        ({"uniform": [0, 1], "step": 0.5}, {"values": [0.0, 0.5, 1.0]}),
        ({"uniform": [0.1, 0.1]}, {"values": [0.1]}),
        ({"int_uniform": [1, 9]}, {"distribution": "int_uniform", "min": 1, "max": 9}),
        ({"int_uniform": [1, 9], "step": 4}, {"values": [1, 5, 9]}),
        ({"log_int_uniform": [1, 9]}, {"distribution": "q_log_uniform_values", "min": 1, "max": 9, "q": 1}),
        ([3, 1, None], {"values": [3, 1, None]}),
        ([[0.9, 0.99]], {"values": [[0.9, 0.99]]}),
    ],
)
def test_bayes_gets_each_field_in_w_and_bs_words(dimension: Any, parameter: dict[str, Any]) -> None:
    spec = sweep(search={"training.clip": dimension}, engine={"trials": 5}, seeds=3)
    plan = sweep_config(spec, facts_of)
    assert (plan.way, plan.config["method"]) == ("fields", "bayes")
    assert plan.config["parameters"]["training.clip"] == parameter
    assert plan.runs == 3 * min(5, spec.search["training.clip"].size() or math.inf)
    assert "seed" not in plan.config["parameters"]


def test_bayes_says_what_does_not_fit_and_what_is_left_out() -> None:
    notes = " ".join(sweep_config(sweep(engine={}, baselines=LINEAR), facts_of).notes)
    assert "2 of the 4 settings do not fit" in notes
    assert "left out (linear)" in notes


def test_an_infinite_random_search_is_w_and_bs_and_has_the_budget_as_a_parameter() -> None:
    search = {"training.learning_rate": {"log_uniform": [1e-4, 1e-2]}}
    spec = sweep(search=search, budget={"flops": [6e8, 1e9]}, engine={"method": "random", "trials": 4})
    plan = sweep_config(spec, facts_of)
    assert (plan.way, plan.config["method"], plan.runs) == ("fields", "random", 8)
    assert plan.config["parameters"]["budget.flops"] == {"values": [600_000_000, 1_000_000_000]}


@pytest.mark.parametrize(("every", "lines"), [(0.05, 1), (0.01, 5), (0.25, 1), (0.02, 2), (0.001, 50)])
def test_hyperband_first_judges_at_five_per_cent_of_the_budget(every: float, lines: int) -> None:
    experiment = BASE["experiment"] | {"evaluation": {"every": every}}
    config = sweep_config(sweep(experiment=experiment, engine={"pruner": "hyperband"}), facts_of).config
    assert config["early_terminate"] == {"type": "hyperband", "min_iter": lines, "eta": 3}


def test_a_local_scheduler_is_left_the_whole_search() -> None:
    section = {"engine": "optuna", "source": "s.py", "optimizer": "optimizer", "search_space": "search_space"}
    spec = sweep(engine={"scheduler": "optuna", "pruner": "hyperband", "trials": 3}, baselines=LINEAR, seeds=2)
    plan = sweep_config(spec, facts_of, scheduler=section)
    assert check_config(plan.config) == []
    assert (plan.way, plan.config["method"], list(plan.config["parameters"])) == ("scheduler", "custom", ["tlm"])
    assert plan.config["scheduler"] == section
    assert plan.runs == (3 + 1) * 2


@pytest.mark.parametrize(
    "changes",
    [
        {"search": {"training.batch_size": {"int_uniform": [8, 20_008]}}},
        {"search": {"training.batch_size": {"int_uniform": [1, 100_000]}}},
        {"search": {"training.learning_rate": {"uniform": [0.1, 0.2], "step": 1e-6}}, "engine": {}},
    ],
)
def test_a_sweep_that_is_too_large_for_w_and_b_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(InputError, match="at most 10,000") as refused:
        sweep_config(sweep(**{"budget": {"flops": 1e12}} | changes), facts_of)
    assert refused.value.problems[0].hint


WIDE = BASE["experiment"]
UNFIT: dict[str, tuple[dict[str, Any], str]] = {
    "auto": ({"experiment": WIDE | {"training": {"precision": "auto"}}}, "experiment.training.precision"),
    "bayes of nothing": ({"engine": {}, "search": {}}, "engine.method"),
    "bayes at two budgets": ({"engine": {}, "budget": {"flops": [1e9, 2e9]}}, "budget.flops"),
    "hyperband over epochs": (
        {"engine": {"pruner": "hyperband"}, "experiment": WIDE | {"evaluation": {"every": "epoch"}}},
        "experiment.evaluation.every",
    ),
    "hyperband over unequal lines": (
        {"engine": {"pruner": "hyperband"}, "search": {"evaluation.every": [0.1, 0.2]}},
        "search.evaluation.every",
    ),
}


@pytest.mark.parametrize(("changes", "place"), UNFIT.values(), ids=UNFIT.keys())
def test_what_agents_could_not_do_as_it_is_meant_is_refused(changes: dict[str, Any], place: str) -> None:
    spec = sweep(**changes)
    assert problems_of_sweep(spec) == []  # one machine can do it
    with pytest.raises(InputError) as refused:
        ensure_launchable(spec)
    (problem,) = refused.value.problems
    assert problem.place == place
    assert problem.hint
    ensure_launchable(sweep())
