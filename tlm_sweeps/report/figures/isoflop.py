"""IsoFLOP curves: validation NLL against the number of parameters, one curve for each budget."""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass

import plotly.graph_objects as go

from tlm_sweeps.report.axes import Ticks, log_ticks
from tlm_sweeps.report.figures.theme import CYCLE, NLL_TITLE, SYMBOLS, Drawn, canvas, mark, plain
from tlm_sweeps.report.naming import format_budget, format_nll
from tlm_sweeps.report.statistics import TrialResult, by_budget
from tlm_sweeps.units import format_count


@dataclass(frozen=True)
class IsoCurve:
    """The trials of one budget."""

    name: str
    trials: tuple[TrialResult, ...]
    """By number of parameters."""
    hull: tuple[TrialResult, ...]
    """Those on the lower convex hull of NLL over log parameters."""
    best: TrialResult


def iso_curves(ranked: Sequence[TrialResult]) -> list[IsoCurve]:
    """A curve for each budget, of the searched trials; none where there is only one budget."""
    curves = []
    for budget, trials in by_budget(ranked).items():
        sized = [trial for trial in trials if trial.baseline is None and trial.n_params]
        sized.sort(key=lambda trial: (trial.n_params or 0, trial.nll))
        if sized:
            best = min(sized, key=lambda trial: trial.nll)
            curves.append(IsoCurve(format_budget(budget), tuple(sized), tuple(_lower_hull(sized)), best))
    return curves if len(curves) > 1 else []


def draw_isoflop(curves: Sequence[IsoCurve], drawn: Collection[int]) -> Drawn:
    """The figure, with points for the trials that are drawn and the hulls of all."""
    traces = [trace for index, curve in enumerate(curves) for trace in _traces(curve, index, drawn)]
    figure = canvas(traces, x_title="parameters (embeddings included)", y_title=NLL_TITLE, height=460)
    sizes = [math.log10(_size(trial)) for curve in curves for trial in curve.trials]
    pad = 0.05 * max(max(sizes) - min(sizes), 0.1)
    ticks = log_ticks(min(sizes) - pad, max(sizes) + pad, prefixes=True)
    figure.update_xaxes(type="log", range=[min(sizes) - pad, max(sizes) + pad])
    figure.update_xaxes(**mark(Ticks(tuple(10**place for place in ticks.at), ticks.text)))
    bests = [
        f"At {curve.name} the best has {format_count(_size(curve.best))} parameters, {format_nll(curve.best.nll)} nats."
        for curve in curves
    ]
    note = "Lines are lower convex hulls of the points, not fits."
    return Drawn("isoflop", "IsoFLOP curves", " ".join([*bests, note]), figure)


def _traces(curve: IsoCurve, index: int, drawn: Collection[int]) -> list[go.Scatter]:
    color, symbol = CYCLE[index % len(CYCLE)], SYMBOLS[index % len(SYMBOLS)]
    trials = [trial for trial in curve.trials if trial.trial in drawn]
    texts = [plain(f"trial {trial.trial}: {trial.label}") for trial in trials]
    points = go.Scatter(
        x=[_size(trial) for trial in trials],
        y=[trial.nll for trial in trials],
        text=texts,
        hovertemplate="%{text}<br>%{y:.4f} nats, %{x:.3s} parameters<extra></extra>",
        mode="markers",
        marker={
            "color": color,
            "symbol": symbol,
            "size": [14 if trial is curve.best else 8 for trial in trials],
            "line": {"color": "#000000", "width": [2 if trial is curve.best else 0 for trial in trials]},
        },
        name=curve.name,
        legendgroup=curve.name,
    )
    hull = go.Scatter(
        x=[_size(trial) for trial in curve.hull],
        y=[trial.nll for trial in curve.hull],
        mode="lines",
        line={"color": color, "width": 2},
        hoverinfo="skip",
        legendgroup=curve.name,
        showlegend=False,
    )
    return [hull, points]


def _size(trial: TrialResult) -> int:
    return trial.n_params or 1


def _lower_hull(trials: Sequence[TrialResult]) -> list[TrialResult]:
    """Andrew's monotone chain over (log parameters, NLL)."""
    hull: list[TrialResult] = []
    for trial in trials:
        while len(hull) > 1 and not _turns_up(hull[-2], hull[-1], trial):
            hull.pop()
        hull.append(trial)
    return hull


def _turns_up(first: TrialResult, second: TrialResult, third: TrialResult) -> bool:
    x = [math.log(_size(trial)) for trial in (first, second, third)]
    y = [trial.nll for trial in (first, second, third)]
    return (x[1] - x[0]) * (y[2] - y[0]) > (y[1] - y[0]) * (x[2] - x[0])
