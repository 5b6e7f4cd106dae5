"""Tables as the page shows them: rows of text, ready for the template, which escapes them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from tlm_sweeps.report.costs import ACCOUNTS, costs
from tlm_sweeps.report.labels import percents
from tlm_sweeps.report.naming import format_budget, format_nll, format_value, short_names
from tlm_sweeps.report.sources import SweepResults
from tlm_sweeps.report.statistics import TrialResult, unranked
from tlm_sweeps.report.table import leaderboard_rows
from tlm_sweeps.units import format_count, format_flops, format_seconds

_SHOWN = 25
"""Rows of a leaderboard that stand open; the others can be unfolded."""
_MOST_ROWS = 1000
"""Of a leaderboard, folded ones included: a browser takes seconds for more, and `export` has them all."""
_SHOWN_UNRANKED = 10
_NOTHING = "–"


@dataclass(frozen=True)
class Row:
    """A row of a table."""

    cells: tuple[str, ...]
    mark: str = ""
    """A word that sets it apart, such as `baseline`."""


@dataclass(frozen=True)
class Table:
    """A table with its caption; the first cell of a row names it."""

    caption: str
    columns: tuple[str, ...]
    rows: tuple[Row, ...]
    rest: tuple[Row, ...] = ()
    """Rows that are folded away."""
    words: frozenset[str] = frozenset()
    """Columns of words; all others are numbers and set to the right."""


def leaderboard_tables(results: SweepResults) -> list[Table]:
    """The leaderboard of each budget."""
    rows = leaderboard_rows(results)
    budgets = list(dict.fromkeys(row["budget_flops"] for row in rows))
    return [_leaderboard(results, [row for row in rows if row["budget_flops"] == budget]) for budget in budgets]


def unranked_table(results: SweepResults) -> Table | None:
    """Trials that are not ranked because a seed is missing; None when there are none."""
    trials = unranked(results)
    if not trials:
        return None
    rows = tuple(Row((str(trial.trial), trial.label, _states(trial), _so_far(trial))) for trial in trials)
    columns = ("trial", "setting", "runs", "NLL so far")
    caption = "Settings that are not ranked: not every seed is complete"
    return Table(caption, columns, rows[:_SHOWN_UNRANKED], rows[_SHOWN_UNRANKED:], frozenset({"setting", "runs"}))


def cost_table(results: SweepResults) -> Table:
    """Spent FLOPs by state of the runs."""
    accounts = tuple(f"{account} FLOPs" for account in ACCOUNTS)
    rows = tuple(
        Row(
            (
                cost.name,
                str(cost.runs),
                *(format_flops(flops).removesuffix("FLOPs") for flops in cost.train_flops),
                format_flops(cost.evaluation_flops).removesuffix("FLOPs"),
                format_seconds(cost.wall_seconds),
            )
        )
        for cost in costs(results)
    )
    columns = ("runs that are", "runs", *accounts, "evaluation FLOPs", "run time")
    return Table("Spent, by state of the runs, in each account", columns, rows)


def _leaderboard(results: SweepResults, found: Sequence[dict[str, Any]]) -> Table:
    names = short_names(results.spec.search)
    named = any(row["baseline"] is not None for row in found)
    solved = "model.width" not in results.spec.search and len({row["width"] for row in found}) > 1
    told = any("test_accuracy" in row for row in found)
    columns = (
        *("rank", "trial", *(("baseline",) if named else ()), "validation NLL", "± 95 %", "test NLL"),
        *(("test accuracy", "95 % by examples") if told else ()),
        "seeds",
        *(*names.values(), *(("width",) if solved else ()), "parameters", "epochs run", "spent"),
    )
    rows = tuple(
        Row(
            _cells(row, list(names), solved=solved, named=named, told=told),
            "baseline" if row["baseline"] is not None else "",
        )
        for row in found[:_MOST_ROWS]
    )
    budget = format_budget(found[0]["budget_flops"])
    of_them = f"the best {_MOST_ROWS:,} of {len(found):,}" if len(found) > _MOST_ROWS else f"{len(found)}"
    caption = f"{of_them} settings at {budget} a run ({results.account}), by mean validation NLL in nats per target"
    return Table(caption, columns, rows[:_SHOWN], rows[_SHOWN:], frozenset({"baseline"}))


def _cells(row: dict[str, Any], names: Sequence[str], *, solved: bool, named: bool, told: bool) -> tuple[str, ...]:
    interval, share = row["interval"], row["spent_share"]
    return (
        str(row["rank"]),
        str(row["trial"]),
        *((row["baseline"] or "",) if named else ()),
        format_nll(row["val_nll"]),
        _NOTHING if interval is None else format_nll((interval[1] - interval[0]) / 2),
        _known(row["test_nll"], format_nll),
        *(_accuracy(row) if told else ()),
        str(row["n_seeds"]),
        *(_NOTHING if row["settings"][name] is None else format_value(row["settings"][name]) for name in names),
        *((_known(row["width"], str),) if solved else ()),
        _known(row["n_params"], format_count),
        _known(row["epochs"], lambda epochs: f"{epochs:.3g}"),
        _known(row["spent_flops"], format_flops) if share is None else f"{share:.1%}",
    )


def _accuracy(row: dict[str, Any]) -> tuple[str, str]:
    if "test_accuracy" not in row:
        return _NOTHING, _NOTHING
    return f"{row['test_accuracy']:.1%}", percents(row["test_accuracy_interval"])


def _known(value: Any, write: Any) -> str:
    return _NOTHING if value is None else write(value)


def _states(trial: TrialResult) -> str:
    return ", ".join(f"{count} {state}" for state, count in trial.states.items())


def _so_far(trial: TrialResult) -> str:
    return format_nll(trial.val_nll.mean) if trial.val_nll else _NOTHING
