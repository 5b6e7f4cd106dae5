"""A fit drawn: isoFLOP curves, loss against compute, how a budget is best split, and how far runs lie from the law."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go

from tlm_sweeps.report.axes import Ticks, log_ticks, with_prefix
from tlm_sweeps.report.figures.theme import (
    BLACK,
    BLUE,
    CYCLE,
    GREY,
    NLL_TITLE,
    ORANGE,
    SYMBOLS,
    VERMILLION,
    Drawn,
    canvas,
    mark,
    mark_flops,
    plain,
)
from tlm_sweeps.report.naming import format_nll
from tlm_sweeps.scaling.cost import CostLaw
from tlm_sweeps.scaling.document import (
    FitDocument,
    FrontierFit,
    HeldOut,
    IsoFlopFit,
    IsoFlopMinimum,
    ParametricFit,
    RunPoint,
)
from tlm_sweeps.scaling.law import Law, best_allocation, interval
from tlm_sweeps.units import format_flops

_STEPS = 40
"""Points of a curve that is drawn."""


def draw_all(found: FitDocument) -> list[Drawn]:
    """The figures that there is something to see in."""
    drawn = [draw_compute(found), draw_isoflop(found), draw_splits(found), draw_residuals(found)]
    return [figure for figure in drawn if figure]


def draw_compute(found: FitDocument) -> Drawn:
    """Loss against FLOPs: every setting, the best that the law promises with its interval, the frontier's power law."""
    budgets = _budgets(found)
    traces = [_points(found.points, "settings", GREY, lambda point: point.train_flops)]
    words = []
    if isinstance(found.frontier, FrontierFit):
        fit = found.frontier
        lowest = [fit.factor * budget**-fit.exponent.value for budget in budgets]
        traces.append(_line(budgets, lowest, "frontier, a power law", BLACK, "dash"))
        words.append("The dashed line is the power law of the frontier, which has no floor.")
    if isinstance(found.parametric, ParametricFit) and found.parametric.law.has_optimum:
        traces += _banded(found.parametric, _cost(found), budgets, "nll", "the law at its best split")
        words.append("The orange line is the loss of the law where each budget is best split, with its 95 % interval.")
    figure = canvas(traces, x_title=f"training FLOPs ({found.basis.account})", y_title=NLL_TITLE, height=460)
    mark_flops(figure, min(budgets), max(budgets))
    return Drawn("fit-compute", "Loss against compute", " ".join(["Grey points are settings.", *words]), figure)


def draw_isoflop(found: FitDocument) -> Drawn | None:
    """Loss against size, a parabola a budget; None where no budget has a minimum."""
    if not isinstance(found.isoflop, IsoFlopFit):
        return None
    traces = [trace for number, each in enumerate(found.isoflop.minima) for trace in _curve(found, each, number)]
    figure = canvas(traces, x_title=_size_title(found), y_title=NLL_TITLE, height=460)
    _mark_counts(figure, [point.n_params for point in found.points])
    ends = dict.fromkeys((found.isoflop.minima[0], found.isoflop.minima[-1]))
    words = " ".join(
        f"At {format_flops(each.budget_flops)} the lowest point is {with_prefix(each.n_params.value)} parameters, "
        f"{format_nll(each.nll)} nats."
        for each in ends
    )
    return Drawn("fit-isoflop", "IsoFLOP curves", f"{words} Lines are parabolas over the logarithm of size.", figure)


def draw_splits(found: FitDocument) -> Drawn | None:
    """The best size against FLOPs by both approaches; None where neither has one."""
    budgets, traces, words = _budgets(found), list[go.Scatter](), list[str]()
    if isinstance(found.parametric, ParametricFit) and found.parametric.law.has_optimum:
        traces += _banded(found.parametric, _cost(found), budgets, "n_params", "the law")
        words.append("The orange line is the law's, with its 95 % interval.")
    if isinstance(found.isoflop, IsoFlopFit):
        traces += _minima(found.isoflop, budgets)
        words.append(
            "Points are the minima of isoFLOP curves with their 95 % intervals, the blue line their power law."
        )
    if not traces:
        return None
    figure = canvas(traces, x_title=f"training FLOPs ({found.basis.account})", y_title="best " + _size_title(found))
    mark_flops(figure, min(budgets), max(budgets))
    figure.update_yaxes(type="log", exponentformat="SI")
    return Drawn("fit-splits", "How large the best model is", " ".join(words), figure)


def draw_residuals(found: FitDocument) -> Drawn | None:
    """How far each setting lies from the law, and how far the held-out ones from the law of the others."""
    fit = found.parametric
    if not isinstance(fit, ParametricFit):
        return None
    errors = [100 * (point.nll / fit.law.nll(point.n_params, point.n_tokens) - 1) for point in found.points]
    traces = [_errors(found.points, errors, "fitted", GREY, "circle")]
    if isinstance(found.held_out, HeldOut):
        told = found.held_out.settings
        off = [100 * (each.measured / each.predicted - 1) for each in told]
        traces.append(_errors(told, off, "held out, and foretold by the others", VERMILLION, "diamond"))
    figure = canvas(traces, x_title=f"training FLOPs ({found.basis.account})", y_title="measured over law, less 1 (%)")
    spent = [point.train_flops for point in found.points]
    mark_flops(figure, min(spent), max(spent))
    figure.add_hline(y=0, line={"color": BLACK, "width": 1})
    words = (
        f"Settings lie {fit.mean_error:.2%} from the law on average. A trend in these points is one that the law lacks."
    )
    return Drawn("fit-residuals", "How far runs lie from the law", words, figure)


