"""Settings to Optuna and back, and pruners that count in per cent of the budget."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tlm_sweeps.search.optuna_params import is_ordinal, to_param, to_setting
from tlm_sweeps.search.optuna_search import OptunaSearch, PastTrial
from tlm_sweeps.spec.space import Choices
from tlm_sweeps.spec.sweep import SweepSpec


def spec_of(engine: dict[str, Any], search: dict[str, Any] | None = None) -> SweepSpec:
    data = {
        "name": "search",
        "experiment": {"corpus": {"name": "python-docs"}, "model": {"kind": "transformer", "width": 48}},
        "search": search or {"training.learning_rate": {"uniform": [1e-4, 1e-1]}},
        "budget": {"flops": 1e12},
        "engine": engine,
    }
    return SweepSpec.model_validate_json(json.dumps(data))


@given(st.lists(st.none() | st.booleans() | st.integers(0, 99) | st.sampled_from(["a", "b"]), min_size=1, max_size=6))
def test_every_choice_survives_the_way_to_optuna_and_back(values: list[Any]):
    dimension = spec_of({}, {"training.clip": values}).search["training.clip"]
    assert isinstance(dimension, Choices)
    for value in dimension.choices:
        assert to_setting(dimension, to_param(dimension, value)) == value


def test_lists_of_numbers_keep_their_order_for_the_sampler():
    def choices(values: list[Any]) -> Choices:
        dimension = spec_of({}, {"training.clip": values}).search["training.clip"]
        assert isinstance(dimension, Choices)
        return dimension

    assert is_ordinal(choices([1, 2, 4]))
    assert is_ordinal(choices([0.1, 0.01]))
    assert not is_ordinal(choices([1, 3, 2]))
    assert not is_ordinal(choices([None, 1, 2]))
    assert not is_ordinal(choices([True, False]))
    many = spec_of({"sampler": "cmaes"}, {"training.clip": list(range(1, 20))})
    drawn = [OptunaSearch(many, 0).suggest(number).settings["training.clip"] for number in range(20)]
    assert set(drawn) <= set(range(1, 20))


@pytest.mark.parametrize("pruner", ["median", "asha", "hyperband"])
def test_a_pruner_stops_the_worst_early_and_lets_the_best_through(pruner: str):
    search = OptunaSearch(spec_of({"sampler": "random", "pruner": pruner}), 0)
    stopped: dict[int, int] = {}
    for number in range(40):
        search.suggest(number)
        level = number % 10
        for percent in range(5, 101, 5):
            if search.report(number, percent, level + 5 / percent) and percent < 100:
                stopped[number] = percent
                break
        search.tell(
            number, "pruned" if number in stopped else "complete", None if number in stopped else [float(level)]
        )
    later = range(20, 40)
    assert not any(number in stopped for number in later if number % 10 == 0), "the best is never stopped"
    assert sum(number in stopped for number in later if number % 10 >= 5) >= 5, "most of the worse half are"


@pytest.mark.parametrize("pruner", ["median", "asha", "hyperband"])
def test_a_pruner_decides_after_a_restart_as_it_would_have(pruner: str):
    spec = spec_of({"sampler": "random", "pruner": pruner})

    def judged(search: OptunaSearch, number: int) -> PastTrial:
        settings, reports = search.suggest(number).settings, {}
        for percent in range(5, 101, 5):
            reports[percent] = (number * 7) % 10 + 5 / percent
            if search.report(number, percent, reports[percent]) and percent < 100:
                search.tell(number, "pruned", None)
                return PastTrial(number, settings, {}, "pruned", None, reports)
        value = [float((number * 7) % 10)]
        search.tell(number, "complete", value)
        return PastTrial(number, settings, {}, "complete", value, reports)

    uninterrupted = OptunaSearch(spec, 0)
    past = [judged(uninterrupted, number) for number in range(20)]
    restored = OptunaSearch(spec, 0)
    for trial in past:
        restored.restore(trial)
    later = range(20, 40)
    assert [judged(restored, number) for number in later] == [judged(uninterrupted, number) for number in later]


def test_no_pruner_never_stops_anything():
    search = OptunaSearch(spec_of({"sampler": "random"}), 0)
    for number in range(10):
        search.suggest(number)
        assert not any(search.report(number, percent, float(number)) for percent in range(5, 101, 5))
        search.tell(number, "complete", [float(number)])


def test_of_two_evaluations_within_a_per_cent_the_first_counts():
    search = OptunaSearch(spec_of({"sampler": "random", "pruner": "median"}), 0)
    search.suggest(0)
    assert not search.report(0, 5, 2.0)
    assert not search.report(0, 5, 1.0), "optuna itself would warn, and a warning is an error here"
    search.tell(0, "complete", [1.0])


def test_a_generation_is_as_large_however_many_trials_are_asked_for():
    def searched(trials: int) -> list[dict[str, Any]]:
        # Of a single dimension every child is a mutant, drawn anew: nothing would be inherited.
        space = {f"training.{name}": {"uniform": [1e-4, 1e-1]} for name in ("learning_rate", "weight_decay", "clip")}
        search, settings = OptunaSearch(spec_of({"sampler": "nsga2", "trials": trials}, space), 0), []
        for number in range(25):
            settings.append(search.suggest(number).settings)
            search.tell(number, "complete", [settings[-1]["training.learning_rate"]])
        return settings

    assert searched(16) == searched(64), "a sweep may be given more trials under the same name"


def test_budgets_have_streams_of_their_own():
    spec = spec_of({"sampler": "random"})
    settings = [OptunaSearch(spec, stream).suggest(0).settings for stream in (0, 0, 1)]
    assert settings[0] == settings[1] != settings[2]
