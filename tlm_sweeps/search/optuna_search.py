"""Optuna decides: the search at one budget, as an in-memory study that is rebuilt from the ledger.

The sampler is seeded anew for every proposal from (sweep seed, budget, number), so a resumed sweep goes on exactly as
an uninterrupted one. This file knows settings and values; whether a setting is feasible is none of its business.
"""

from __future__ import annotations

import json
import logging
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import optuna
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.study import StudyDirection
from optuna.trial import TrialState, create_trial

from tlm_sweeps.search.trials import Ending
from tlm_sweeps.spec.space import Choices, Range
from tlm_sweeps.spec.sweep import OptunaEngine, SweepSpec

optuna.logging.set_verbosity(logging.WARNING)

_STATES: dict[Ending, TrialState] = {
    "complete": TrialState.COMPLETE,
    "pruned": TrialState.PRUNED,
    "failed": TrialState.FAIL,
}


_POPULATION = 10
"""Trials of an NSGA-II generation: few, so that a small search has generations at all."""


@dataclass(frozen=True)
class Suggestion:
    """What the sampler puts forward, with what it wants to remember of it."""

    settings: dict[str, Any]
    sampler_state: dict[str, Any]


@dataclass(frozen=True)
class PastTrial:
    """A proposal of an earlier process, as the ledger remembers it."""

    number: int
    settings: Mapping[str, Any]
    sampler_state: Mapping[str, Any]
    ending: Ending | None
    """None while it is waiting or running."""
    values: Sequence[float] | None
    """The objectives, for a complete trial."""
    reports: Mapping[int, float]
    """Validation NLL by per cent of the budget spent."""


class OptunaSearch:
    """The search at one budget. Numbers are the ledger's proposal numbers."""

    def __init__(self, spec: SweepSpec, stream: int) -> None:
        """Begin an empty study.

        Args:
            spec: the sweep.
            stream: which budget this is (0, 1, …): each has its own stream of random numbers.
        """
        self._engine = spec.engine
        self._dimensions = spec.search
        self._distributions = {name: distribution_of(dimension) for name, dimension in spec.search.items()}
        self._stream = stream
        self._study = optuna.create_study(
            study_name=f"{spec.name}-{stream}",
            directions=[StudyDirection.MINIMIZE for _ in spec.engine.objectives],
            pruner=_pruner(spec.engine),
        )
        self._trials: dict[int, optuna.trial.Trial] = {}
        self._reported: dict[int, int] = {}

    def suggest(self, number: int) -> Suggestion:
        """Let the sampler propose settings. The trial is running from here on, until `tell`."""
        seed = np.random.SeedSequence([self._engine.seed, self._stream, number]).generate_state(1)[0]
        self._study.sampler = _sampler(self._engine, int(seed))
        trial = self._study.ask(self._distributions)
        self._trials[number] = trial
        settings = {name: to_setting(self._dimensions[name], value) for name, value in trial.params.items()}
        return Suggestion(settings, dict(self._study.get_trials(deepcopy=False)[trial.number].system_attrs))

    def take(self, number: int, settings: Mapping[str, Any]) -> None:
        """Enter settings that were chosen elsewhere (a cell of a grid) as a running trial."""
        self.restore(PastTrial(number, settings, {}, None, None, {}))

    def restore(self, past: PastTrial) -> None:
        """Enter a trial of an earlier process.

        Its reports are made again, since pruners keep notes of their own on a trial while they judge it.
        """
        known = {name: past.settings[name] for name in self._dimensions if name in past.settings}
        self._study.add_trial(
            create_trial(
                state=TrialState.RUNNING,
                params={name: to_param(self._dimensions[name], value) for name, value in known.items()},
                distributions={name: self._distributions[name] for name in known},
                system_attrs=dict(past.sampler_state),
            )
        )
        frozen = self._study.get_trials(deepcopy=False)[-1]
        # The public way to a Trial is `ask`, which would sample; optuna's own CLI makes one like this.
        self._trials[past.number] = optuna.trial.Trial(self._study, frozen._trial_id)  # noqa: SLF001
        for percent, val_nll in past.reports.items():
            self.report(past.number, percent, val_nll)
        if past.ending is not None:
            self.tell(past.number, past.ending, past.values)

    def report(self, number: int, percent: int, val_nll: float) -> bool:
        """Tell how a running trial does after a per cent of its budget; True when it should be pruned."""
        if percent <= self._reported.get(number, 0):
            return False  # evaluations closer than a per cent: the first one counts
        self._reported[number] = percent
        trial = self._trials[number]
        trial.report(val_nll, percent)
        return trial.should_prune()

    def tell(self, number: int, ending: Ending, values: Sequence[float] | None) -> None:
        """End a running trial."""
        trial = self._trials.pop(number)
        with warnings.catch_warnings():
            # A trial pruned or failed before its first report has no value; that is what its state says.
            warnings.simplefilter("ignore")
            self._study.tell(trial, list(values) if values is not None else None, state=_STATES[ending])


