"""Optuna decides: the search at one budget, as an in-memory study that is rebuilt from the ledger.

The sampler is seeded anew for every proposal from (sweep seed, budget, number), so a resumed sweep goes on exactly as
an uninterrupted one. This file knows settings and values; whether a setting is feasible is none of its business.
"""

from __future__ import annotations

import math
import random
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from typing import Any

import numpy as np
import optuna
from optuna.study import StudyDirection
from optuna.trial import TrialState, create_trial

from tlm_sweeps.search.hindsight import OF_SAMPLER, Finished, Hindsight, ShownTrials, standing_of
from tlm_sweeps.search.optuna_params import distribution_of, to_param, to_setting
from tlm_sweeps.search.trials import Ending
from tlm_sweeps.spec.sweep import EngineSpec, SweepSpec

_STATES: dict[Ending, TrialState] = {
    "complete": TrialState.COMPLETE,
    "pruned": TrialState.PRUNED,
    "failed": TrialState.FAIL,
}


_POPULATION = 10
"""Trials of an NSGA-II generation: few, so that a small search has generations at all."""
_STUDY_NOTES = "study"
"""Where, in the sampler's state of a proposal, stands what the sampler noted on the whole study while it proposed."""
_NOTES_NEEDED = 2
"""Notes on the study that a sampler goes by: NSGA-II's parents of the generation before and of this one."""


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

    def __init__(self, spec: SweepSpec, stream: int, hindsight: Hindsight | None = None) -> None:
        """Begin an empty study.

        Args:
            spec: the sweep.
            stream: which budget this is (0, 1, …): each has its own stream of random numbers.
            hindsight: how much the sampler is shown of a long search; default: what suits it.
        """
        self._engine = spec.engine
        self._dimensions = spec.search
        self._distributions = {name: distribution_of(dimension) for name, dimension in spec.search.items()}
        self._stream = stream
        self._storage = ShownTrials()
        self._study = optuna.create_study(
            storage=self._storage,
            study_name=f"{spec.name}-{stream}",
            directions=[StudyDirection.MINIMIZE for _ in spec.engine.objectives],
            pruner=_pruner(spec.engine),
        )
        self._study_id = self._storage.get_study_id_from_name(self._study.study_name)
        self._hindsight = hindsight or OF_SAMPLER.get(spec.engine.sampler)
        self._finished = Finished()
        self._trials: dict[int, optuna.trial.Trial] = {}
        self._ids: dict[int, int] = {}
        self._reports: dict[int, dict[int, float]] = {}

    def suggest(self, number: int) -> Suggestion:
        """Let the sampler propose settings. The trial is running from here on, until `tell`."""
        seed = np.random.SeedSequence([self._engine.seed, self._stream, number]).generate_state(1)[0]
        self._study.sampler = _sampler(self._engine, int(seed))
        noted = len(self._notes())
        with self._as_shown(number):
            trial = self._study.ask(self._distributions)
        trial_id = self._storage.get_trial_id_from_study_id_trial_number(self._study_id, trial.number)
        self._begin(number, trial_id, trial)
        settings = {name: to_setting(self._dimensions[name], value) for name, value in trial.params.items()}
        state = dict(self._storage.get_trial(trial_id).system_attrs)
        if new := dict(list(self._notes().items())[noted:]):
            state[_STUDY_NOTES] = new
        return Suggestion(settings, state)

    def take(self, number: int, settings: Mapping[str, Any]) -> None:
        """Enter settings that were chosen elsewhere (a cell of a grid) as a running trial."""
        self.restore(PastTrial(number, settings, {}, None, None, {}))

    def restore(self, past: PastTrial) -> None:
        """Enter a trial of an earlier process, with what the sampler noted then."""
        for key, note in past.sampler_state.get(_STUDY_NOTES, {}).items():
            self._storage.set_study_system_attr(self._study_id, key, note)
        if past.ending is not None and self._engine.pruner in ("none", "median"):
            self._enter(past, past.ending)
            return
        trial_id = self._storage.create_new_trial(self._study_id, self._frozen(past, TrialState.RUNNING))
        self._begin(past.number, trial_id, optuna.trial.Trial(self._study, trial_id))
        self._judge_again(past)
        if past.ending is not None:
            self.tell(past.number, past.ending, past.values)

    def report(self, number: int, percent: int, val_nll: float) -> bool:
        """Tell how a running trial does after a per cent of its budget; True when it should be pruned."""
        reports = self._reports[number]
        if percent <= max(reports, default=0):
            return False  # evaluations closer than a per cent: the first one counts
        reports[percent] = val_nll
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
        self._remember(self._ids.pop(number), ending, values, self._reports.pop(number))

    def _begin(self, number: int, trial_id: int, trial: optuna.trial.Trial) -> None:
        self._trials[number], self._ids[number], self._reports[number] = trial, trial_id, {}

    def _enter(self, past: PastTrial, ending: Ending) -> None:
        """Enter a trial as it ended, without living through it again: no pruner kept notes on it."""
        trial_id = self._storage.create_new_trial(self._study_id, self._frozen(past, _STATES[ending]))
        self._remember(trial_id, ending, past.values, dict(past.reports))

    def _judge_again(self, past: PastTrial) -> None:
        """Make a trial's reports again, since pruners keep notes of their own on a trial while they judge it.

        Every report but the last of a trial that ended was let through, whatever the others did: nobody is looked at.
        """
        let_through = max(0, len(past.reports) - 1) if past.ending is not None else 0
        for index, (percent, val_nll) in enumerate(past.reports.items()):
            with self._storage.showing(()) if index < let_through else nullcontext():
                self.report(past.number, percent, val_nll)

    def _frozen(self, past: PastTrial, state: TrialState) -> optuna.trial.FrozenTrial:
        known = {name: past.settings[name] for name in self._dimensions if name in past.settings}
        reports = {percent: nll for percent, nll in past.reports.items() if percent > 0 and state.is_finished()}
        values = past.values
        if state == TrialState.PRUNED and reports and not math.isnan(last := reports[max(reports)]):
            values = [last]
        return create_trial(
            state=state,
            values=list(values) if values is not None else None,
            params={name: to_param(self._dimensions[name], value) for name, value in known.items()},
            distributions={name: self._distributions[name] for name in known},
            intermediate_values=reports,
            system_attrs={key: note for key, note in past.sampler_state.items() if key != _STUDY_NOTES},
        )

    def _remember(
        self, trial_id: int, ending: Ending, values: Sequence[float] | None, reports: dict[int, float]
    ) -> None:
        if self._hindsight and (ending == "complete" or (ending == "pruned" and self._hindsight.pruned)):
            self._finished.add(trial_id, standing_of(ending, values, reports))

    @contextmanager
    def _as_shown(self, number: int) -> Iterator[None]:
        """The study as the sampler sees it for a proposal."""
        if self._hindsight is None or len(self._finished) <= self._hindsight.whole:
            yield
            return
        drawing = random.Random(f"{self._engine.seed} {self._stream} {number}")
        noted = {trial_id for note in list(self._notes().values())[-_NOTES_NEEDED:] for trial_id in note}
        running = {*self._ids.values()}
        shown = self._finished.shown(self._hindsight, len(running), drawing)
        with self._storage.showing(shown | noted | running):
            yield

    def _notes(self) -> dict[str, Any]:
        """What the sampler noted on the study: the parents of each generation of NSGA-II, by trial id."""
        return self._storage.get_study_system_attrs(self._study_id)


def _sampler(engine: EngineSpec, seed: int) -> optuna.samplers.BaseSampler:
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


def _pruner(engine: EngineSpec) -> optuna.pruners.BasePruner:
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
