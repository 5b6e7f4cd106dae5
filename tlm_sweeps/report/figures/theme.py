"""How every figure looks: colours, symbols, axes, and what a drawn figure is. It refuses to know results."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import plotly.graph_objects as go

from tlm_sweeps.report.axes import Axis, Ticks, log_ticks

BLACK, GREY = "#000000", "#8a8a8a"
BLUE, ORANGE, GREEN, VERMILLION, PURPLE, SKY = "#0072B2", "#E69F00", "#009E73", "#D55E00", "#CC79A7", "#56B4E9"
"""Okabe and Ito (2008): told apart by colour-blind readers too. Their yellow is too pale for lines on white."""
CYCLE = (BLUE, ORANGE, GREEN, PURPLE, SKY)
"""Colours of groups. Vermillion is kept for the best, black for the frontier."""
SYMBOLS = ("circle", "square", "diamond", "triangle-up", "cross")
NLL_TITLE = "validation NLL (nats per target)"
_FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Liberation Sans', Arial, sans-serif"


@dataclass(frozen=True)
class Drawn:
    """A figure with the words that stand beside it."""

    key: str
    """Unique on the page, safe as an HTML id."""
    title: str
    description: str
    """What it shows, in words, for those who cannot see it."""
    figure: go.Figure
    min_width: int = 0
    """Narrower than this (CSS pixels) it is scrolled in its own box."""


@dataclass(frozen=True)
class Style:
    """How one group is drawn everywhere on the page."""

    color: str
    symbol: str


def group_styles(groups: Sequence[str]) -> dict[str, Style]:
    """A colour and a symbol for each group, in the order given; no pair twice among the first 25."""
    styles = {}
    for index, group in enumerate(dict.fromkeys(groups)):
        turn, place = divmod(index, len(CYCLE))
        styles[group] = Style(CYCLE[place], SYMBOLS[(place + turn) % len(SYMBOLS)])
    return styles


def plain(text: str) -> str:
    """Text for plotly, which would read `<b>` and `<a>` in it as markup.

    >>> plain("<b>")
    '&lt;b&gt;'
    """
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def canvas(traces: Sequence[Any], *, x_title: str, y_title: str, height: int = 420, legend: bool = True) -> go.Figure:
    """A figure with our axes and the legend under the plot, where it never covers anything."""
    figure = go.Figure(list(traces))
    axis = {
        "showline": True,
        "linecolor": "#555555",
        "gridcolor": "#e6e6e6",
        "zeroline": False,
        "ticks": "outside",
        "tickcolor": "#555555",
        "automargin": True,
        "tickangle": 0,
    }
    figure.update_layout(
        template="none",
        height=height,
        margin={"l": 62, "r": 16, "t": 30, "b": 54},
        font={"family": _FONT, "size": 13, "color": "#1a1a1a"},
        paper_bgcolor="#ffffff",
        plot_bgcolor="#ffffff",
        showlegend=legend,
        legend={
            "orientation": "h",
            "x": 0,
            "xanchor": "left",
            "yref": "container",
            "y": 0,
            "yanchor": "bottom",
            "font": {"size": 12},
        },
        hoverlabel={"align": "left", "bgcolor": "#ffffff", "font": {"color": "#1a1a1a"}},
        xaxis={**axis, "title": {"text": plain(x_title), "standoff": 10}},
        yaxis={**axis, "title": {"text": plain(y_title), "standoff": 10}},
    )
    return figure


def mark(ticks: Ticks) -> dict[str, Any]:
    """Ticks as plotly wants them."""
    return {"tickmode": "array", "tickvals": list(ticks.at), "ticktext": [plain(text) for text in ticks.text]}


def mark_flops(figure: go.Figure, low: float, high: float) -> None:
    """Make x a log axis of FLOPs between two counts, with ticks such as `2 T`."""
    first, last = math.log10(low), math.log10(high)
    pad = 0.03 * max(last - first, 0.1)
    ticks = log_ticks(first - pad, last + pad, prefixes=True)
    figure.update_xaxes(type="log", range=[first - pad, last + pad])
    figure.update_xaxes(**mark(Ticks(tuple(10**place for place in ticks.at), ticks.text)))


def mark_hyperparameter(figure: go.Figure, axis: Axis) -> None:
    """Make x the axis of a hyperparameter, in its positions."""
    pad = 0.08 * (axis.high - axis.low)
    figure.update_xaxes(range=[axis.low - pad, axis.high + pad], **mark(axis.ticks))


def broken(lines: Sequence[Sequence[Any]]) -> list[Any]:
    """Several lines as one, with a gap after each: a thousand runs are then one trace.

    >>> broken([[1, 2], [3]])
    [1, 2, None, 3, None]
    """
    joined: list[Any] = []
    for line in lines:
        joined.extend(line)
        joined.append(None)
    return joined
