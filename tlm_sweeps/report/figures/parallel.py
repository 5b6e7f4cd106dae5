"""Parallel coordinates: every searched trial as a line through its settings to its NLL.

Drawn as lines rather than as plotly's `parcoords`, which needs WebGL: it stays blank on many remote desktops and under
our content security policy, and is a blurred bitmap on paper.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass

import plotly.graph_objects as go

from tlm_sweeps.report.axes import Axis, Ticks, linear_ticks
from tlm_sweeps.report.figures.theme import BLUE, GREY, VERMILLION, Drawn, broken, canvas, plain
from tlm_sweeps.report.naming import format_nll
from tlm_sweeps.report.statistics import TrialResult

_SPREAD = 0.05


@dataclass(frozen=True)
class ParallelLine:
    """One trial: a height between 0 and 1 on every axis, the last of which is NLL."""

    trial: TrialResult
    heights: tuple[float, ...]


@dataclass(frozen=True)
class ParallelInfo:
    """What the figure shows: trials of one budget, the best first."""

    titles: tuple[str, ...]
    ticks: tuple[Ticks, ...]
    """Of each axis, as heights between 0 and 1."""
    lines: tuple[ParallelLine, ...]


def parallel_info(trials: Sequence[TrialResult], axes: Sequence[Axis]) -> ParallelInfo | None:
    """The searched trials of one budget; None with fewer than three of them or fewer than two dimensions.

    Choices are spread a little around their value, the better trials above, so that lines do not hide each other.
    """
    searched = [
        trial
        for trial in trials
        if trial.baseline is None and all(axis.position(trial.settings.get(axis.name)) is not None for axis in axes)
    ]
    if len(searched) < 3 or len(axes) < 2:
        return None
    nlls = [trial.nll for trial in searched]
    low, high = min(nlls), max(nlls)
    span = high - low or 1.0
    lines = []
    for rank, trial in enumerate(searched):
        shift = _SPREAD * (0.5 - rank / (len(searched) - 1))
        heights = (*(_height(axis, trial, shift) for axis in axes), (trial.nll - low) / span)
        lines.append(ParallelLine(trial, heights))
    nll_ticks = linear_ticks(low, high)
    scaled = Ticks(tuple((at - low) / span for at in nll_ticks.at), nll_ticks.text)
    titles = (*(axis.title for axis in axes), "validation NLL")
    return ParallelInfo(titles, (*(_scaled(axis) for axis in axes), scaled), tuple(lines))


def draw_parallel(info: ParallelInfo, key: str, at_budget: str, drawn: Collection[int]) -> Drawn:
    """The figure, with lines for the trials that are drawn."""
    best, quarter = 1, max(2, math.ceil(len(info.lines) / 4))
    traces = [
        _lines(info.lines[quarter:], drawn, "other settings", GREY, 1, 0.55),
        _lines(info.lines[best:quarter], drawn, "the rest of the best quarter", BLUE, 1.8, 0.9),
        _lines(info.lines[:best], drawn, "best", VERMILLION, 3.5, 1),
    ]
    figure = canvas([trace for trace in traces if trace.x], x_title="", y_title="", height=430)
    last = len(info.titles) - 1
    figure.update_xaxes(
        range=[-0.25, last + 0.3],
        tickmode="array",
        tickvals=list(range(last + 1)),
        ticktext=[f"<b>{plain(title)}</b>" for title in info.titles],
        side="top",
        showgrid=False,
        showline=False,
        ticks="",
        fixedrange=True,
    )
    figure.update_yaxes(visible=False, range=[-0.06, 1.06], fixedrange=True)
    figure.update_layout(
        shapes=[_stem(place) for place in range(last + 1)],
        annotations=[note for place, ticks in enumerate(info.ticks) for note in _names(place, ticks)],
        margin={"l": 16, "r": 16, "t": 40, "b": 36},
    )
    leader = info.lines[0].trial
    description = (
        f"{len(info.lines)} settings, each a line from its values to its NLL (nats per target, low is good). The best, "
        f"{leader.label}, reaches {format_nll(leader.nll)}."
    )
    return Drawn(key, f"Parallel coordinates{at_budget}", description, figure, min_width=130 * len(info.titles))


def _height(axis: Axis, trial: TrialResult, shift: float) -> float:
    place = axis.position(trial.settings[axis.name])
    share = ((place or 0.0) - axis.low) / (axis.high - axis.low)
    return share + shift if axis.scale == "choices" else share


def _scaled(axis: Axis) -> Ticks:
    return Ticks(tuple((at - axis.low) / (axis.high - axis.low) for at in axis.ticks.at), axis.ticks.text)


def _lines(
    among: Sequence[ParallelLine], drawn: Collection[int], name: str, color: str, width: float, opacity: float
) -> go.Scatter:
    lines = [line for line in among if line.trial.trial in drawn]
    return go.Scatter(
        x=broken([list(range(len(line.heights))) for line in lines]),
        y=broken([list(line.heights) for line in lines]),
        text=broken(
            [
                [plain(f"trial {line.trial.trial}: {line.trial.label}") + f"<br>{line.trial.nll:.4f} nats"]
                * len(line.heights)
                for line in lines
            ]
        ),
        hovertemplate="%{text}<extra></extra>",
        mode="lines",
        line={"color": color, "width": width},
        opacity=opacity,
        name=name,
    )


def _stem(place: int) -> dict[str, object]:
    line = {"color": "#555555", "width": 1}
    return {"type": "line", "x0": place, "x1": place, "y0": -0.03, "y1": 1.03, "line": line, "layer": "below"}


def _names(place: int, ticks: Ticks) -> list[dict[str, object]]:
    return [
        {
            "x": place,
            "y": at,
            "text": plain(text),
            "showarrow": False,
            "xanchor": "right",
            "xshift": -4,
            "bgcolor": "rgba(255,255,255,0.8)",
            "borderpad": 1,
            "font": {"size": 12},
        }
        for at, text in zip(ticks.at, ticks.text, strict=True)
    ]
