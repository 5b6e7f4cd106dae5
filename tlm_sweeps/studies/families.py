"""The picture of claim A1: test NLL against true training FLOPs, four families, one target a window and all.

`docs/families.png` is a photograph of what `python -m tlm_sweeps.studies.families RECORDS families.html` writes.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tlm_sweeps.report.certainty import Estimate
from tlm_sweeps.report.sources import SweepResults
from tlm_sweeps.studies.kept import read_kept
from tlm_sweeps.studies.sides import measure
from tlm_sweeps.studies.tradeoffs_claims import FAMILY_BUDGETS, Predict, family
from tlm_sweeps.units import format_flops

if TYPE_CHECKING:
    import plotly.graph_objects as go

    from tlm_sweeps.report.figures.theme import Drawn

_LINES: tuple[tuple[str, str, Predict], ...] = (
    ("linear", "linear", "last"),
    ("mlp", "MLP", "last"),
    ("attention", "attention, one target a window", "last"),
    ("attention", "attention, all positions", "all"),
    ("transformer", "transformer, one target a window", "last"),
    ("transformer", "transformer, all positions", "all"),
)
_HEIGHT, _WIDTH = 520, 900
"""CSS pixels of the picture."""


@dataclass(frozen=True)
class FamilyLine:
    """A family with one objective over the budgets at which it is measured."""

    kind: str
    label: str
    predict: Predict
    points: tuple[tuple[float, Estimate], ...]
    """Matmul FLOPs spent by a run, and test NLL over seeds, at the learning rate that validation chose."""


def family_lines(sweeps: Mapping[str, SweepResults]) -> tuple[FamilyLine, ...]:
    """What the picture shows; families without a measured budget are left out.

    Raises:
        InputError: when two runs of one seed answer to a side.
    """
    lines = []
    for kind, label, predict in _LINES:
        measured = [measure(family(kind, label, budget, predict), sweeps) for budget in FAMILY_BUDGETS]
        found = [(each.train_flops("matmul"), each.estimate) for each in measured]
        points = tuple((flops, nll) for flops, nll in found if flops is not None and nll is not None)
        if points:
            lines.append(FamilyLine(kind, label, predict, points))
    return tuple(lines)


def families_figure(sweeps: Mapping[str, SweepResults]) -> go.Figure:
    """Test NLL against matmul FLOPs with 95 % intervals; dashed where every position is a target.

    Raises:
        InputError: when two runs of one seed answer to a side.
        ValueError: when no family is measured.
    """
    from tlm_sweeps.report.figures.theme import canvas, group_styles, mark_flops

    lines = family_lines(sweeps)
    if not lines:
        raise ValueError("no family is measured: run sweeps/architecture-tradeoffs/equal-*.yaml")
    styles = group_styles([line.kind for line in lines])
    traces = [_trace(line, styles[line.kind].color, styles[line.kind].symbol) for line in lines]
    x_title = "training FLOPs: matrix products of forward and backward"
    figure = canvas(traces, x_title=x_title, y_title="test NLL (nats per character)", height=_HEIGHT)
    spent = [flops for line in lines for flops, _ in line.points]
    mark_flops(figure, 0.9 * min(spent), 1.1 * max(spent))
    at = {budget: format_flops(budget) for budget in FAMILY_BUDGETS}
    figure.update_xaxes(tickvals=list(at), ticktext=list(at.values()))
    figure.update_layout(width=_WIDTH, legend={"entrywidth": 260})
    return figure


def draw_families(sweeps: Mapping[str, SweepResults]) -> Drawn | None:
    """The picture for a page; None when no family is measured.

    Raises:
        InputError: when two runs of one seed answer to a side.
    """
    from tlm_sweeps.report.figures.theme import Drawn

    lines = family_lines(sweeps)
    if not lines:
        return None
    lowest = min(lines, key=lambda line: line.points[-1][1].mean)
    words = f"At the largest budget measured, the lowest mean is {lowest.points[-1][1].mean:.3f}: {lowest.label}."
    return Drawn("families", "Test NLL against true training FLOPs", words, families_figure(sweeps))


def write_families(sweeps: Mapping[str, SweepResults], path: Path) -> Path:
    """Write the picture as one HTML file that opens from disk, to be photographed.

    Raises:
        InputError: when two runs of one seed answer to a side.
        ValueError: when no family is measured.
    """
    figure = families_figure(sweeps)
    figure.write_html(path, include_plotlyjs=True, config={"displayModeBar": False})
    return path


def _trace(line: FamilyLine, color: str, symbol: str) -> go.Scatter:
    import plotly.graph_objects as go

    every = line.predict == "all"
    widths = [nll.half_width or 0.0 for _, nll in line.points]
    return go.Scatter(
        x=[flops for flops, _ in line.points],
        y=[nll.mean for _, nll in line.points],
        error_y={"type": "data", "array": widths, "thickness": 1.5, "width": 5, "color": color},
        mode="lines+markers",
        line={"color": color, "width": 2.5, "dash": "dash" if every else "solid"},
        marker={
            "color": "#ffffff" if every else color,
            "symbol": symbol,
            "size": 10,
            "line": {"color": color, "width": 2},
        },
        name=line.label,
    )


if __name__ == "__main__":
    write_families(read_kept(Path(sys.argv[1])), Path(sys.argv[2]))
