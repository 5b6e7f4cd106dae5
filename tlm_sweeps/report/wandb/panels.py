"""The panels that W&B draws from a sweep's own runs: curves over FLOPs, parallel coordinates, importance, isoFLOP."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tlm_sweeps.compute.planning import budgets
from tlm_sweeps.report.axes import Axis, axes_of
from tlm_sweeps.report.naming import format_budget
from tlm_sweeps.report.sources import SweepResults
from tlm_sweeps.report.wandb.workspaces import reports

if TYPE_CHECKING:
    import wandb_workspaces.reports.v2.interface as wr

_MOST_CURVES = 500
_WHOLE, _HALF = 24, 12
"""Widths on W&B's grid of 24 columns."""
_NLL = "validation NLL (nats per target)"


@dataclass(frozen=True)
class RunsOf:
    """Which of a project's runs are the sweep's: those under a W&B sweep, or those that say its fingerprint."""

    sweep_id: str | None
    fingerprint: str

    def runset(self, name: str, columns: Sequence[str], budget_flops: int | None = None) -> wr.Runset:
        """The runs, the best first, or those of one budget."""
        wr, expr = reports()
        # The name of a nested config value as W&B's page has it: `value` stands after the first level.
        filters = [
            expr.Metric("Sweep") == self.sweep_id
            if self.sweep_id
            else expr.Config("sweep.value.fingerprint") == self.fingerprint
        ]
        if budget_flops is not None:
            filters.append(expr.Config("budget.value.flops") == budget_flops)
        return wr.Runset(
            name=name,
            filters=expr.And(*filters),
            order=[wr.OrderBy(wr.SummaryMetric("val_nll"), ascending=True)],
            visible_columns=list(columns),
        )


def frontier_grid(results: SweepResults, runs: RunsOf) -> wr.PanelGrid:
    """NLL against spent FLOPs on a logarithmic axis: every run's curve, and the running minimum over final points."""
    wr, _ = reports()
    spent = f"train_flops_{results.account}"
    curves = _nll_curves(results, "NLL against training FLOPs", wr.Layout(0, 0, _WHOLE, 10))
    ends = wr.ScatterPlot(
        title="Where runs ended, and the frontier",
        x=wr.SummaryMetric(spent),
        y=wr.SummaryMetric("val_nll"),
        log_x=True,
        running_ymin=True,
        layout=wr.Layout(0, 10, _WHOLE, 8),
    )
    return wr.PanelGrid(runsets=[runs.runset("Runs", _columns(results))], panels=[curves, ends])


def hyperparameter_grid(results: SweepResults, runs: RunsOf) -> wr.PanelGrid | None:
    """Parallel coordinates over the searched fields, and W&B's parameter importance; None without a search."""
    wr, _ = reports()
    axes = axes_of(results.spec.search)
    if not axes:
        return None
    columns = [_coordinate(axis) for axis in axes]
    columns.append(wr.ParallelCoordinatesPlotColumn(wr.SummaryMetric("val_nll"), display_name="validation NLL"))
    parallel = wr.ParallelCoordinatesPlot(
        title="Settings and their NLL", columns=columns, layout=wr.Layout(0, 0, _WHOLE, 10)
    )
    shares = wr.ParameterImportancePlot(with_respect_to="val_nll", layout=wr.Layout(0, 10, _WHOLE, 8))
    return wr.PanelGrid(runsets=[runs.runset("Runs", _columns(results))], panels=[parallel, shares])


def isoflop_grid(results: SweepResults, runs: RunsOf) -> wr.PanelGrid | None:
    """NLL against parameters with a run set for each budget; None where there is one budget only."""
    wr, _ = reports()
    flops = [each for each in budgets(results.spec) if each is not None]
    if len(flops) < 2:
        return None
    by_size = wr.ScatterPlot(
        title="IsoFLOP curves: NLL against parameters at equal compute",
        x=wr.Config("n_params"),
        y=wr.SummaryMetric("val_nll"),
        z=wr.Config("budget.flops"),
        log_x=True,
        log_z=True,
        layout=wr.Layout(0, 0, _WHOLE, 10),
    )
    curves = _nll_curves(results, "Curves of all budgets", wr.Layout(0, 10, _WHOLE, 8))
    runsets = [runs.runset(f"{format_budget(each)} a run", _columns(results), each) for each in flops]
    return wr.PanelGrid(runsets=runsets, panels=[by_size, curves])


def curves_grid(results: SweepResults, runs: RunsOf) -> wr.PanelGrid:
    """What runs measured on their way, over spent FLOPs; the seeds of a trial as one line with their range."""
    wr, _ = reports()
    shown = (
        ("val_nll", "Validation NLL", _NLL),
        ("train_nll", "Training NLL", "training NLL (nats per target)"),
        ("learning_rate", "Learning rate", "learning rate"),
        ("flop_per_second", "Speed", "matmul FLOP/s, evaluations included"),
    )
    plots = [
        wr.LinePlot(
            title=title,
            x="spent_flops",
            y=[name],
            title_x=_spent(results),
            title_y=axis,
            groupby="Group",
            groupby_aggfunc="mean",
            groupby_rangefunc="minmax",
            max_runs_to_show=_MOST_CURVES,
            layout=wr.Layout(place % 2 * _HALF, place // 2 * 8, _HALF, 8),
        )
        for place, (name, title, axis) in enumerate(shown)
    ]
    return wr.PanelGrid(runsets=[runs.runset("Runs", _columns(results))], panels=plots)


def _nll_curves(results: SweepResults, title: str, layout: wr.Layout) -> wr.LinePlot:
    """Every run's validation NLL over what it had spent."""
    wr, _ = reports()
    return wr.LinePlot(
        title=title,
        x="spent_flops",
        y=["val_nll"],
        log_x=True,
        title_x=_spent(results),
        title_y=_NLL,
        max_runs_to_show=_MOST_CURVES,
        layout=layout,
    )


def _coordinate(axis: Axis) -> wr.ParallelCoordinatesPlotColumn:
    wr, _ = reports()
    return wr.ParallelCoordinatesPlotColumn(
        wr.Config(f"settings.{axis.name}"), display_name=axis.title, log=True if axis.scale == "log" else None
    )


def _columns(results: SweepResults) -> list[str]:
    """What the table of runs shows first."""
    searched = [f"config:settings.value.{name}" for name in results.spec.search]
    return ["run:displayName", "summary:val_nll", "summary:test_nll", "summary:state", "config:seed.value", *searched]


def _spent(results: SweepResults) -> str:
    return f"training FLOPs spent ({results.account})"
