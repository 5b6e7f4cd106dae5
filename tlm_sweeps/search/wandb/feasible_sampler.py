"""A sampler for W&B's sweep scheduler: our own search behind an Optuna study, so that only what fits is proposed.

`wandb sweep-scheduler` drives a study that it never shares. The study is a shell: a trial's parameters are its settings
in the spec's words, under fixed names and distributions, and what is tried next is decided by `search.proposing`, as
for the Optuna engine: feasible, new, every cell of a finite space once, learned from complete trials, pruned at equal
shares of the budget. After a restart the scheduler enqueues what W&B remembers, which enters the search from there.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import optuna
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.trial import FrozenTrial, TrialState

from tlm_sweeps.compute.planning import BUDGET, FactsOf, PlannedTrial, budgets, seeds_of
from tlm_sweeps.errors import InputError
from tlm_sweeps.runs.ledger import Proposal
from tlm_sweeps.search.affording import needed_flops
from tlm_sweeps.search.optuna_params import distribution_of, plain
from tlm_sweeps.search.proposing import Proposer
from tlm_sweeps.search.trials import Ending
from tlm_sweeps.search.wandb.offer import BASELINE, SEED
from tlm_sweeps.search.wandb.remembered import remembered_setting
from tlm_sweeps.spec.carrying import CARRIER
from tlm_sweeps.spec.space import Choices
from tlm_sweeps.spec.sweep import SweepSpec

_ENDINGS: dict[TrialState, Ending] = {
    TrialState.COMPLETE: "complete",
    TrialState.PRUNED: "pruned",
    TrialState.FAIL: "failed",
}
_Trial = tuple[Proposal, PlannedTrial]


class FeasibleSampler(optuna.samplers.BaseSampler):
    """Proposes the trials of one sweep; numbers are the study's."""

    def __init__(self, spec: SweepSpec, facts_of: FactsOf) -> None:
        self._spec = spec
        self._proposer = Proposer(spec, facts_of, None)
        self._shown = _distributions(spec)
        self._upcoming: _Trial | None = None
        self._running: dict[int, _Trial | None] = {}
        self._claimed_flops = 0

    def is_exhausted(self, study: optuna.Study) -> bool:  # noqa: ARG002 - the scheduler asks in these words
        """Whether nothing is left to propose: every trial that is wanted was, or all that fits has been tried."""
        return self._next() is None

    @property
    def has_running(self) -> bool:
        """Whether any trial is under way, as far as the scheduler has said."""
        return any(running is not None for running in self._running.values())

    def arguments(self, trial: optuna.Trial) -> dict[str, Any]:
        """What an agent gets to know of a trial, which has its settings for parameters from here on."""
        running = self._running[trial.number]
        if running is None:
            return {}
        proposal, _ = running
        if proposal.baseline is not None:
            budget = {BUDGET: proposal.budget_flops} if len(budgets(self._spec)) > 1 else {}
            return {BASELINE: proposal.baseline} | budget
        for name, distribution in self._shown.items():
            _suggest(trial, name, distribution)
        return dict(proposal.settings)

    def should_prune(self, trial: FrozenTrial) -> bool:
        """Whether a trial does too badly, by its reports at optimizer steps."""
        running = self._running.get(trial.number)
        if running is None or (matched := running[1].matched) is None:
            return False
        steps = matched.steps.total
        reports = sorted(trial.intermediate_values.items())
        return any(self._proposer.judge(running[0], step / steps, nll) for step, nll in reports if step > 0)

    def before_trial(self, study: optuna.Study, trial: FrozenTrial) -> None:  # noqa: ARG002 - Optuna's
        """Decide what the trial is."""
        remembered = trial.system_attrs.get("fixed_params")
        if remembered is not None:
            self._running[trial.number] = self._remembered(remembered)
            return
        if (decided := self._next()) is None:
            raise InputError(f"the sweep `{self._spec.name}` has nothing left to try")
        self._upcoming, self._running[trial.number] = None, decided

    def infer_relative_search_space(
        self,
        study: optuna.Study,  # noqa: ARG002 - Optuna's
        trial: FrozenTrial,  # noqa: ARG002 - Optuna's
    ) -> dict[str, BaseDistribution]:
        """None: whatever a trial is was decided before it."""
        return {}

    def sample_relative(
        self,
        study: optuna.Study,  # noqa: ARG002 - Optuna's
        trial: FrozenTrial,  # noqa: ARG002 - Optuna's
        search_space: dict[str, BaseDistribution],  # noqa: ARG002 - Optuna's
    ) -> dict[str, Any]:
        """Nothing: see `infer_relative_search_space`."""
        return {}

    def sample_independent(
        self,
        study: optuna.Study,  # noqa: ARG002 - Optuna's
        trial: FrozenTrial,
        param_name: str,
        param_distribution: BaseDistribution,  # noqa: ARG002 - Optuna's
    ) -> Any:
        """A value of what was decided."""
        running = self._running[trial.number]
        if running is None:
            raise InputError(f"trial {trial.number} is none of the search")
        name, _, _ = param_name.partition(" ")
        return plain(running[0].settings[name])

    def after_trial(
        self,
        study: optuna.Study,  # noqa: ARG002 - Optuna's
        trial: FrozenTrial,
        state: TrialState,
        values: Sequence[float] | None,
    ) -> None:
        """Learn from a trial that has ended."""
        running = self._running.pop(trial.number, None)
        if running is not None:
            ending = _ENDINGS[state]
            self._proposer.end(running[0], ending, values if ending == "complete" else None)

    def _next(self) -> _Trial | None:
        """The next trial that fits, decided once and kept until it is begun."""
        while self._upcoming is None and (found := self._proposer.next(self._pool_left())) is not None:
            if found[0].verdict == "trial":
                self._claim(found[1])
                self._upcoming = found
        return self._upcoming

    def _remembered(self, config: Mapping[str, Any]) -> _Trial | None:
        """Enter a run that W&B remembers; None where it tells nothing new: a further seed, or the same again.

        Raises:
            InputError: when the run is none of this sweep's.
        """
        settings, baseline = remembered_setting(self._spec, config)
        if config.get(SEED) not in (None, seeds_of(self._spec)[0]):
            return None
        try:
            proposal, planned = self._proposer.take(settings, baseline)
        except ValueError as error:
            raise InputError(f"a run of this W&B sweep has settings that the spec does not search: {error}") from error
        if proposal.verdict != "trial":
            return None
        self._claim(planned)
        return proposal, planned

    def _claim(self, planned: PlannedTrial) -> None:
        self._claimed_flops += needed_flops(self._spec, planned)

    def _pool_left(self) -> int | None:
        """FLOPs of the total that no trial was proposed for; what pruned runs return is not known here."""
        total = self._spec.budget.total if self._spec.budget else None
        return None if total is None else total - self._claimed_flops


