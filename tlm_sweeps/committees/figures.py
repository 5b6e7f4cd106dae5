"""A committee drawn: accuracy against its size, and against the pre-training FLOPs behind it."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import fmean

import plotly.graph_objects as go

from tlm_sweeps.committees.combining import RULES, Rule
from tlm_sweeps.committees.document import CommitteeDocument, CurvePoint, Group
from tlm_sweeps.committees.wording import percent
from tlm_sweeps.report.figures.theme import (
    BLACK,
    CYCLE,
    GREY,
    SYMBOLS,
    VERMILLION,
    Drawn,
    canvas,
    mark_flops,
    plain,
)
from tlm_sweeps.units import format_flops

_ACCURACY = "test accuracy (%)"
_DASHES = ("dash", "dot", "dashdot")


def draw_all(found: CommitteeDocument) -> list[Drawn]:
    """The figures that there is something to see in."""
    drawn = [draw_sizes(found), draw_flops(found)]
    return [figure for figure in drawn if figure]


def draw_sizes(found: CommitteeDocument) -> Drawn | None:
    """Accuracy against size, a line a rule, the other groups as levels; None where there is one size only."""
    sizes = sorted({point.size for point in found.curve})
    if len(sizes) < 2:
        return None
    traces = [_by_size(_points(found, rule), rule) for rule in RULES]
    traces += [_level(group, sizes, number) for number, group in enumerate(found.against)]
    figure = canvas(traces, x_title="members of the committee", y_title=_ACCURACY, height=440)
    figure.update_xaxes(tickmode="array", tickvals=sizes)
    return Drawn("sizes", "Accuracy against committee size", _in_words(found, sizes), figure)


def draw_flops(found: CommitteeDocument) -> Drawn | None:
    """Accuracy against pre-training FLOPs; None where no pre-training is behind anybody."""
    known = [(_flops(point), point) for rule in RULES for point in _points(found, rule) if _flops(point) > 0]
    singles = [(_mean_flops(group), group) for group in found.against if _mean_flops(group) > 0]
    if not known:
        return None
    traces: list[go.Scatter] = [_by_flops(_points(found, rule), rule) for rule in RULES]
    traces += [_single(group, flops, number) for number, (flops, group) in enumerate(singles)]
    figure = canvas(traces, x_title="pre-training FLOPs behind it (matmul)", y_title=_ACCURACY, height=440)
    spent = [flops for flops, _ in (*known, *singles)]
    mark_flops(figure, min(spent), max(spent))
    words = " ".join(f"{group.name}: {_accuracy(group)} % for {format_flops(flops)}." for flops, group in singles)
    return Drawn(
        "flops",
        "Accuracy against pre-training FLOPs",
        f"Each point is the mean over committees of one size, each pre-training counted once. {words}".strip(),
        figure,
    )


def _points(found: CommitteeDocument, rule: Rule) -> list[CurvePoint]:
    return sorted((point for point in found.curve if point.rule == rule), key=lambda point: point.size)


def _by_size(points: Sequence[CurvePoint], rule: Rule) -> go.Scatter:
    return _line(points, [point.size for point in points], rule)


def _by_flops(points: Sequence[CurvePoint], rule: Rule) -> go.Scatter:
    return _line(points, [_flops(point) or None for point in points], rule)


def _line(points: Sequence[CurvePoint], x: Sequence[float | None], rule: Rule) -> go.Scatter:
    number = RULES.index(rule)
    return go.Scatter(
        x=list(x),
        y=[100 * point.test_accuracy for point in points],
        error_y={"type": "data", "array": [100 * (point.test_spread or 0) for point in points], "thickness": 1},
        text=[f"{point.size}, mean of {len(point.committees)} of {point.n_possible}" for point in points],
        hovertemplate="%{text}: %{y:.2f} %<extra></extra>",
        mode="lines+markers",
        line={"color": CYCLE[number], "width": 2},
        marker={"symbol": SYMBOLS[number], "size": 8},
        name=rule,
    )


def _level(group: Group, sizes: Sequence[int], number: int) -> go.Scatter:
    accuracy = 100 * fmean(run.test.accuracy for run in group.runs)
    return go.Scatter(
        x=[sizes[0], sizes[-1]],
        y=[accuracy, accuracy],
        hovertemplate="%{y:.2f} %<extra></extra>",
        mode="lines",
        line={"color": (BLACK, VERMILLION, GREY)[number % 3], "width": 2, "dash": _DASHES[number % 3]},
        name=_named(group),
    )


def _single(group: Group, flops: float, number: int) -> go.Scatter:
    return go.Scatter(
        x=[flops],
        y=[100 * fmean(run.test.accuracy for run in group.runs)],
        hovertemplate="%{y:.2f} %<extra></extra>",
        mode="markers",
        marker={"color": (BLACK, VERMILLION, GREY)[number % 3], "symbol": "star", "size": 13},
        name=_named(group),
    )


def _named(group: Group) -> str:
    return plain(group.name if len(group.runs) == 1 else f"{group.name}, mean of {len(group.runs)}")


def _accuracy(group: Group) -> str:
    return percent(fmean(run.test.accuracy for run in group.runs))


def _flops(point: CurvePoint) -> float:
    return point.pretraining_flops["matmul"]


def _mean_flops(group: Group) -> float:
    behind = [run.started_from.train_flops["matmul"] if run.started_from else 0 for run in group.runs]
    return fmean(behind)


def _in_words(found: CommitteeDocument, sizes: Sequence[int]) -> str:
    first, last = sizes[0], sizes[-1]
    told = []
    for rule in RULES:
        points = {point.size: point.test_accuracy for point in _points(found, rule)}
        told.append(f"By {rule} {percent(points[first])} % at {first} and {percent(points[last])} % at {last}.")
    told += [f"{_named(group)}: {_accuracy(group)} %." for group in found.against]
    return " ".join([*told, "Bars are the standard deviation over committees, which share members."])
