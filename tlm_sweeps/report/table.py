"""The leaderboard as plain rows, for the console and for the page alike."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

from tlm_sweeps.report.labels import told_right
from tlm_sweeps.report.naming import setting_of
from tlm_sweeps.report.sources import SweepResults
from tlm_sweeps.report.statistics import TrialResult, leaderboard


def leaderboard_rows(results: SweepResults) -> list[dict[str, Any]]:
    """One row for each ranked trial, the best first within each budget.

    Returns:
        Rows of `rank` (from 1 at each budget), `trial`, `label`, `baseline` (its name or None), `budget_flops`,
        `settings` (every searched field by dotted name, for baselines as their experiment has it; None where the model
        has no such field), `width`, `val_nll`, `interval` ((low, high) or None), `n_seeds`, `test_nll`, `n_params`,
        `epochs` (as run), `spent_flops` (a run's, in the budget's account) and `spent_share` (of its budget); where
        labels are told apart also `test_accuracy`, its `test_accuracy_interval` (by the examples) and `test_macro_f1`.
    """
    ranks: defaultdict[int | None, int] = defaultdict(int)
    rows = []
    for trial in leaderboard(results):
        ranks[trial.budget_flops] += 1
        rows.append(_row(ranks[trial.budget_flops], trial, tuple(results.spec.search)))
    return rows


def _row(rank: int, trial: TrialResult, searched: tuple[str, ...]) -> dict[str, Any]:
    record = trial.records[0]
    return {
        "rank": rank,
        "trial": trial.trial,
        "label": trial.label,
        "baseline": trial.baseline,
        "budget_flops": trial.budget_flops,
        "settings": {name: setting_of(record, name) for name in searched},
        "width": setting_of(record, "model.width"),
        "val_nll": trial.nll,
        "interval": trial.val_nll.interval if trial.val_nll else None,
        "n_seeds": trial.n_seeds,
        "test_nll": trial.test_nll.mean if trial.test_nll else None,
        "n_params": trial.n_params,
        "epochs": trial.epochs,
        "spent_flops": trial.spent_flops,
        "spent_share": trial.spent_share,
        **_labels(trial),
    }


def _labels(trial: TrialResult) -> dict[str, Any]:
    told = told_right(trial)
    if told is None:
        return {}
    return {
        "test_accuracy": told.accuracy,
        "test_accuracy_interval": told.interval,
        "test_macro_f1": told.macro_f1,
    }