class ShareOfBudgetPruner(optuna.pruners.BasePruner):
    """Lets the sampler judge, which knows what share of its budget a trial has spent at a step."""

    def prune(self, study: optuna.Study, trial: FrozenTrial) -> bool:
        """Whether to stop a trial."""
        return isinstance(study.sampler, FeasibleSampler) and study.sampler.should_prune(trial)


def arguments_of(trial: optuna.Trial) -> dict[str, Any]:
    """Everything that an agent needs to know of a trial; nothing for a trial of a study that is not ours."""
    study = trial.study
    if not isinstance(study.sampler, FeasibleSampler):
        return {}
    return {CARRIER: study.user_attrs[CARRIER], **study.sampler.arguments(trial)}


def _distributions(spec: SweepSpec) -> dict[str, BaseDistribution]:
    """The searched fields in the spec's own values, so that people can read the scheduler's log.

    A field with lists among its choices has their JSON texts for values. It is shown under a name that no run's config
    has, because what is enqueued under that name is a list.
    """
    shown: dict[str, BaseDistribution] = {}
    for name, dimension in spec.search.items():
        if isinstance(dimension, Choices):
            has_lists = any(isinstance(choice, tuple) for choice in dimension.choices)
            shown[f"{name} (JSON)" if has_lists else name] = CategoricalDistribution(
                [plain(choice) for choice in dimension.choices]
            )
        else:
            shown[name] = distribution_of(dimension)
    several = [flops for flops in budgets(spec) if flops is not None]
    return shown | ({BUDGET: CategoricalDistribution(several)} if len(several) > 1 else {})


def _suggest(trial: optuna.Trial, name: str, distribution: BaseDistribution) -> None:
    """Give a trial the parameter that the sampler decided on."""
    match distribution:
        case CategoricalDistribution():
            trial.suggest_categorical(name, distribution.choices)
        case IntDistribution(low=low, high=high, step=step, log=log):
            trial.suggest_int(name, low, high, step=step, log=log)
        case FloatDistribution(low=low, high=high, step=step, log=log):
            trial.suggest_float(name, low, high, step=step, log=log)
