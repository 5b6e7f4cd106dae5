"""Learning curves: mean validation NLL of each ranked trial over spent FLOPs, the best of each budget highlighted."""

from __future__ import annotations

import math
import statistics
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import plotly.graph_objects as go

from tlm_sweeps.report.axes import Ticks, linear_ticks, with_prefix
from tlm_sweeps.report.figures.theme import GREY, NLL_TITLE, VERMILLION, Drawn, Style, broken, canvas, mark, plain
from tlm_sweeps.report.frontier import Point, RunCurve
from tlm_sweeps.report.naming import format_nll
from tlm_sweeps.report.statistics import TrialResult, by_budget
from tlm_sweeps.units import format_flops


@dataclass(frozen=True)
class MeanCurve:
    """One trial's curve, mean over its seeds wherever all of them were measured."""

    trial: TrialResult
    points: tuple[Point, ...]
    best: bool
    """Whether it leads its budget."""


def mean_curves(curves: Sequence[RunCurve], ranked: Sequence[TrialResult]) -> list[MeanCurve]:
    """The curves of ranked trials that have at least two points, in the order of the leaderboard."""
    runs: defaultdict[int, list[RunCurve]] = defaultdict(list)
    for curve in curves:
        runs[curve.record.trial].append(curve)
    leaders = {trials[0].trial for trials in by_budget(ranked).values()}
    found = (MeanCurve(trial, _mean(runs[trial.trial]), trial.trial in leaders) for trial in ranked)
    return [curve for curve in found if len(curve.points) > 1]


def draw_learning(curves: Sequence[MeanCurve], account: str, styles: dict[str, Style]) -> Drawn:
    """The figure."""
    others = [curve for curve in curves if not curve.best and curve.trial.baseline is None]
    baselines = [curve for curve in curves if not curve.best and curve.trial.baseline is not None]
    traces = [_many(others, "other searched settings", GREY, "solid", 1.0)] if others else []
    for group in dict.fromkeys(curve.trial.group for curve in baselines):
        lines = [curve for curve in baselines if curve.trial.group == group]
        traces.append(_many(lines, group, styles[group].color, "dash", 2.0))
    traces.append(_many([curve for curve in curves if curve.best], "best", VERMILLION, "solid", 3.0))
    figure = canvas(traces, x_title=f"training FLOPs spent ({account})", y_title=NLL_TITLE, height=440)
    most = max(curve.points[-1].train_flops for curve in curves)
    ticks = linear_ticks(0, most)
    figure.update_xaxes(range=[0, 1.02 * most], **mark(Ticks(ticks.at, tuple(with_prefix(at) for at in ticks.at))))
    figure.update_yaxes(range=_worth_seeing(curves))
    return Drawn("learning", "Learning curves", _describe(curves), figure)


def _mean(runs: Sequence[RunCurve]) -> tuple[Point, ...]:
    at: defaultdict[float, list[float]] = defaultdict(list)
    for curve in runs:
        for point in curve.points:
            at[point.train_flops].append(point.nll)
    everywhere = sorted(flops for flops, nlls in at.items() if len(nlls) == len(runs))
    return tuple(Point(flops, statistics.fmean(at[flops]), runs[0].record.trial) for flops in everywhere)


def _many(curves: Sequence[MeanCurve], name: str, color: str, dash: str, width: float) -> go.Scatter:
    return go.Scatter(
        x=broken([[point.train_flops for point in curve.points] for curve in curves]),
        y=broken([[point.nll for point in curve.points] for curve in curves]),
        text=broken(
            [[f"trial {curve.trial.trial}: {plain(curve.trial.label)}"] * len(curve.points) for curve in curves]
        ),
        hovertemplate="%{text}<br>%{y:.4f} nats at %{x:.3s}FLOPs<extra></extra>",
        mode="lines",
        line={"color": color, "width": width, "dash": dash},
        opacity=0.6 if color == GREY else 1.0,
        name=plain(name),
    )


def _worth_seeing(curves: Sequence[MeanCurve]) -> list[float]:
    """Room for all that happens after the first tenth of a run; the fall before it would flatten everything."""
    low = min(point.nll for curve in curves for point in curve.points)
    high = max(_after_the_first_tenth(curve.points) for curve in curves)
    return [low - 0.04 * (high - low), high + 0.04 * (high - low)] if high > low else [low - 0.1, low + 0.1]


def _after_the_first_tenth(points: Iterable[Point]) -> float:
    listed = list(points)
    late = [point.nll for point in listed if point.train_flops >= 0.1 * listed[-1].train_flops]
    return max(late) if late else math.inf


def _describe(curves: Sequence[MeanCurve]) -> str:
    words = [
        f"Trial {curve.trial.trial} ({curve.trial.label}) ends at {format_nll(curve.points[-1].nll)} nats after "
        f"{format_flops(curve.points[-1].train_flops)}, the best of its budget."
        for curve in curves
        if curve.best
    ]
    note = "Each curve is a mean over seeds; the leaderboard has the lowest evaluation of each run."
    return " ".join([*words, note])
