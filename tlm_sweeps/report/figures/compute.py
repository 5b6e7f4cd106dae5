"""NLL against spent FLOPs: every run as a thin curve, the frontier in bold, final points by family."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

import plotly.graph_objects as go

from tlm_sweeps.report.figures.theme import BLACK, NLL_TITLE, Drawn, Style, broken, canvas, mark_flops, plain
from tlm_sweeps.report.frontier import Point, RunCurve, frontier
from tlm_sweeps.report.naming import format_nll
from tlm_sweeps.report.statistics import TrialResult
from tlm_sweeps.units import format_flops


@dataclass(frozen=True)
class ComputeInfo:
    """What the figure shows."""

    account: str
    curves: tuple[RunCurve, ...]
    finals: tuple[TrialResult, ...]
    """Ranked trials: mean NLL over seeds at what a run spent."""
    envelope: tuple[Point, ...]
    """The frontier over all points of all runs."""


def compute_info(curves: Sequence[RunCurve], ranked: Sequence[TrialResult], account: str) -> ComputeInfo | None:
    """The curves and their lower envelope; None when nothing was measured."""
    envelope = frontier(point for curve in curves for point in curve.points)
    if not envelope:
        return None
    finals = tuple(trial for trial in ranked if trial.spent_flops)
    return ComputeInfo(account, tuple(curves), finals, tuple(envelope))


def draw_compute(info: ComputeInfo, styles: dict[str, Style], drawn: Collection[int]) -> Drawn:
    """The figure, with curves and final points of the trials that are drawn and the frontier of all."""
    groups = [group for group in styles if any(curve.group == group for curve in info.curves)]
    traces = [_thin(info, group, styles[group], drawn) for group in groups]
    spent = [point.train_flops for curve in info.curves for point in curve.points]
    traces.append(_bold([*info.envelope, replace(info.envelope[-1], train_flops=max(spent))]))
    traces += [_finals(info, group, styles[group], drawn) for group in groups]
    figure = canvas(traces, x_title=f"training FLOPs spent ({info.account})", y_title=NLL_TITLE, height=480)
    mark_flops(figure, min(spent), max(spent))
    figure.update_yaxes(range=_worth_seeing(info))
    first, last = info.envelope[0], info.envelope[-1]
    falls = f"falls from {format_nll(first.nll)} nats at {format_flops(first.train_flops)} to"
    way = "is one point:" if first == last else falls
    description = (
        f"The frontier {way} "
        f"{format_nll(last.nll)} nats at {format_flops(last.train_flops)} (trial {last.trial}, seed {last.seed}). "
        "It is over single runs, so it includes lucky seeds; the large points are means over seeds."
    )
    return Drawn("frontier", "NLL against training FLOPs, with the frontier", description, figure)


def _thin(info: ComputeInfo, group: str, style: Style, drawn: Collection[int]) -> go.Scatter:
    lines = [curve for curve in info.curves if curve.group == group and curve.record.trial in drawn]
    return go.Scatter(
        x=broken([[point.train_flops for point in curve.points] for curve in lines]),
        y=broken([[point.nll for point in curve.points] for curve in lines]),
        text=broken([[f"trial {point.trial}, seed {point.seed}" for point in curve.points] for curve in lines]),
        hovertemplate="%{text}<br>%{y:.4f} nats at %{x:.3s}FLOPs<extra></extra>",
        mode="lines",
        line={"color": style.color, "width": 1},
        opacity=0.45,
        legendgroup=plain(group),
        showlegend=False,
    )


def _bold(envelope: Sequence[Point]) -> go.Scatter:
    return go.Scatter(
        x=[point.train_flops for point in envelope],
        y=[point.nll for point in envelope],
        text=[f"trial {point.trial}, seed {point.seed}" for point in envelope],
        hovertemplate="frontier: %{y:.4f} nats at %{x:.3s}FLOPs<br>%{text}<extra></extra>",
        mode="lines",
        line={"color": BLACK, "width": 3, "shape": "hv"},
        name="frontier",
    )


def _finals(info: ComputeInfo, group: str, style: Style, drawn: Collection[int]) -> go.Scatter:
    trials = [trial for trial in info.finals if trial.group == group and trial.trial in drawn]
    return go.Scatter(
        x=[trial.spent_flops for trial in trials],
        y=[trial.nll for trial in trials],
        text=[plain(f"trial {trial.trial}: {trial.label}") for trial in trials],
        hovertemplate="%{text}<br>mean %{y:.4f} nats at %{x:.3s}FLOPs<extra></extra>",
        mode="markers",
        marker={"color": style.color, "symbol": style.symbol, "size": 9, "line": {"color": "#ffffff", "width": 1}},
        name=plain(group),
        legendgroup=plain(group),
        showlegend=bool(trials),
    )


def _worth_seeing(info: ComputeInfo) -> list[float]:
    """From just under the best to the first point of the frontier: above that, runs have hardly begun."""
    low = info.envelope[-1].nll
    high = max([info.envelope[0].nll, *(trial.nll for trial in info.finals)])
    pad = 0.05 * (high - low) or 0.05
    return [low - pad, high + pad]
