"""What is written into Optuna's tables directly is what Optuna itself would have written."""

import sqlite3
import warnings
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import optuna
import pytest
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial, TrialState, create_trial

from tlm_sweeps.search.optuna_export import write_trials

DISTRIBUTIONS = {
    "rate": FloatDistribution(1e-4, 1.0, log=True),
    "share": FloatDistribution(0.0, 1.0, step=0.25),
    "depth": IntDistribution(1, 9, step=2),
    "kind": CategoricalDistribution(["a", None, 2, 0.5, True]),
}


def trials(objectives: int) -> list[FrozenTrial]:
    params = {"rate": 1e-3, "share": 0.75, "depth": 5, "kind": None}
    reports = {5: 3.0, 10: float("inf"), 15: float("-inf"), 20: float("nan")} if objectives == 1 else {}
    attributes = {"trial": 7, "run_ids": ["s-0007-s0", "s-0007-s1"]}
    return [
        create_trial(
            state=TrialState.COMPLETE,
            values=[0.1 + 0.2, float("inf")][:objectives],
            params=params,
            distributions=DISTRIBUTIONS,
            user_attrs=attributes,
            intermediate_values=reports,
        ),
        create_trial(state=TrialState.PRUNED, params=params, distributions=DISTRIBUTIONS, intermediate_values=reports),
        create_trial(state=TrialState.FAIL),
        create_trial(
            state=TrialState.COMPLETE,
            values=[float("-inf"), 1.0][:objectives],
            params={"kind": 0.5},
            distributions={"kind": DISTRIBUTIONS["kind"]},
        ),
    ]


def study_at(path: Path, objectives: int) -> optuna.Study:
    directions = [StudyDirection.MINIMIZE] * objectives
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # SQLAlchemy and alembic speak to developers of Optuna
        return optuna.create_study(
            storage=f"sqlite:///{path}", study_name="s", directions=directions, load_if_exists=True
        )


@pytest.mark.parametrize("objectives", [1, 2])
def test_trials_are_written_as_optuna_writes_them(objectives: int, tmp_path: Path):
    oracle = study_at(tmp_path / "theirs.sqlite3", objectives)
    oracle.add_trials(trials(objectives))
    study_at(tmp_path / "ours.sqlite3", objectives)
    with closing(sqlite3.connect(tmp_path / "ours.sqlite3")) as connection, connection:
        write_trials(connection, trials(objectives))
    ours = study_at(tmp_path / "ours.sqlite3", objectives)
    assert [facts_of(each) for each in ours.trials] == [facts_of(each) for each in oracle.trials]
    assert [each.number for each in ours.trials] == [0, 1, 2, 3]
    now = datetime.now(UTC).astimezone().replace(tzinfo=None)
    assert all(each.datetime_start and abs((now - each.datetime_start).total_seconds()) < 3600 for each in ours.trials)
    ours.tell(ours.ask(DISTRIBUTIONS), [1.0, 1.0][:objectives])
    assert len(ours.trials) == 5, "a study like any other: it can be gone on with"


def facts_of(trial: FrozenTrial) -> tuple[object, ...]:
    """All of a trial but when it was made; NaN is written out, since it equals nothing."""
    return (
        trial.number,
        trial.state,
        repr(trial.values),
        trial.params,
        trial.distributions,
        trial.user_attrs,
        repr(trial.intermediate_values),
    )
