"""The plan: every cell with its verdict, whole or sampled, and sweeps that cannot run refused."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tlm_sweeps.compute.facts import CorpusFacts
from tlm_sweeps.compute.feasibility import ensure_feasible
from tlm_sweeps.compute.goals import n_params, train_flops_per_window
from tlm_sweeps.compute.planning import cells, draws, plan_sweep, plan_trial, space_size
from tlm_sweeps.errors import InputError
from tlm_sweeps.spec.experiment import ExperimentSpec
from tlm_sweeps.spec.sweep import SweepSpec

FACTS = CorpusFacts("text", "char", 65, 200_000, 20_000, 20_000, "abc")


def facts_of(_: ExperimentSpec) -> CorpusFacts:
    return FACTS


def spec_of(**changes: Any) -> SweepSpec:
    data = {
        "name": "plan",
        "experiment": {"corpus": {"name": "python-docs"}, "model": {"kind": "transformer", "width": 48, "context": 32}},
        "search": {"model.depth": [1, 2, 3], "model.heads": [1, 2, 5]},
        "budget": {"flops": 1e12},
    }
    return SweepSpec.model_validate_json(json.dumps(data | changes))


@pytest.mark.parametrize(
    "search",
    [
        {"training.learning_rate": [1e-3, 1e-2], "training.clip": [None, 1.0], "training.batch_size": [16, 64]},
        {
            "training.schedule.kind": ["constant", "cosine"],
            "training.predict": ["all", "last"],
            "evaluation.every": [0.1, 1],
        },
        {"training.optimizer": ["adam", "sgd"], "model.dropout": [0.0, 0.1], "training.precision": ["fp32", "bf16"]},
        {"training.weight_decay": [0.0, 0.1], "training.optimizer": ["adam", "adamw"], "model.depth": [1, 2]},
    ],
)
def test_a_setting_costs_in_a_plan_of_many_what_it_costs_alone(search: dict[str, list[Any]]):
    spec = spec_of(search=search)
    plan = plan_sweep(spec, facts_of)
    assert plan.feasible
    assert list(plan.trials) == [plan_trial(spec, each.settings, facts_of) for each in plan.trials]


def test_every_cell_of_a_finite_space_is_planned_with_its_verdict():
    plan = plan_sweep(spec_of(), facts_of)
    assert plan.whole
    assert len(plan.trials) == 9
    assert len(plan.feasible) == 6
    for trial in plan.trials:
        if trial.settings["model.heads"] == 5:
            assert trial.reason == "width 48 is not divisible by heads 5"
            assert trial.cost is None
            continue
        assert trial.matched is not None
        assert trial.cost is not None
        experiment, steps = trial.matched.experiment, trial.matched.steps
        windows = steps.windows_after(steps.total)
        assert trial.cost.n_params == n_params(experiment.model, 65, "all")
        assert trial.matched.train_flops == train_flops_per_window(experiment.model, 65, "all").times(windows)
        assert 0.99e12 <= trial.matched.train_flops.matmul <= 1e12
        assert trial.cost.positions == windows * 32 == trial.cost.targets


def test_an_infinite_space_is_sampled_the_same_way_every_time():
    spec = spec_of(search={"training.learning_rate": {"log_uniform": [1e-4, 1e-1]}, "model.depth": [1, 2]})
    assert space_size(spec) is None
    one, two = plan_sweep(spec, facts_of, sample=20), plan_sweep(spec, facts_of, sample=20)
    assert not one.whole
    assert len(one.trials) == 20
    assert one == two
    assert all(1e-4 <= trial.settings["training.learning_rate"] <= 1e-1 for trial in one.trials)


@given(st.integers(1, 5), st.integers(1, 5), st.integers(1, 3))
def test_a_space_has_as_many_cells_as_its_size_says(depths: int, heads: int, budgets: int):
    spec = spec_of(
        search={"model.depth": list(range(1, depths + 1)), "model.heads": {"int_uniform": [1, heads]}},
        budget={"flops": [10**12 * (k + 1) for k in range(budgets)]},
    )
    listed = list(cells(spec))
    assert len(listed) == space_size(spec) == depths * heads * budgets
    assert len({json.dumps(cell) for cell in listed}) == len(listed)
    assert all(("budget.flops" in cell) == (budgets > 1) for cell in listed)


def test_draws_stay_within_every_kind_of_range():
    search = {
        "training.learning_rate": {"uniform": [0.1, 0.2]},
        "training.weight_decay": {"uniform": [0, 1], "step": 0.25},
        "model.ffn_width": {"log_int_uniform": [8, 64]},
        "model.context": {"int_uniform": [8, 16], "step": 4},
        "model.positions": ["rope", "learned"],
    }
    for setting in draws(spec_of(search=search), 200):
        assert 0.1 <= setting["training.learning_rate"] <= 0.2
        assert setting["training.weight_decay"] in (0, 0.25, 0.5, 0.75, 1)
        assert setting["model.ffn_width"] in range(8, 65)
        assert setting["model.context"] in (8, 12, 16)
        assert setting["model.positions"] in ("rope", "learned")


def test_a_baseline_of_another_kind_drops_what_that_kind_does_not_have():
    baseline = {"model.kind": "linear", "training.predict": "last", "model.context": 8}
    planned = plan_trial(spec_of(), baseline, facts_of, baseline="linear")
    assert planned.feasible
    assert planned.matched is not None
    assert planned.matched.experiment.model.kind == "linear"


def test_a_range_whose_feasible_end_is_hardly_ever_drawn_is_not_refused():
    ensure_feasible(spec_of(search={"model.depth": {"int_uniform": [1, 2_000_000_000]}}), facts_of)
    with pytest.raises(InputError, match="none of 300 settings drawn"):
        ensure_feasible(spec_of(search={"model.depth": {"int_uniform": [10**6, 2_000_000_000]}}), facts_of)


def test_a_sweep_in_which_nothing_is_feasible_is_refused_with_a_reason():
    with pytest.raises(InputError, match=r"no setting of the search space is feasible.*heads 5"):
        ensure_feasible(spec_of(search={"model.heads": [5, 7]}), facts_of)
    with pytest.raises(InputError, match="less than one step"):
        ensure_feasible(spec_of(search={}, budget={"flops": 1e5}), facts_of)
    with pytest.raises(InputError, match="baseline `deep` is infeasible"):
        ensure_feasible(spec_of(baselines={"deep": {"model.context": 30_000}}), facts_of)
    ensure_feasible(spec_of(), facts_of)
