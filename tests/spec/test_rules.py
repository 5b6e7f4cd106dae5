"""Sweeps that cannot be are refused, and each hint, when followed, cures what it speaks of."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tlm_sweeps.spec import SweepSpec, problems_of_sweep

GOOD: dict[str, Any] = {
    "name": "a",
    "experiment": {"corpus": {"name": "ptb"}, "model": {"kind": "transformer", "width": 64}},
    "search": {"model.depth": [1, 2]},
    "budget": {"flops": 1e12},
}


def sweep(**changes: Any) -> SweepSpec:
    """The good sweep with some of it replaced: `experiment__model__width=None` removes, other values are set."""
    data = json.loads(json.dumps(GOOD))
    for name, value in changes.items():
        *parents, last = name.split("__")
        here = data
        for parent in parents:
            here = here.setdefault(parent, {})
        here[last] = value
        if value is None:
            del here[last]
    return SweepSpec.model_validate_json(json.dumps(data))


def test_a_good_sweep_has_no_problems() -> None:
    assert problems_of_sweep(sweep()) == []


WIDE = {"experiment__model__width": None, "budget__match": "width", "experiment__training__epochs": 2}
NONE = {"budget__match": "none", "experiment__training__epochs": 2}


@pytest.mark.parametrize(
    ("changes", "place", "message", "cure"),
    [
        # the space
        ({"search": {"model.dept": [1]}}, "search.model.dept", "is no field", {"search": {"model.depth": [1]}}),
        ({"search": {"depth": [1]}}, "search.depth", "is no field", {"search": {"model.depth": [1]}}),
        ({"search": {"model.n_layers": [1]}}, "search.model.n_layers", "is no field", {"search": {"model.depth": [1]}}),
        (
            {"search": {"training.precision": ["fp32", "auto"]}},
            "search.training.precision.1",
            "settled once for the whole sweep",
            {"search": {"training.precision": ["fp32", "bf16"]}},
        ),
        (
            {"baselines": {"b": {"training.precision": "auto"}}},
            "baselines.b.training.precision",
            "settled once for the whole sweep",
            {"baselines": {}, "experiment__training__precision": "auto"},
        ),
        ({"search": {"model": [1]}}, "search.model", "is a whole section", {"search": {"model.width": [8]}}),
        ({"search": {"training.schedule": [1]}}, "search.training.schedule", "is a whole section", {"search": {}}),
        (
            {"search": {"budget.flops": [1, 2]}},
            "search.budget.flops",
            "is no field of an experiment",
            {"search": {}, "budget": {"flops": [1e13, 2e13]}},
        ),
        (
            {"experiment__model": {"kind": "linear", "width": 8}, "experiment__training__predict": "last"},
            "search.model.depth",
            "`model.depth` is no field of a linear model",
            {"search": {}},
        ),
        ({"search": {"model.depth": [1, 0]}}, "search.model.depth.1", "must be at least 1, not 0", {"search": {}}),
        ({"search": {"model.norm": ["post"]}}, "search.model.norm.0", "one of `layernorm`", {"search": {}}),
        ({"search": {"corpus.name": ["ptb", "pbt"]}}, "search.corpus.name.1", "no corpus", {"search": {}}),
        (
            {"search": {"model.kind": ["mlq"]}},
            "search.model.kind.0",
            "unknown kind",
            {"search": {"model.kind": ["mlp"]}},
        ),
        (
            {"search": {"model.depth": {"uniform": [1, 4]}}},
            "search.model.depth",
            "takes whole numbers",
            {"search": {"model.depth": {"int_uniform": [1, 4]}}},
        ),
        (
            {"search": {"model.depth": {"log_uniform": [1.5, 4.5]}}},
            "search.model.depth",
            "takes whole numbers",
            {"search": {"model.depth": {"log_int_uniform": [2, 4]}}},
        ),
        (
            {"search": {"model.depth": {"int_uniform": [0, 4]}}},
            "search.model.depth",
            "at least 1, not 0",
            {"search": {}},
        ),
        ({"search": {"model.dropout": {"uniform": [0, 1]}}}, "search.model.dropout", "below 1, not 1", {"search": {}}),
        ({"search": {"training.betas": [[0.9, 0.99], [0.9]]}}, "search.training.betas.1", "list of 2", {"search": {}}),
        # baselines
        ({"baselines": {"b": {"model.dept": 1}}}, "baselines.b.model.dept", "is no field", {"baselines": {}}),
        ({"baselines": {"b": {"model.heads": 0}}}, "baselines.b.model.heads", "at least 1, not 0", {"baselines": {}}),
        (
            {"baselines": {"b": {"model.kind": "linear", "training.predict": "last", "model.depth": 2}}},
            "baselines.b.model.depth",
            "unknown key `depth`",
            {"baselines__b__model.depth": None},
        ),
        (
            {"baselines": {"b": {"model.kind": "linear"}}},
            "baselines.b.model.kind",
            "baseline `b`: predict all: a linear model",
            {"baselines__b__training.predict": "last"},
        ),
        (
            {"baselines": {"b": {"model.width": 30}}},
            "baselines.b.model.width",
            "width 30 is not divisible by heads 4",
            {"baselines__b__model.width": 28},
        ),
        # what is solved, what is given
        (
            {"experiment__training__epochs": 2},
            "experiment.training.epochs",
            "is solved by `budget.match: epochs`",
            {"budget__match": "none"},
        ),
        (
            {"search__training.epochs": [1, 2]},
            "search.training.epochs",
            "is solved by `budget.match: epochs`",
            {"search__training.epochs": None},
        ),
        (
            {"baselines": {"b": {"training.epochs": 2}}},
            "baselines.b.training.epochs",
            "is solved by `budget.match: epochs`",
            {"baselines": {"b": {}}},
        ),
        (
            {"experiment__model__width": None},
            "experiment.model.width",
            "neither given nor searched",
            {"search__model.width": [8]},
        ),
        (
            {**WIDE, "experiment__model__width": 64},
            "experiment.model.width",
            "is solved by `budget.match: width`",
            WIDE,
        ),
        (
            {**WIDE, "search__model.width": [64]},
            "search.model.width",
            "is solved by `budget.match: width`",
            {"search__model.width": None},
        ),
        (
            {**WIDE, "experiment__training__epochs": None},
            "experiment.training.epochs",
            "neither given nor",
            {"search__training.epochs": [1, 2]},
        ),
        (
            {**NONE, "experiment__training__epochs": None},
            "experiment.training.epochs",
            "neither given nor",
            {"budget__match": "epochs"},
        ),
        (
            {**NONE, "experiment__model__width": None},
            "experiment.model.width",
            "neither given nor",
            {"experiment__model__width": 128},
        ),
        (
            {"experiment__model__width": None, "search__model.width": [8, 16], "baselines": {"b": {"model.depth": 1}}},
            "baselines.b.model.width",
            "leaves `model.width` open",
            {"baselines__b__model.width": 128},
        ),
        ({"budget": None}, "search", "no budget is given", {"budget": {"flops": 2e13}}),
        (
            {"budget": None, "experiment__training__epochs": 2},
            "search",
            "no budget is given",
            {"budget": {"flops": 2e13, "match": "none"}},
        ),
        (
            {"budget": None, "search": {}},
            "experiment.training.epochs",
            "neither given",
            {"experiment__training__epochs": 4},
        ),
        ({"budget__total": 5e11}, "budget.total", "less than one run's 1 TFLOPs", {"budget__total": 1e12}),
        (
            {"budget__flops": [1e11, 2e12], "budget__total": 1e12},
            "budget.total",
            "less than one run's 2 TFLOPs",
            {"budget__total": None},
        ),
        ({"budget__flops": [1e11, 1e11]}, "budget.flops", "names a budget twice", {"budget__flops": [1e11]}),
        # the engine
        (
            {"engine__sampler": "grid", "search__training.learning_rate": {"uniform": [0.1, 1]}},
            "search.training.learning_rate",
            "a grid needs finitely many values, and `training.learning_rate`",
            {"search__training.learning_rate": {"uniform": [0.1, 1], "step": 0.1}},
        ),
        (
            {"engine__sampler": "grid", "search__training.batch_size": {"int_uniform": [1, 100_000]}},
            "engine.sampler",
            "the grid has 200,000 cells; at most 100,000",
            {"engine": {"sampler": "random", "trials": 64}},
        ),
        (
            {"engine__objectives": ["val_nll", "n_params"]},
            "engine.sampler",
            "tpe minimises one",
            {"engine__sampler": "nsga2"},
        ),
        (
            {"engine": {"sampler": "nsga2", "objectives": ["val_nll", "n_params"], "pruner": "asha"}},
            "engine.pruner",
            "asha judges one objective, not 2",
            {"engine__pruner": "none"},
        ),
        (
            {"engine": {"sampler": "nsga2", "objectives": ["val_nll"] * 2}},
            "engine.objectives",
            "twice",
            {"engine__objectives": ["val_nll"]},
        ),
        (
            {"engine__objectives": ["n_params"]},
            "engine.objectives",
            "nothing is learned",
            {"engine__objectives": ["val_nll"]},
        ),
        ({"seeds": [1, 2, 1]}, "seeds", "`seeds` names 1 twice", {"seeds": [1, 2]}),
        # contradictions that no search can cure
        (
            {"experiment__model__width": 50},
            "experiment.model.heads",
            "not divisible by heads 4",
            {"experiment__model__width": 48},
        ),
        (
            {"experiment__corpus__name": "pbt"},
            "experiment.corpus.name",
            "no corpus is known",
            {"experiment__corpus__name": "ptb"},
        ),
        (
            {"experiment__model": {"kind": "mlp", "width": 8}, "search": {"model.hidden": [8]}},
            "experiment.training.predict",
            "predict all: a mlp model",
            {"experiment__training__predict": "last"},
        ),
    ],
)
def test_an_impossible_sweep_is_refused_and_its_hint_is_true(
    changes: dict[str, Any], place: str, message: str, cure: dict[str, Any]
) -> None:
    (problem,) = problems_of_sweep(sweep(**changes))
    assert problem.place == place
    assert message in problem.message
    assert problem.hint or "must be" in problem.message
    assert problems_of_sweep(sweep(**{**changes, **cure})) == []


@pytest.mark.parametrize(
    "changes",
    [
        {
            "search": {
                "model.kind": ["linear", "transformer"],
                "model.depth": [1, 2],
                "training.predict": ["last", "all"],
            }
        },
        {"search": {"model.heads": [3, 4]}},
        {"search": {"model.width": [50, 64]}},
        {"search": {"model.activation": ["swiglu", "relu"], "model.kind": ["mlp", "transformer"]}},
        {"search": {"corpus.path": ["a.txt"]}},
        {"search": {"training.epochs": [1, 2]}, "experiment__model__width": None, "budget__match": "width"},
        {
            "search": {"model.width": [8, 16], "training.epochs": [1]},
            "experiment__model__width": None,
            "budget__match": "none",
        },
        {"search": {}, "budget": None, "experiment__training__epochs": 3},
        {"search": {}},
        {"engine": {"sampler": "nsga2"}},
        {"engine": {"sampler": "nsga2", "objectives": ["train_flops", "val_nll"]}},
        {"engine": {"sampler": "grid"}, "search": {"training.batch_size": {"int_uniform": [1, 50_000]}}},
        {"engine": {"sampler": "random"}, "search": {"training.batch_size": {"int_uniform": [1, 10**12]}}},
        {"budget": {"flops": [1e12, 2e12], "total": 2e12}},
        {"baselines": {"b": {"model.kind": "mlp", "training.predict": "last", "model.width": 8}}},
    ],
)
def test_what_some_cells_can_do_is_left_to_the_plan(changes: dict[str, Any]) -> None:
    assert problems_of_sweep(sweep(**changes)) == []


def test_a_contradiction_in_a_baseline_is_not_repeated_for_what_it_inherits() -> None:
    spec = sweep(experiment__model__width=50, baselines={"b": {"model.depth": 1}})
    assert [each.place for each in problems_of_sweep(spec)] == ["experiment.model.heads"]


def test_a_baseline_answers_for_a_searched_field_that_it_does_not_set() -> None:
    spec = sweep(experiment__model__heads=3, search={"model.heads": [2, 4]}, baselines={"b": {"model.depth": 1}})
    (problem,) = problems_of_sweep(spec)
    assert "baseline `b`: width 64 is not divisible by heads 3" in problem.message


def test_baselines_may_be_nested_or_dotted() -> None:
    nested = sweep(baselines={"b": {"model": {"kind": "linear", "context": 16}, "training.predict": "last"}})
    assert nested.baselines == {"b": {"model.kind": "linear", "model.context": 16, "training.predict": "last"}}


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"model": {"width": 8}, "model.width": 16}, "`model.width` is given twice"),
        ({"model.width": float("nan")}, "a setting is text, a finite number"),
        ({"model.width": {1, 2}}, "a setting is text, a finite number"),
        ({"model": {1: 2}}, "no name of a field"),
    ],
)
def test_a_baseline_holds_nothing_but_settings(settings: Any, message: str) -> None:
    spec = sweep()
    with pytest.raises(ValueError, match=message) as refused:
        SweepSpec(name="a", experiment=spec.experiment, baselines={"b": settings})
    assert "b" in str(refused.value)
