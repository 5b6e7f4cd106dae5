"""Depth against context as a heat map: the best trial in each cell."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import plotly.graph_objects as go

from tlm_sweeps.report.axes import Axis
from tlm_sweeps.report.figures.theme import SKY, Drawn, canvas, mark
from tlm_sweeps.report.naming import format_nll
from tlm_sweeps.report.statistics import TrialResult

_ROWS, _COLUMNS = "model.depth", "model.context"


@dataclass(frozen=True)
class HeatInfo:
    """What the figure shows."""

    rows: Axis
    columns: Axis
    cells: tuple[tuple[TrialResult | None, ...], ...]
    """The trial of the lowest mean NLL in each cell, by row and column; None where none was trained."""


def heat_info(trials: Sequence[TrialResult], axes: Sequence[Axis]) -> HeatInfo | None:
    """The searched trials of one budget; None unless depth and context are both lists and cells can be compared."""
    named = {axis.name: axis for axis in axes if axis.scale == "choices"}
    if _ROWS not in named or _COLUMNS not in named:
        return None
    rows, columns = named[_ROWS], named[_COLUMNS]
    best: dict[tuple[float | None, float | None], TrialResult] = {}
    for trial in trials:
        cell = rows.position(trial.settings.get(_ROWS)), columns.position(trial.settings.get(_COLUMNS))
        if trial.baseline is None and None not in cell and (cell not in best or trial.nll < best[cell].nll):
            best[cell] = trial
    if len(best) < 3:
        return None
    cells = tuple(tuple(best.get((row, column)) for column in columns.ticks.at) for row in rows.ticks.at)
    return HeatInfo(rows, columns, cells)


def draw_heatmap(info: HeatInfo, key: str, at_budget: str) -> Drawn:
    """The figure."""
    heat = go.Heatmap(
        x=list(info.columns.ticks.at),
        y=list(info.rows.ticks.at),
        z=[[trial.nll if trial else None for trial in row] for row in info.cells],
        text=[[f"{trial.nll:.3f}" if trial else "" for trial in row] for row in info.cells],
        customdata=[[f"trial {trial.trial}" if trial else "" for trial in row] for row in info.cells],
        texttemplate="%{text}",
        textfont={"color": "#1a1a1a"},
        hovertemplate="%{customdata}: %{z:.4f} nats<extra></extra>",
        hoverongaps=False,
        colorscale=[[0, SKY], [1, "#eef3f7"]],
        xgap=2,
        ygap=2,
        colorbar={"title": {"text": "nats"}, "thickness": 12, "outlinewidth": 0},
    )
    figure = canvas(
        [heat],
        x_title=f"{info.columns.title} (tokens)",
        y_title=f"{info.rows.title} (layers)",
        height=150 + 46 * len(info.cells),
        legend=False,
    )
    figure.update_xaxes(**mark(info.columns.ticks), showgrid=False, ticks="")
    figure.update_yaxes(**mark(info.rows.ticks), showgrid=False, ticks="")
    trained = [trial for row in info.cells for trial in row if trial]
    best = min(trained, key=lambda trial: trial.nll)
    description = (
        f"Lowest mean validation NLL at each depth and context, whatever the other settings; {len(trained)} of "
        f"{sum(map(len, info.cells))} cells were trained. The lowest is {format_nll(best.nll)}: {best.label}."
    )
    return Drawn(key, f"Depth and context{at_budget}", description, figure)
