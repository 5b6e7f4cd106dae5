"""A finished search as a normal Optuna study, for optuna-dashboard and Optuna's own tools.

Optuna makes the file and the study in it; the trials are then written into its tables directly, since Optuna's own
`add_trials` takes 3 ms a trial. Optuna is pinned, and a test holds the result against what `add_trials` writes.
"""

from __future__ import annotations

import json
import math
import sqlite3
import warnings
from collections.abc import Sequence
from contextlib import closing
from datetime import datetime
from pathlib import Path

import optuna
from optuna.distributions import BaseDistribution, CategoricalDistribution, distribution_to_json
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial, TrialState, create_trial

from tlm_sweeps.compute.collecting import without_collecting
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
    with without_collecting(), closing(sqlite3.connect(path)) as connection, connection:
        trials = finished_trials(spec, ledger)
        write_trials(connection, trials)
    return len(trials)


def finished_trials(spec: SweepSpec, ledger: Ledger) -> list[FrozenTrial]:
    """The searched trials that are over, as Optuna has them."""
    records, proposals = records_by_trial(ledger.records()), ledger.proposals()
    curves = ledger.val_nlls()
    budgets = {proposal.budget_flops for proposal in proposals}
    frozen, known = [], {name: _distribution(dimension) for name, dimension in spec.search.items()}
    for proposal in proposals:
        runs = records.get(proposal.number, ())
        if proposal.baseline is not None or proposal.verdict != "trial" or not is_over(runs):
            continue
        ending, values = outcome_of(spec, runs)
        distributions = {name: known[name] for name in proposal.settings if name in known}
        params = {name: plain(_tuple(proposal.settings[name])) for name in distributions}
        if len(budgets) > 1:
            distributions[BUDGET] = CategoricalDistribution(sorted(flops for flops in budgets if flops is not None))
            params[BUDGET] = proposal.budget_flops
        reports = {round(100 * share): val_nll for share, val_nll in curves.get(runs[0].run_id, ())}
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


def write_trials(connection: sqlite3.Connection, trials: Sequence[FrozenTrial]) -> None:
    """Write trials into the tables of a file that Optuna has made for one study without trials.

    Args:
        connection: to that file; committed by the caller.
        trials: finished ones, in the order of their numbers to be.
    """
    (study,) = connection.execute("SELECT study_id FROM studies").fetchone()
    numbered = [*enumerate(trials, start=1)]
    connection.executemany(
        "INSERT INTO trials VALUES (?, ?, ?, ?, ?, ?)",
        (
            (id_, id_ - 1, study, each.state.name, _written(each.datetime_start), _written(each.datetime_complete))
            for id_, each in numbered
        ),
    )
    texts = {each: distribution_to_json(each) for _, trial in numbered for each in trial.distributions.values()}
    connection.executemany(
        "INSERT INTO trial_params (trial_id, param_name, param_value, distribution_json) VALUES (?, ?, ?, ?)",
        (
            (id_, name, distribution.to_internal_repr(trial.params[name]), texts[distribution])
            for id_, trial in numbered
            for name, distribution in trial.distributions.items()
        ),
    )
    connection.executemany(
        "INSERT INTO trial_values (trial_id, objective, value, value_type) VALUES (?, ?, ?, ?)",
        (
            (id_, objective, *_number(value))
            for id_, trial in numbered
            for objective, value in enumerate(trial.values or ())
        ),
    )
    connection.executemany(
        "INSERT INTO trial_intermediate_values (trial_id, step, intermediate_value, intermediate_value_type) "
        "VALUES (?, ?, ?, ?)",
        ((id_, step, *_number(value)) for id_, trial in numbered for step, value in trial.intermediate_values.items()),
    )
    connection.executemany(
        "INSERT INTO trial_user_attributes (trial_id, key, value_json) VALUES (?, ?, ?)",
        ((id_, key, json.dumps(value)) for id_, trial in numbered for key, value in trial.user_attrs.items()),
    )


def _number(value: float) -> tuple[float | None, str]:
    """A number as Optuna keeps it: SQL has no infinity and no NaN."""
    if math.isfinite(value):
        return value, "FINITE"
    return None, "NAN" if math.isnan(value) else "INF_POS" if value > 0 else "INF_NEG"


def _written(moment: datetime | None) -> str | None:
    return moment.isoformat(sep=" ", timespec="microseconds") if moment else None


def _distribution(dimension: Choices | Range) -> BaseDistribution:
    if isinstance(dimension, Choices):
        return CategoricalDistribution([plain(value) for value in dimension.choices])
    return distribution_of(dimension)


def _tuple(value: object) -> object:
    return tuple(value) if isinstance(value, list) else value
