"""All figures of a page, in the order in which they are read; those with nothing to show are left out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tlm_sweeps.report.axes import Axis, axes_of
from tlm_sweeps.report.figures.compute import compute_info, draw_compute
from tlm_sweeps.report.figures.heatmap import draw_heatmap, heat_info
from tlm_sweeps.report.figures.isoflop import draw_isoflop, iso_curves
from tlm_sweeps.report.figures.learning import draw_learning, mean_curves
from tlm_sweeps.report.figures.panels import draw_panel, panel_info
from tlm_sweeps.report.figures.parallel import draw_parallel, parallel_info
from tlm_sweeps.report.figures.shares import draw_importance
from tlm_sweeps.report.figures.theme import Drawn, group_styles
from tlm_sweeps.report.frontier import run_curves
from tlm_sweeps.report.importance import importance
from tlm_sweeps.report.naming import format_budget
from tlm_sweeps.report.sources import SweepResults
from tlm_sweeps.report.statistics import TrialResult, by_budget


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
    """Every figure that these results can fill."""
    axes = axes_of(results.spec.search)
    together, skipped = _together(ranked, axes)
    panels = [
        draw_panel(info, f"panel-{index}") for index, axis in enumerate(axes) if (info := panel_info(axis, ranked))
    ]
    return Gallery(tuple(_compute(results, ranked)), tuple(panels), tuple(together), tuple(skipped))


def _compute(results: SweepResults, ranked: Sequence[TrialResult]) -> list[Drawn]:
    curves = run_curves(results)
    groups = {curve.group: curve.record.baseline is not None for curve in curves}
    styles = group_styles(sorted(groups, key=lambda group: (groups[group], group)))
    drawn = []
    if info := compute_info(curves, ranked, results.account):
        drawn.append(draw_compute(info, styles))
    if means := mean_curves(curves, ranked):
        drawn.append(draw_learning(means, results.account, styles))
    if iso := iso_curves(ranked):
        drawn.append(draw_isoflop(iso))
    return drawn


def _together(ranked: Sequence[TrialResult], axes: Sequence[Axis]) -> tuple[list[Drawn], list[str]]:
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
            drawn.append(draw_parallel(lines, f"parallel-{index}", at_budget))
        if heat := heat_info(trials, axes):
            drawn.append(draw_heatmap(heat, f"heatmap-{index}", at_budget))
    return drawn, skipped
