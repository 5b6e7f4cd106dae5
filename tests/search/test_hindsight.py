"""Long searches: shown whole they are plain Optuna's, shown in part they stay the same after a restart."""

import json
import random
import warnings
from dataclasses import replace
from typing import Any

import numpy as np
import optuna
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tlm_sweeps.search.hindsight import OF_SAMPLER, Finished, Hindsight, standing_of
from tlm_sweeps.search.optuna_params import distribution_of
from tlm_sweeps.search.optuna_search import OptunaSearch, PastTrial, Suggestion
from tlm_sweeps.spec.sweep import SweepSpec

SEARCH = {
    "training.learning_rate": {"log_uniform": [1e-4, 1e-1]},
    "model.depth": {"int_uniform": [1, 8]},
    "model.dropout": {"uniform": [0.0, 0.5]},
}
SMALL = {
    "tpe": Hindsight(30, best=5, newest=5, drawn=10, pruned=True),
    "cmaes": replace(OF_SAMPLER["cmaes"], whole=30, newest=20),
    "nsga2": replace(OF_SAMPLER["nsga2"], whole=30, newest=20),
}
"""What is shown of a long search, at a size that a test can reach. CMA-ES has 7 in a generation here, NSGA-II 10."""
EVERYTHING = Hindsight(10**9, pruned=True)


def spec_of(sampler: str, objectives: tuple[str, ...] = ("val_nll",)) -> SweepSpec:
    data = {
        "name": "search",
        "experiment": {"corpus": {"name": "python-docs"}, "model": {"kind": "transformer", "width": 48}},
        "search": SEARCH,
        "budget": {"flops": 1e12},
        "engine": {"sampler": sampler, "objectives": objectives},
    }
    return SweepSpec.model_validate_json(json.dumps(data))


def values_of(settings: dict[str, Any], objectives: int = 1) -> list[float]:
    rate, depth, dropout = (settings[name] for name in SEARCH)
    return [(np.log10(rate) + 2.5) ** 2 + (depth - 3) ** 2 / 10 + dropout, float(depth)][:objectives]


class Rehearsal:
    """A search with several trials at a time, which end in an order of their own."""

    def __init__(self, spec: SweepSpec, hindsight: Hindsight, at_once: int) -> None:
        self.spec, self.at_once = spec, at_once
        self.search = OptunaSearch(spec, 0, hindsight)
        self.suggested: list[Suggestion] = []
        self.running: list[int] = []
        self.random = random.Random(0)

    def go_on(self, until: int) -> list[dict[str, Any]]:
        while len(self.suggested) < until:
            self.running.append(len(self.suggested))
            self.suggested.append(self.search.suggest(len(self.suggested)))
            if len(self.running) == self.at_once:
                number = self.running.pop(self.random.randrange(self.at_once))
                self.search.tell(number, "complete", self.values(number))
        return [each.settings for each in self.suggested]

    def values(self, number: int) -> list[float]:
        return values_of(self.suggested[number].settings, len(self.spec.engine.objectives))

    def restart(self, hindsight: Hindsight) -> None:
        self.search = OptunaSearch(self.spec, 0, hindsight)
        for number, each in enumerate(self.suggested):
            over = number not in self.running
            state = json.loads(json.dumps(each.sampler_state))
            values = self.values(number) if over else None
            self.search.restore(PastTrial(number, each.settings, state, "complete" if over else None, values, {}))


PLAIN = {
    "random": lambda seed: optuna.samplers.RandomSampler(seed=seed),
    "tpe": lambda seed: optuna.samplers.TPESampler(seed=seed),
    "gp": lambda seed: optuna.samplers.GPSampler(seed=seed),
    "cmaes": lambda seed: optuna.samplers.CmaEsSampler(seed=seed, warn_independent_sampling=False),
    "nsga2": lambda seed: optuna.samplers.NSGAIISampler(seed=seed, population_size=10),
}


