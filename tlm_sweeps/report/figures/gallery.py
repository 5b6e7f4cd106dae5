"""All figures of a page, in the order in which they are read; those with nothing to show are left out."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

from tlm_sweeps.report.axes import Axis, axes_of
from tlm_sweeps.report.figures.compute import compute_info, draw_compute
from tlm_sweeps.report.figures.heatmap import draw_heatmap, heat_info
from tlm_sweeps.report.figures.isoflop import draw_isoflop, iso_curves
from tlm_sweeps.report.figures.learning import draw_learning, mean_curves
from tlm_sweeps.report.figures.panels import draw_panel, panel_info
from tlm_sweeps.report.figures.parallel import draw_parallel, parallel_info
from tlm_sweeps.report.figures.shares import draw_importance
from tlm_sweeps.report.figures.theme import Drawn, group_styles
from tlm_sweeps.report.figures.thinning import drawn_trials, thinning_note
from tlm_sweeps.report.frontier import RunCurve, run_curves
from tlm_sweeps.report.importance import importance
from tlm_sweeps.report.naming import format_budget
from tlm_sweeps.report.sources import SweepResults
from tlm_sweeps.report.statistics import TrialResult, by_budget
from tlm_sweeps.spec.sweep import Account


@dataclass(frozen=True)
class Gallery:
    """The figures by section of the page."""

    compute: tuple[Drawn, ...]
    """NLL against FLOPs, learning curves, isoFLOP curves."""
    panels: tuple[Drawn, ...]
    """One for each searched hyperparameter."""
    together: tuple[Drawn, ...]
    """Importance, parallel coordinates, heat map."""
    skipped: tuple[str, ...]
    """Why a figure that a reader may look for is not there."""

    @property
    def drawn(self) -> tuple[Drawn, ...]:
        """All of them."""
        return self.compute + self.panels + self.together


def draw_all(results: SweepResults, ranked: Sequence[TrialResult]) -> Gallery:
    """Every figure that these results can fill; of very many trials, some are drawn for all."""
    axes, curves = axes_of(results.spec.search), run_curves(results)
    shown = drawn_trials(ranked, curves)
    note = thinning_note(ranked, shown)
    together, skipped = _together(ranked, axes, shown, note)
    panels = [
        _noted(draw_panel(info, f"panel-{index}", shown), note)
        for index, axis in enumerate(axes)
        if (info := panel_info(axis, ranked))
    ]
    compute = [_noted(each, note) for each in _compute(results.account, curves, ranked, shown)]
    return Gallery(tuple(compute), tuple(panels), tuple(together), tuple(skipped))


def _noted(drawn: Drawn, note: str) -> Drawn:
    return replace(drawn, description=drawn.description + note)


def _compute(
    account: Account, curves: Sequence[RunCurve], ranked: Sequence[TrialResult], shown: Collection[int]
) -> list[Drawn]:
    groups = {curve.group: curve.record.baseline is not None for curve in curves}
    styles = group_styles(sorted(groups, key=lambda group: (groups[group], group)))
    drawn = []
    if info := compute_info(curves, ranked, account):
        drawn.append(draw_compute(info, styles, shown))
    if means := mean_curves(curves, [trial for trial in ranked if trial.trial in shown]):
        drawn.append(draw_learning(means, account, styles))
    if iso := iso_curves(ranked):
        drawn.append(draw_isoflop(iso, shown))
    return drawn


def _together(
    ranked: Sequence[TrialResult], axes: Sequence[Axis], shown: Collection[int], note: str
) -> tuple[list[Drawn], list[str]]:
    drawn: list[Drawn] = []
    skipped: list[str] = []
    titles = {axis.name: axis.title for axis in axes}
    budgets = by_budget(ranked)
    for index, (budget, trials) in enumerate(budgets.items()):
        at_budget = f" at {format_budget(budget)}" if len(budgets) > 1 else ""
        found = importance(trials, axes)
        if found.shares:
            drawn.append(draw_importance(found, titles, f"importance-{index}", at_budget))
        elif axes:
            skipped.append(f"No importance{at_budget}: {found.reason}.")
        if lines := parallel_info(trials, axes):
            drawn.append(_noted(draw_parallel(lines, f"parallel-{index}", at_budget, shown), note))
        if heat := heat_info(trials, axes):
            drawn.append(draw_heatmap(heat, f"heatmap-{index}", at_budget))
    return drawn, skipped
