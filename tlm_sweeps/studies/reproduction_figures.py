"""Published against ours as figures: differences with their intervals, and curves with a band. It computes nothing."""

from __future__ import annotations

from collections.abc import Sequence

import plotly.graph_objects as go

from tlm_sweeps.report.figures.theme import (
    BLACK,
    BLUE,
    CYCLE,
    NLL_TITLE,
    SYMBOLS,
    VERMILLION,
    Drawn,
    canvas,
    plain,
)
from tlm_sweeps.report.naming import format_nll
from tlm_sweeps.studies.published import Table
from tlm_sweeps.studies.reproduction import CellResult, prediction_interval

_ROW_HEIGHT = 46
_FRAME_HEIGHT = 150
_CURVES_HEIGHT = 400


def draw_differences(table: Table, results: Sequence[CellResult]) -> Drawn | None:
    """Ours less published, row by row, with both intervals and every seed; None where nothing was run."""
    judged = [result for result in results if result.prediction]
    if not judged:
        return None
    rows = [plain(result.cell.label) for result in judged]
    predictions = [_less(result, result.prediction) for result in judged]
    means = [_less(result, result.ours.interval if result.ours else None) for result in judged]
    traces = [
        _bars(rows, predictions, "one more seed, 95 %", {"color": BLUE, "width": 2}, 0.45),
        _bars(rows, means, "mean, 95 %", {"color": BLUE, "width": 8}, 0.8),
        _seeds(judged),
        _centres(judged),
    ]
    height = _FRAME_HEIGHT + _ROW_HEIGHT * len(rows)
    figure = canvas(traces, x_title="test NLL, ours less published (nats per target)", y_title="", height=height)
    figure.add_vline(x=0, line={"color": VERMILLION, "width": 2})
    figure.update_xaxes(range=_room([each for ends in predictions for each in ends]))
    figure.update_yaxes(autorange="reversed")
    description = " ".join(_sentence(result) for result in judged)
    return Drawn(
        f"differences-{table.key}",
        "Test NLL, ours less published",
        f"The vertical line is the published value. {description}",
        figure,
    )


def draw_curves(table: Table, results: Sequence[CellResult]) -> Drawn | None:
    """Validation NLL after each epoch, published and ours; None where there are not both."""
    found = [each for each in results if len(each.epochs) > 1 and each.cell.published.val_nlls]
    if not found:
        return None
    traces = []
    for index, result in enumerate(found):
        traces += _curve(result, CYCLE[index % len(CYCLE)], SYMBOLS[index % len(SYMBOLS)])
    traces.append(go.Scatter(x=[None], y=[None], mode="lines", line={"color": BLACK, "dash": "dash"}, name="published"))
    figure = canvas(traces, x_title="epochs", y_title=NLL_TITLE, height=_CURVES_HEIGHT)
    figure.update_xaxes(dtick=1)
    description = (
        "Lines are means over our seeds, with the band in which one more seed would lie (95 %); dashes with open marks "
        f"are published. {' '.join(_farthest(result) for result in found)}"
    )
    return Drawn(f"curves-{table.key}", "Validation NLL after each epoch", description, figure)


def _room(values: Sequence[float]) -> list[float]:
    """From the lowest value or 0 to the highest or 0, with a little space."""
    low, high = min(0.0, *values), max(0.0, *values)
    pad = 0.05 * (high - low) or 0.01
    return [low - pad, high + pad]


def _less(result: CellResult, ends: tuple[float, float] | None) -> tuple[float, float]:
    published = result.cell.published.test_nll
    assert ends, "both intervals are there where there is a verdict"
    return ends[0] - published, ends[1] - published


def _bars(
    rows: Sequence[str], ends: Sequence[tuple[float, float]], name: str, line: dict[str, object], opacity: float
) -> go.Scatter:
    xs = [each for low, high in ends for each in (low, high, None)]
    ys = [each for row in rows for each in (row, row, None)]
    return go.Scatter(x=xs, y=ys, mode="lines", line=line, opacity=opacity, name=name, hoverinfo="skip")


def _seeds(results: Sequence[CellResult]) -> go.Scatter:
    dots = [(result, seed, nll) for result in results for seed, nll in result.test_nlls.items()]
    return go.Scatter(
        x=[nll - result.cell.published.test_nll for result, _, nll in dots],
        y=[plain(result.cell.label) for result, _, _ in dots],
        text=[f"seed {seed}: {format_nll(nll)} nats" for _, seed, nll in dots],
        hovertemplate="%{text}<extra></extra>",
        mode="markers",
        marker={"color": BLACK, "symbol": "line-ns-open", "size": 9, "line": {"width": 1}},
        name="each seed",
    )


def _centres(results: Sequence[CellResult]) -> go.Scatter:
    colors = [BLUE if result.verdict == "reproduced" else VERMILLION for result in results]
    return go.Scatter(
        x=[result.difference for result in results],
        y=[plain(result.cell.label) for result in results],
        text=[f"{format_nll(result.ours.mean) if result.ours else ''} nats, {result.verdict}" for result in results],
        hovertemplate="mean %{text}<extra></extra>",
        mode="markers",
        marker={"color": colors, "size": 11, "line": {"color": "#ffffff", "width": 1.5}},
        name="our mean",
    )


def _curve(result: CellResult, color: str, symbol: str) -> list[go.Scatter]:
    """Ours with its band, and the published curve in the same colour."""
    label, at = plain(result.cell.label), [each.epoch for each in result.epochs]
    bands = [prediction_interval(each.ours) or (each.ours.mean, each.ours.mean) for each in result.epochs]
    theirs = result.cell.published.val_nlls
    band = go.Scatter(
        x=[*at, *at[::-1]],
        y=[*(high for _, high in bands), *(low for low, _ in bands[::-1])],
        fill="toself",
        fillcolor=color,
        opacity=0.18,
        line={"width": 0},
        mode="lines",
        hoverinfo="skip",
        showlegend=False,
        legendgroup=label,
    )
    ours = go.Scatter(
        x=at,
        y=[each.ours.mean for each in result.epochs],
        mode="lines",
        line={"color": color, "width": 2.5},
        name=label,
        legendgroup=label,
        hovertemplate="epoch %{x}: %{y:.4f} nats, ours<extra></extra>",
    )
    published = go.Scatter(
        x=list(range(1, len(theirs) + 1)),
        y=list(theirs),
        mode="lines+markers",
        line={"color": color, "width": 1.5, "dash": "dash"},
        marker={"symbol": f"{symbol}-open", "size": 8},
        showlegend=False,
        legendgroup=label,
        hovertemplate="epoch %{x}: %{y:.4f} nats, published<extra></extra>",
    )
    return [band, ours, published]


def _sentence(result: CellResult) -> str:
    return f"{result.cell.label}: {result.difference:+.4f}, {result.verdict}."


def _farthest(result: CellResult) -> str:
    compared = [(abs(each.difference), each) for each in result.epochs if each.difference is not None]
    _, most = max(compared, key=lambda pair: pair[0])
    return f"{result.cell.label}: farthest apart after epoch {most.epoch}, {most.difference:+.3f} nats."