def distribution_of(dimension: Choices | Range) -> BaseDistribution:
    """A dimension in Optuna's words. A list of numbers becomes ranks, so that every sampler sees their order."""
    if isinstance(dimension, Choices):
        last = len(dimension.choices) - 1
        return (
            IntDistribution(0, last)
            if is_ordinal(dimension)
            else CategoricalDistribution(list(map(plain, dimension.choices)))
        )
    if dimension.integer:
        return IntDistribution(
            int(dimension.low), int(dimension.high), log=dimension.log, step=int(dimension.step or 1)
        )
    return FloatDistribution(dimension.low, dimension.high, log=dimension.log, step=dimension.step)


def is_ordinal(dimension: Choices) -> bool:
    """Whether the choices are numbers in rising or falling order."""
    choices = dimension.choices
    numbers = [value for value in choices if isinstance(value, int | float) and not isinstance(value, bool)]
    return len(numbers) == len(choices) > 1 and numbers in (sorted(numbers), sorted(numbers, reverse=True))


def to_setting(dimension: Choices | Range, param: Any) -> Any:
    """From Optuna's value to the spec's."""
    if isinstance(dimension, Range):
        return param
    return dimension.choices[param] if is_ordinal(dimension) else dimension.choices[_index(dimension, param)]


def to_param(dimension: Choices | Range, setting: Any) -> Any:
    """From the spec's value to Optuna's: the inverse of `to_setting`."""
    if isinstance(dimension, Range):
        return setting
    value = tuple(setting) if isinstance(setting, list) else setting
    return dimension.choices.index(value) if is_ordinal(dimension) else plain(value)


def _index(dimension: Choices, param: Any) -> int:
    return [plain(choice) for choice in dimension.choices].index(param)


def plain(value: Any) -> Any:
    """Optuna's categories are scalars: a list of values stands as its JSON text."""
    return json.dumps(value) if isinstance(value, tuple) else value


def _sampler(engine: OptunaEngine, seed: int) -> optuna.samplers.BaseSampler:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)  # we pin optuna
        match engine.sampler:
            case "random" | "grid":
                return optuna.samplers.RandomSampler(seed=seed)
            case "tpe":
                return optuna.samplers.TPESampler(seed=seed)
            case "gp":
                return optuna.samplers.GPSampler(seed=seed)
            case "cmaes":
                return optuna.samplers.CmaEsSampler(seed=seed, warn_independent_sampling=False)
            case "nsga2":
                return optuna.samplers.NSGAIISampler(seed=seed, population_size=_POPULATION)


def _pruner(engine: OptunaEngine) -> optuna.pruners.BasePruner:
    """Pruners count in per cent of the budget spent."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        match engine.pruner:
            case "none":
                return optuna.pruners.NopPruner()
            case "median":
                return optuna.pruners.MedianPruner(n_startup_trials=4, n_warmup_steps=10)
            case "asha":
                return optuna.pruners.SuccessiveHalvingPruner(min_resource=10, reduction_factor=3)
            case "hyperband":
                return optuna.pruners.HyperbandPruner(min_resource=5, max_resource=100, reduction_factor=3)
