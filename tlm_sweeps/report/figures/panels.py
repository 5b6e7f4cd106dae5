"""One panel for every searched hyperparameter: validation NLL against its value, seeds as dots."""

from __future__ import annotations

import statistics
from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass

import plotly.graph_objects as go

from tlm_sweeps.report.axes import Axis
from tlm_sweeps.report.figures.theme import (
    CYCLE,
    NLL_TITLE,
    SYMBOLS,
    Drawn,
    canvas,
    mark_hyperparameter,
    plain,
)
from tlm_sweeps.report.naming import format_budget, format_nll
from tlm_sweeps.report.statistics import TrialResult, by_budget

_BINS = 6
_ASIDE = 0.1


@dataclass(frozen=True)
class Dot:
    """One run: where its setting lies on the axis, and its validation NLL."""

    at: float
    nll: float
    text: str
    trial: int


@dataclass(frozen=True)
class PanelSeries:
    """The runs of one budget."""

    name: str
    dots: tuple[Dot, ...]
    means: tuple[tuple[float, float], ...]
    """(position, mean NLL of its runs) at each value; on a continuous range, of each of six equal parts."""
    best: tuple[tuple[float, float], ...]
    """(position, lowest mean NLL of a trial), likewise."""


@dataclass(frozen=True)
class PanelInfo:
    """What one panel shows."""

    axis: Axis
    series: tuple[PanelSeries, ...]


def panel_info(axis: Axis, ranked: Sequence[TrialResult]) -> PanelInfo | None:
    """The searched trials along one dimension; None when they all lie at one value."""
    series = []
    for budget, trials in by_budget(ranked).items():
        placed = [(axis.position(trial.settings.get(axis.name)), trial) for trial in trials if trial.baseline is None]
        known = [(at, trial) for at, trial in placed if at is not None and axis.name in trial.settings]
        if known:
            series.append(_series(format_budget(budget), axis, known))
    values = {dot.at for each in series for dot in each.dots}
    return PanelInfo(axis, tuple(series)) if len(values) > 1 else None


def draw_panel(info: PanelInfo, key: str, drawn: Collection[int]) -> Drawn:
    """The figure, with dots for the trials that are drawn and the lines of all."""
    alone = len(info.series) == 1
    traces = []
    for index, series in enumerate(info.series):
        aside = _ASIDE * (index - (len(info.series) - 1) / 2) if info.axis.scale == "choices" else 0.0
        dots = [dot for dot in series.dots if dot.trial in drawn]
        traces += _traces(series, dots, CYCLE[index % len(CYCLE)], SYMBOLS[index % len(SYMBOLS)], aside)
    figure = canvas(traces, x_title=info.axis.title, y_title=NLL_TITLE, height=320 if alone else 380, legend=not alone)
    mark_hyperparameter(figure, info.axis)
    figure.update_yaxes(title={"font": {"size": 12}})
    return Drawn(key, info.axis.title, _describe(info), figure)


def _series(name: str, axis: Axis, placed: Sequence[tuple[float, TrialResult]]) -> PanelSeries:
    dots = tuple(
        Dot(at, nll, plain(f"trial {trial.trial}, seed {seed}: {trial.label}"), trial.trial)
        for at, trial in placed
        for seed, nll in trial.val_nll_by_seed.items()
    )
    together: defaultdict[float, list[tuple[float, TrialResult]]] = defaultdict(list)
    for at, trial in placed:
        together[_bin(axis, at)].append((at, trial))
    groups = [together[place] for place in sorted(together)]
    middles = [statistics.fmean(at for at, _ in group) for group in groups]
    runs = [[nll for _, trial in group for nll in trial.val_nll_by_seed.values()] for group in groups]
    return PanelSeries(
        name=name,
        dots=dots,
        means=tuple(zip(middles, map(statistics.fmean, runs), strict=True)),
        best=tuple(zip(middles, (min(trial.nll for _, trial in group) for group in groups), strict=True)),
    )


def _bin(axis: Axis, at: float) -> float:
    """Choices are their own bins; a range is cut into equal parts."""
    if axis.scale == "choices":
        return at
    return min(int((at - axis.low) / (axis.high - axis.low) * _BINS), _BINS - 1)


def _traces(series: PanelSeries, dots: Sequence[Dot], color: str, symbol: str, aside: float) -> list[go.Scatter]:
    """Dots and both lines of one budget, moved a little aside so that budgets do not hide each other."""
    scattered = go.Scatter(
        x=[dot.at + aside for dot in dots],
        y=[dot.nll for dot in dots],
        text=[dot.text for dot in dots],
        hovertemplate="%{text}<br>%{y:.4f} nats<extra></extra>",
        mode="markers",
        marker={"color": color, "symbol": symbol, "size": 7, "opacity": 0.55},
        legendgroup=series.name,
        showlegend=False,
    )
    return [
        scattered,
        _line(series, series.best, aside, {"color": color, "width": 2, "dash": "dot"}, named=False),
        _line(series, series.means, aside, {"color": color, "width": 2}, named=True),
    ]


def _line(
    series: PanelSeries, points: Sequence[tuple[float, float]], aside: float, line: dict[str, object], *, named: bool
) -> go.Scatter:
    return go.Scatter(
        x=[at + aside for at, _ in points],
        y=[nll for _, nll in points],
        mode="lines",
        line=line,
        hoverinfo="skip",
        name=series.name,
        legendgroup=series.name,
        showlegend=named,
    )


def _describe(info: PanelInfo) -> str:
    sentences = []
    for series in info.series:
        low, high = min(nll for _, nll in series.means), max(nll for _, nll in series.means)
        lowest = min(dot.nll for dot in series.dots)
        means = "Means" if len(info.series) == 1 else f"At {series.name} means"
        sentences.append(
            f"{means} lie between {format_nll(low)} and {format_nll(high)} nats; the lowest run: {format_nll(lowest)}."
        )
    return " ".join(sentences)
