"""A finished search as a normal Optuna study, for optuna-dashboard and Optuna's own tools."""

from __future__ import annotations

import warnings
from pathlib import Path

import optuna
from optuna.distributions import BaseDistribution, CategoricalDistribution
from optuna.study import StudyDirection
from optuna.trial import TrialState, create_trial

from tlm_sweeps.compute.planning import BUDGET
from tlm_sweeps.errors import InputError
from tlm_sweeps.runs.ledger import Ledger
from tlm_sweeps.search.optuna_params import distribution_of, plain
from tlm_sweeps.search.trials import is_over, outcome_of, records_by_trial
from tlm_sweeps.spec.space import Choices, Range
from tlm_sweeps.spec.sweep import SweepSpec

_STATES = {"complete": TrialState.COMPLETE, "pruned": TrialState.PRUNED, "failed": TrialState.FAIL}


def export_study(spec: SweepSpec, ledger: Ledger, path: Path) -> int:
    """Write the searched trials that are over as a study named like the sweep, into a new SQLite file.

    Parameters have the values of the spec. With several budgets, `budget.flops` is a parameter too.

    Returns:
        The number of trials written.
    """
    if path.exists():
        raise InputError(f"{path} exists", hint="name a file that does not, with `--output`")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # SQLAlchemy and alembic speak to developers of Optuna
        study = optuna.create_study(
            storage=f"sqlite:///{path}",
            study_name=spec.name,
            directions=[StudyDirection.MINIMIZE for _ in spec.engine.objectives],
        )
        study.set_metric_names(list(spec.engine.objectives))
        trials = list(_trials(spec, ledger))
        study.add_trials(trials)
    return len(trials)


def _trials(spec: SweepSpec, ledger: Ledger) -> list[optuna.trial.FrozenTrial]:
    records = records_by_trial(ledger.records())
    budgets = {proposal.budget_flops for proposal in ledger.proposals()}
    frozen = []
    for proposal in ledger.proposals():
        runs = records.get(proposal.number, ())
        if proposal.baseline is not None or proposal.verdict != "trial" or not is_over(runs):
            continue
        ending, values = outcome_of(spec, runs)
        distributions = {name: _distribution(spec.search[name]) for name in proposal.settings if name in spec.search}
        params = {name: plain(_tuple(proposal.settings[name])) for name in distributions}
        if len(budgets) > 1:
            distributions[BUDGET] = CategoricalDistribution(sorted(flops for flops in budgets if flops is not None))
            params[BUDGET] = proposal.budget_flops
        reports = {round(100 * share): measured.val_nll for share, measured in ledger.measurements(runs[0].run_id)}
        frozen.append(
            create_trial(
                state=_STATES[ending],
                values=list(values) if values else None,
                params=params,
                distributions=distributions,
                user_attrs={"trial": proposal.number, "run_ids": [record.run_id for record in runs]},
                intermediate_values=reports if len(spec.engine.objectives) == 1 else {},
            )
        )
    return frozen


def _distribution(dimension: Choices | Range) -> BaseDistribution:
    if isinstance(dimension, Choices):
        return CategoricalDistribution([plain(value) for value in dimension.choices])
    return distribution_of(dimension)


def _tuple(value: object) -> object:
    return tuple(value) if isinstance(value, list) else value
