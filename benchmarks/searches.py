"""One ask and tell after so many finished trials: our search at one budget, and plain Optuna on its own storages."""

from __future__ import annotations

import random
import sqlite3
from collections.abc import Callable
from contextlib import closing
from functools import partial
from itertools import count
from pathlib import Path

import optuna
from optuna.trial import FrozenTrial, TrialState, create_trial

from benchmarks import pretended
from benchmarks.measuring import Measures, say
from tlm_sweeps.compute.planning import draw
from tlm_sweeps.search.optuna_export import write_trials
from tlm_sweeps.search.optuna_params import distribution_of
from tlm_sweeps.search.optuna_search import OptunaSearch
from tlm_sweeps.spec.sweep import SweepSpec

_MODEL_BASED = ("tpe", "gp")
"""Samplers that learn from any trial; the others go on from what they proposed themselves, and are filled by that."""
_LARGEST = {"plain gp": 100, "plain cmaes": 1000, "plain nsga2": 1000}
"""Trials beyond which a side would take minutes to fill or a proposal many seconds; it is left out there."""


def sides(size: int, folder: Path) -> dict[str, Callable[[], Measures]]:
    """Every sampler as we use it, and as Optuna's own users do."""
    found: dict[str, Callable[[], Measures]] = {}
    for sampler in ("random", "tpe", "gp", "cmaes", "nsga2"):
        say(f"filling {sampler} with {size:,} trials")
        found[f"{sampler}, ours"] = _ours(sampler, size)
        if size <= _LARGEST.get(f"plain {sampler}", size):
            found[f"{sampler}, Optuna in memory"] = _plain(sampler, size, None)
    found["tpe, Optuna on SQLite"] = _plain("tpe", size, folder / f"plain-{size}.sqlite3")
    return found


def _ours(sampler: str, size: int) -> Callable[[], Measures]:
    spec = pretended.spec_of(sampler)
    search, drawing, numbers = OptunaSearch(spec, 0), random.Random(0), count()

    def one(*, drawn: bool = False) -> Measures:
        number, clock = next(numbers), pretended.Clock()
        if drawn:
            settings = draw(spec, drawing)
            search.take(number, settings)
        else:
            settings = search.suggest(number).settings
        clock.lap("ask")
        search.tell(number, "complete", [pretended.pretended_nll(settings)])
        clock.lap("tell")
        return clock.laps

    for _ in range(size):
        one(drawn=sampler in _MODEL_BASED)
    return one


def _plain(sampler: str, size: int, file: Path | None) -> Callable[[], Measures]:
    spec = pretended.spec_of(sampler)
    study = optuna.create_study(sampler=_SAMPLERS[sampler](), storage=file and f"sqlite:///{file}")
    distributions = {name: distribution_of(dimension) for name, dimension in spec.search.items()}

    def one() -> Measures:
        clock = pretended.Clock()
        trial = study.ask(distributions)
        clock.lap("ask")
        study.tell(trial, sum(float(value) for value in trial.params.values()))
        clock.lap("tell")
        return clock.laps

    if sampler not in _MODEL_BASED:
        for _ in range(size):
            one()
    elif file is None:
        study.add_trials(_drawn(spec, size))
    else:
        with closing(sqlite3.connect(file)) as connection, connection:
            write_trials(connection, _drawn(spec, size))
        one()  # which reads them all, once
    return one


def _drawn(spec: SweepSpec, size: int) -> list[FrozenTrial]:
    drawing = random.Random(0)
    distributions = {name: distribution_of(dimension) for name, dimension in spec.search.items()}

    def params() -> dict[str, float]:
        return {name: distribution.to_external_repr(_internal(distribution, drawing)) for name, distribution in known}

    known = tuple(distributions.items())
    return [
        create_trial(
            state=TrialState.COMPLETE,
            value=sum(map(float, values.values())),
            params=values,
            distributions=distributions,
        )
        for values in (params() for _ in range(size))
    ]


def _internal(distribution: optuna.distributions.BaseDistribution, drawing: random.Random) -> float:
    if isinstance(distribution, optuna.distributions.IntDistribution):
        return drawing.randint(distribution.low, distribution.high)
    assert isinstance(distribution, optuna.distributions.FloatDistribution)
    return drawing.uniform(distribution.low, distribution.high)


_SAMPLERS: dict[str, Callable[[], optuna.samplers.BaseSampler]] = {
    "random": partial(optuna.samplers.RandomSampler, seed=0),
    "tpe": partial(optuna.samplers.TPESampler, seed=0),
    "gp": partial(optuna.samplers.GPSampler, seed=0),
    "cmaes": partial(optuna.samplers.CmaEsSampler, seed=0),
    "nsga2": partial(optuna.samplers.NSGAIISampler, seed=0, population_size=10),
}