@pytest.mark.parametrize(("sampler", "trials"), [("random", 5), ("tpe", 60), ("gp", 12), ("cmaes", 60), ("nsga2", 60)])
def test_what_is_shown_whole_is_searched_as_by_plain_optuna(sampler: str, trials: int):
    spec = spec_of(sampler)
    ours, plain = OptunaSearch(spec, 0), optuna.create_study()
    distributions = {name: distribution_of(dimension) for name, dimension in spec.search.items()}
    for number in range(trials):
        seed = int(np.random.SeedSequence([0, 0, number]).generate_state(1)[0])
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
            plain.sampler = PLAIN[sampler](seed)
        settings, trial = ours.suggest(number).settings, plain.ask(distributions)
        assert settings == trial.params
        ours.tell(number, "complete", values_of(settings))
        plain.tell(trial, values_of(settings))


@pytest.mark.parametrize(
    ("sampler", "objectives"), [("cmaes", ("val_nll",)), ("nsga2", ("val_nll",)), ("nsga2", ("val_nll", "n_params"))]
)
@pytest.mark.parametrize("at_once", [1, 6])
def test_generations_lose_nothing_by_seeing_the_newest_only(sampler: str, objectives: tuple[str, ...], at_once: int):
    spec = spec_of(sampler, objectives)
    bounded, whole = (Rehearsal(spec, each, at_once) for each in (SMALL[sampler], EVERYTHING))
    assert bounded.go_on(150) == whole.go_on(150)


def test_trials_that_run_are_seen_beside_those_that_are_shown():
    all_but_in_name, whole = (Rehearsal(spec_of("tpe"), each, 6) for each in (Hindsight(30, newest=10**6), EVERYTHING))
    assert all_but_in_name.go_on(80) == whole.go_on(80)


@pytest.mark.parametrize("sampler", sorted(SMALL))
@pytest.mark.parametrize("at_once", [1, 6])
def test_a_long_search_goes_on_after_a_restart_as_without_one(sampler: str, at_once: int):
    spec = spec_of(sampler)
    interrupted, whole = (Rehearsal(spec, SMALL[sampler], at_once) for _ in range(2))
    interrupted.go_on(75)
    interrupted.restart(SMALL[sampler])
    assert interrupted.go_on(110) == whole.go_on(110)


def test_tpe_that_sees_a_part_still_finds_the_valley():
    hindsight = replace(OF_SAMPLER["tpe"], whole=250)
    found, drawn = (Rehearsal(spec_of(sampler), hindsight, 1).go_on(360) for sampler in ("tpe", "random"))
    typical, by_chance = (np.median([values_of(each) for each in tried[260:]]) for tried in (found, drawn))
    assert typical < by_chance / 2


@given(st.lists(st.sampled_from([1.0, 2.0, 3.0, 4.0]), min_size=45, max_size=80), st.randoms(use_true_random=False))
def test_what_is_shown_is_bounded_and_holds_the_best_and_the_newest(values: list[float], order: random.Random):
    hindsight, running = Hindsight(40, best=8, newest=6, drawn=12), 2
    finished, shuffled = Finished(), Finished()
    entries = [(trial_id, standing_of("complete", [value], {})) for trial_id, value in enumerate(values)]
    for entry in entries:
        finished.add(*entry)
    for entry in order.sample(entries, len(entries)):
        shuffled.add(*entry)
    shown = finished.shown(hindsight, running, random.Random(7))
    assert shown == shuffled.shown(hindsight, running, random.Random(7)), "the order in which trials end is nothing"
    assert len(shown) <= 8 + 12 + 6 + 2 * running
    assert {*sorted(range(len(values)), key=values.__getitem__)[:8]} <= shown
    assert {*range(len(values))[-6 - 2 * running :]} <= shown


def test_pruned_trials_stand_behind_complete_ones_by_how_far_they_came():
    standings = [
        standing_of("complete", [3.0], {100: 3.0}),
        standing_of("pruned", None, {10: 5.0, 50: 4.0}),
        standing_of("pruned", None, {10: 1.0}),
        standing_of("pruned", None, {10: float("nan")}),
        standing_of("pruned", None, {}),
    ]
    assert standings == sorted(standings)
