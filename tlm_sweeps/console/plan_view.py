"""A plan as tables: what every feasible setting costs, why the others are infeasible, what the sweep takes."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from functools import partial
from typing import Any

from rich.console import Console, Group, RenderableType
from rich.text import Text

from tlm_sweeps.compute.forecast import Forecast
from tlm_sweeps.compute.planning import BUDGET, PlannedTrial, SweepPlan
from tlm_sweeps.console.calibration_view import calibration_lines
from tlm_sweeps.console.streams import plain
from tlm_sweeps.console.tables import Column, fitting, table
from tlm_sweeps.console.wording import about, counted, setting_of
from tlm_sweeps.report.naming import format_value, short_names
from tlm_sweeps.spec.models import width_of
from tlm_sweeps.spec.sweep import SweepSpec
from tlm_sweeps.training.calibration import Found
from tlm_sweeps.units import format_bytes, format_count, format_flops, format_seconds

ACCOUNTS = ("matmul", "6nd", "2nd")
MOST_SHOWN = 40
"""Rows of a table: what one can look through. 20,000 of them take half a minute to lay out, and nobody reads them."""


def plan_view(
    spec: SweepSpec, plan: SweepPlan, forecast: Forecast | None, found: Found, console: Console, *, note: str = ""
) -> RenderableType:
    """A plan, as wide as the console has room for: its first settings, and why others cannot be trained.

    `note` is a word about the number of workers.
    """
    parts: list[RenderableType] = []
    if feasible := plan.feasible:
        columns, gone = fitting(_columns(spec, feasible[:MOST_SHOWN]), console)
        parts.append(table(columns, title=_title(spec, plan)))
        parts += _left_out(len(feasible) - MOST_SHOWN, "setting")
        parts += [Text(f"not shown for want of room: {', '.join(gone)} (see --json)", "dim")] if gone else []
        parts.append(Text())
    if infeasible := [trial for trial in plan.trials if not trial.feasible]:
        kinds = _by_reason(infeasible)
        parts.append(table(_why(kinds[:MOST_SHOWN]), title="Infeasible"))
        parts += [*_left_out(len(kinds) - MOST_SHOWN, "reason"), Text()]
    lines = [*summary_lines(spec, plan, forecast), *([note] if note else [])]
    lines += calibration_lines(found, forecast, datetime.now(UTC))
    parts += [Text(plain(line)) for line in lines]
    return Group(*parts)


def summary_lines(spec: SweepSpec, plan: SweepPlan, forecast: Forecast | None) -> list[str]:
    """The plan in a few sentences."""
    infeasible = len(plan.trials) - len(plan.feasible)
    of_what = "" if plan.whole else " (of a sample of the space)"
    lines = [f"{counted(len(plan.feasible), 'setting')} feasible, {infeasible} infeasible{of_what}"]
    if forecast is None:
        return [*lines, "nothing can be said of the sweep as a whole"]
    account = spec.budget.account if spec.budget else "matmul"
    how_many = f"{counted(forecast.trials, 'trial')} × {counted(len(plan.seeds), 'seed')}"
    flops, on = f"{format_flops(forecast.train_flops)} ({account})", f"on {counted(forecast.workers, 'worker')}"
    runs = counted(forecast.runs, "run")
    low, high = about(forecast.seconds_low), about(forecast.seconds_high).removeprefix("about ")
    spread = "" if low.endswith(high) else f" ({low.removeprefix('about ')} to {high}, by which settings are tried)"
    return [*lines, f"the sweep: {how_many} = {runs}, {flops}, {about(forecast.seconds)} {on}{spread}"]


def _title(spec: SweepSpec, plan: SweepPlan) -> str:
    flops = spec.budget.flops if spec.budget else ()
    given = " and ".join(format_flops(each) for each in (flops if isinstance(flops, tuple) else (flops,)))
    budget = f"{given} a run ({spec.budget.account}, {spec.budget.match} solved)" if spec.budget else "no budget"
    if spec.budget and spec.budget.match == "none":
        budget = f"at most {given} a run ({spec.budget.account})"
    return f"{spec.name}: {budget}" + ("" if plan.whole else ", a sample")


def _columns(spec: SweepSpec, trials: Sequence[PlannedTrial]) -> list[Column]:
    """Settings, then costs."""
    searched = list(dict.fromkeys(name for trial in trials for name in trial.settings if trial.baseline is None))
    names = {name: "budget" if name == BUDGET else short for name, short in short_names(searched).items()}
    columns = [Column(names[name], tuple(_setting(trial, name) for trial in trials)) for name in searched]
    if any(trial.baseline for trial in trials):
        columns.insert(0, Column("baseline", tuple(trial.baseline or "" for trial in trials), is_words=True))

    def column(name: str, spare: int, cell: Callable[[PlannedTrial], str]) -> None:
        columns.append(Column(name, tuple(cell(trial) for trial in trials), spare=spare))

    charged = spec.budget.account if spec.budget else "matmul"
    if "model.width" not in searched:
        column("width", 1, _width)
    column("epochs run", 0, lambda trial: f"{_epochs(trial):.3g}")
    column("steps", 4, lambda trial: f"{trial.matched.steps.total:,}" if trial.matched else "")
    column("params", 2, lambda trial: format_count(trial.cost.n_params) if trial.cost else "")
    for account in sorted(ACCOUNTS, key=lambda each: each != charged):
        column(f"{account} FLOPs", 3 if account == charged else 5, partial(_flops, account))
    column("memory", 6, lambda trial: format_bytes(trial.cost.memory_bytes) if trial.cost else "")
    column("time", 0, lambda trial: format_seconds(trial.cost.predicted_seconds) if trial.cost else "")
    return columns


def _setting(trial: PlannedTrial, name: str) -> str:
    value: Any = trial.settings.get(name, "")
    if name == BUDGET:
        return format_flops(value)
    return format_value(value) if name in trial.settings else ""


def _width(trial: PlannedTrial) -> str:
    return str(width_of(trial.matched.experiment.model)) if trial.matched else ""


def _epochs(trial: PlannedTrial) -> float:
    return trial.matched.experiment.training.epochs or 0.0 if trial.matched else 0.0


def _flops(account: str, trial: PlannedTrial) -> str:
    return (
        format_flops(trial.matched.train_flops.by_name()[account]).removesuffix("FLOPs").strip()
        if trial.matched
        else ""
    )


def _by_reason(trials: Sequence[PlannedTrial]) -> list[list[PlannedTrial]]:
    """Trials whose reasons are alike but for the numbers in them, the most common reason first."""
    kinds: defaultdict[str, list[PlannedTrial]] = defaultdict(list)
    for trial in trials:
        kinds[re.sub(r"\d[\d.,]*", "#", trial.reason)].append(trial)
    return sorted(kinds.values(), key=len, reverse=True)


def _why(kinds: Sequence[Sequence[PlannedTrial]]) -> list[Column]:
    """Each reason with the first setting that it rules out; how many more, where there are more."""
    examples = [trials[0] for trials in kinds]
    settings = tuple(setting_of(each.settings, each.baseline) for each in examples)
    why = Column("why", tuple(each.reason for each in examples), is_words=True)
    if len(kinds) == sum(map(len, kinds)):
        return [Column("setting", settings, is_words=True), why]
    counts = Column("settings", tuple(f"{len(trials):,}" for trials in kinds))
    return [counts, Column("for example", settings, is_words=True), why]


def _left_out(count: int, thing: str) -> list[RenderableType]:
    return [Text(f"and {counted(count, f'more {thing}')} (see --json)", "dim")] if count > 0 else []
