"""The tables that only a W&B Report has: what our own page draws as figures, and the seeds one by one."""

from __future__ import annotations

from collections.abc import Sequence

from tlm_sweeps.report.axes import axes_of
from tlm_sweeps.report.frontier import Point, frontier, run_curves
from tlm_sweeps.report.importance import importance
from tlm_sweeps.report.naming import format_budget, format_nll, short_names
from tlm_sweeps.report.outcomes import outcomes
from tlm_sweeps.report.sources import SweepResults
from tlm_sweeps.report.statistics import TrialResult, by_budget
from tlm_sweeps.report.wandb.markdown import grid, plain
from tlm_sweeps.units import format_count, format_flops

_FRONTIER_ROWS = 20
_SEED_ROWS = 50


def frontier_table(results: SweepResults) -> str:
    """The lowest NLL that any run reached for so much compute; of a long frontier, some points evenly, its end always.

    Empty where nothing was measured.
    """
    points = frontier(point for curve in run_curves(results) for point in curve.points)
    if not points:
        return ""
    names = {(record.trial, record.seed): record.run_id for record in results.records}
    rows = [
        (format_flops(point.train_flops), format_nll(point.nll), str(point.trial), _run(point, names))
        for point in _thinned(points)
    ]
    caption = f"The frontier: lowest validation NLL of any single run after so many training FLOPs ({results.account})"
    return grid(caption, ("spent", "validation NLL", "trial", "run"), rows, (True, True, True, False))


def isoflop_table(ranked: Sequence[TrialResult]) -> str:
    """The best size at each budget; empty where there is one budget only."""
    budgets = by_budget(trial for trial in ranked if trial.baseline is None and trial.n_params)
    if len(budgets) < 2:
        return ""
    rows = [
        (format_budget(budget), format_count(trials[0].n_params or 0), format_nll(trials[0].nll), trials[0].label)
        for budget, trials in budgets.items()
    ]
    columns = ("budget", "parameters", "validation NLL", "setting")
    return grid("The best searched setting at each budget", columns, rows, (True, True, True, False))


def seeds_table(ranked: Sequence[TrialResult]) -> str:
    """Validation NLL of every seed of the best settings."""
    shown = [trial for trials in by_budget(ranked).values() for trial in trials[:_SEED_ROWS]]
    if not shown:
        return ""
    seeds = sorted({seed for trial in shown for seed in trial.val_nll_by_seed})
    rows = [
        (str(trial.trial), trial.label, format_budget(trial.budget_flops), *_by_seed(trial, seeds)) for trial in shown
    ]
    several = len(by_budget(ranked)) > 1
    of_all = f"the best {len(shown)} of {len(ranked)}" if len(shown) < len(ranked) else f"{len(ranked)}"
    columns = ("trial", "setting", "budget", *(f"seed {seed}" for seed in seeds))
    right = (True, False, True, *(True for _ in seeds))
    kept = [place for place, column in enumerate(columns) if several or column != "budget"]
    return grid(
        f"Validation NLL by seed, {of_all} settings, nats per target",
        [columns[place] for place in kept],
        ([row[place] for place in kept] for row in rows),
        [right[place] for place in kept],
    )


def importance_text(results: SweepResults, ranked: Sequence[TrialResult]) -> str:
    """Our own importance in words, a line for each budget."""
    axes = axes_of(results.spec.search)
    titles = short_names(axis.name for axis in axes)
    lines = []
    budgets = by_budget(ranked)
    for budget, trials in budgets.items():
        found = importance(trials, axes)
        at = f" at {format_budget(budget)}" if len(budgets) > 1 else ""
        shares = ", ".join(f"{titles[name]} {share:.0%}" for name, share in found.shares.items())
        compared = f" (PED-ANOVA: the best {found.n_best} of {found.n_trials} settings against all)"
        lines.append(f"- Importance{at}: {plain(shares) + compared if shares else plain(found.reason)}.")
    return "\n".join(lines)


def outcomes_table(results: SweepResults) -> str:
    """What did not become a result: runs, trials, reason, examples; empty where all did."""
    rows = [
        (each.state, str(each.count), str(each.n_trials), each.reason, "; ".join(each.examples))
        for each in outcomes(results.records)
    ]
    if not rows:
        return ""
    columns = ("state", "runs", "settings", "reason", "for example")
    return grid("Failed, pruned and infeasible runs, by reason", columns, rows, (False, True, True, False, False))


def _thinned(points: Sequence[Point]) -> list[Point]:
    if len(points) <= _FRONTIER_ROWS:
        return list(points)
    last = len(points) - 1
    return [points[round(row * last / (_FRONTIER_ROWS - 1))] for row in range(_FRONTIER_ROWS)]


def _run(point: Point, names: dict[tuple[int, int], str]) -> str:
    return f"{names.get((point.trial, point.seed), '?')} (seed {point.seed})"


def _by_seed(trial: TrialResult, seeds: Sequence[int]) -> list[str]:
    nlls = trial.val_nll_by_seed
    return [format_nll(nlls[seed]) if seed in nlls else "–" for seed in seeds]