def _budgets(found: FitDocument) -> list[float]:
    """FLOPs from the least that was spent to the most that was spent or asked about."""
    ends = found.basis.least_flops, max(found.basis.most_flops, *(split.train_flops for split in found.best_splits), 0)
    return [float(flops) for flops in np.geomspace(*ends, _STEPS)]


def _cost(found: FitDocument) -> CostLaw:
    return CostLaw(found.basis.cost_factor, found.basis.cost_exponent)


def _size_title(found: FitDocument) -> str:
    match found.basis.sizes:
        case "all":
            return "parameters (embeddings included)"
        case "non-embedding":
            return "parameters (embeddings excluded)"
        case None:
            return "parameters"


def _points(
    points: Sequence[RunPoint], name: str, color: str, x_of: Callable[[RunPoint], float], symbol: str = "circle"
) -> go.Scatter:
    return go.Scatter(
        x=[x_of(point) for point in points],
        y=[point.nll for point in points],
        text=[plain(point.label) for point in points],
        hovertemplate="%{text}<br>%{y:.4f} nats<extra></extra>",
        mode="markers",
        marker={"color": color, "symbol": symbol, "size": 8},
        name=name,
        legendgroup=name,
    )


def _line(x: Sequence[float], y: Sequence[float], name: str, color: str, dash: str = "solid") -> go.Scatter:
    return go.Scatter(x=list(x), y=list(y), mode="lines", line={"color": color, "width": 2, "dash": dash}, name=name)


def _banded(fit: ParametricFit, cost: CostLaw, budgets: Sequence[float], what: str, name: str) -> list[go.Scatter]:
    """A line of the law over budgets, in the band of its resamples."""

    def at(law: Law, budget: float) -> float | None:
        best = best_allocation(law, cost, budget)
        return None if best is None else getattr(best, what)

    ends = [interval([value for law in fit.laws if (value := at(law, budget)) is not None]) for budget in budgets]
    band = go.Scatter(
        x=[*budgets, *reversed(budgets)],
        y=[*(low for low, _ in ends), *(high for _, high in reversed(ends))],
        fill="toself",
        fillcolor="rgba(230, 159, 0, 0.2)",
        line={"width": 0},
        hoverinfo="skip",
        showlegend=False,
    )
    line = [value for budget in budgets if (value := at(fit.law, budget)) is not None]
    return [band, _line(budgets, line, name, ORANGE)]


def _curve(found: FitDocument, each: IsoFlopMinimum, number: int) -> list[go.Scatter]:
    color, symbol = CYCLE[number % len(CYCLE)], SYMBOLS[(number + number // len(CYCLE)) % len(SYMBOLS)]
    points = [point for point in found.points if point.budget_flops == each.budget_flops]
    sizes = np.geomspace(
        min(point.n_params for point in points), max(point.n_params for point in points), _STEPS
    ).tolist()
    heights = [each.nll + each.curvature * np.log(size / each.n_params.value) ** 2 for size in sizes]
    name = format_flops(each.budget_flops)
    line = _line(sizes, heights, name, color).update(showlegend=False, legendgroup=name, hoverinfo="skip")
    star = go.Scatter(
        x=[each.n_params.value],
        y=[each.nll],
        hovertemplate="minimum: %{x:.3s} parameters, %{y:.4f} nats<extra></extra>",
        mode="markers",
        marker={"color": color, "symbol": "star", "size": 15, "line": {"color": BLACK, "width": 1}},
        showlegend=False,
        legendgroup=name,
    )
    return [_points(points, name, color, lambda point: point.n_params, symbol), line, star]


def _minima(fit: IsoFlopFit, budgets: Sequence[float]) -> list[go.Scatter]:
    best = [each.n_params for each in fit.minima]
    bars = {
        "type": "data",
        "symmetric": False,
        "array": [each.interval[1] - each.value for each in best],
        "arrayminus": [each.value - each.interval[0] for each in best],
        "thickness": 1,
    }
    points = go.Scatter(
        x=[each.budget_flops for each in fit.minima],
        y=[each.value for each in best],
        error_y=bars,
        hovertemplate="%{y:.3s} parameters<extra></extra>",
        mode="markers",
        marker={"color": BLUE, "symbol": "star", "size": 12},
        name="minima of isoFLOP curves",
    )
    if fit.a is None or fit.size_factor is None:
        return [points]
    line = [fit.size_factor * budget**fit.a.value for budget in budgets]
    return [points, _line(budgets, line, "their power law", BLUE, "dot")]


def _errors(points: Sequence[Any], errors: Sequence[float], name: str, color: str, symbol: str) -> go.Scatter:
    return go.Scatter(
        x=[point.train_flops for point in points],
        y=list(errors),
        text=[plain(point.label) for point in points],
        hovertemplate="%{text}<br>%{y:+.2f} %<extra></extra>",
        mode="markers",
        marker={"color": color, "symbol": symbol, "size": 8},
        name=name,
    )


def _mark_counts(figure: go.Figure, counts: Sequence[float]) -> None:
    """Make x a log axis of counts, with ticks such as `2 M`."""
    low, high = np.log10(min(counts)) - 0.05, np.log10(max(counts)) + 0.05
    ticks = log_ticks(low, high, prefixes=True)
    figure.update_xaxes(
        type="log", range=[low, high], **mark(Ticks(tuple(10**place for place in ticks.at), ticks.text))
    )
