"""The picture of claim B3: what pre-training brings on each task against the overlap of the tokens.

`docs/overlap-gain.png` is a photograph of what `python -m tlm_sweeps.studies.overlap_gain RECORDS overlap-gain.html`
writes (CONTRIBUTING.md has the whole command).
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tlm_sweeps.report.certainty import Estimate
from tlm_sweeps.report.sources import SweepResults
from tlm_sweeps.studies.admitting import admit
from tlm_sweeps.studies.kept import read_kept
from tlm_sweeps.studies.tiny_arms import SIZES, TASKS, deep, deep_random
from tlm_sweeps.studies.tiny_claims import OVERLAPS, OverlapMeasure, gain
from tlm_sweeps.studies.tiny_evidence import accuracies
from tlm_sweeps.studies.tiny_specs import IDENTITIES

if TYPE_CHECKING:
    import plotly.graph_objects as go

    from tlm_sweeps.report.figures.theme import Drawn

_HEIGHT, _WIDTH = 520, 900
"""CSS pixels of the picture."""
_SMALLEST = 7
"""CSS pixels of the mark of the fewest passages."""


@dataclass(frozen=True)
class GainPoint:
    """A task after so much text."""

    task: str
    passages: int
    overlap: float
    gain: Estimate
    """Accuracy less that of the twin from random weights, over seeds; a share."""


def gain_points(sweeps: Mapping[str, SweepResults], measure: OverlapMeasure) -> tuple[GainPoint, ...]:
    """What the picture shows, task by task; what is not measured is left out.

    Raises:
        InputError: when two runs of one seed answer to an arm.
    """
    found = []
    for task in TASKS:
        for size in SIZES:
            overlap = accuracies(deep(task, size), sweeps).overlap(measure)
            brought = gain(task, deep(task, size), deep_random(task), sweeps).estimate
            if overlap is not None and brought is not None:
                found.append(GainPoint(task.name, size, overlap, brought))
    return tuple(found)


def gain_figure(sweeps: Mapping[str, SweepResults], measure: OverlapMeasure) -> go.Figure:
    """Gain of the deep encoder in points with 95 % intervals against the overlap, a line a task.

    Raises:
        InputError: when two runs of one seed answer to an arm.
        ValueError: when no gain is measured.
    """
    from tlm_sweeps.report.figures.theme import canvas, group_styles

    points = gain_points(sweeps, measure)
    if not points:
        raise ValueError("no gain is measured: run `tlm-sweeps reproduce tiny-language-models --table B3`")
    tasks = list(dict.fromkeys(point.task for point in points))
    styles = group_styles(tasks)
    traces = [_trace([each for each in points if each.task == task], styles[task].color) for task in tasks]
    x_title = f"overlap of the task's tokens with the pre-training passages ({OVERLAPS[measure]}, scaled)"
    figure = canvas(traces, x_title=x_title, y_title="gain of pre-training (points of test accuracy)", height=_HEIGHT)
    figure.update_layout(width=_WIDTH)
    return figure


def draw_overlap_gain(sweeps: Mapping[str, SweepResults]) -> list[Drawn]:
    """The pictures for a page, one for each measure of overlap; none where no gain is measured.

    Raises:
        InputError: when two runs of one seed answer to an arm.
    """
    from tlm_sweeps.report.figures.theme import Drawn

    drawn = []
    for measure, words in OVERLAPS.items():
        if points := gain_points(sweeps, measure):
            largest = max(points, key=lambda point: point.gain.mean)
            title = f"What pre-training brings against the overlap of tokens, {words} (scaled)"
            said = (
                f"A line a task, and the larger a mark, the more passages. The largest mean gain is "
                f"{100 * largest.gain.mean:.1f} points: {largest.task} after {largest.passages:,} passages."
            )
            drawn.append(Drawn(measure.replace("_", "-"), title, said, gain_figure(sweeps, measure)))
    return drawn


def write_overlap_gain(sweeps: Mapping[str, SweepResults], path: Path) -> Path:
    """Write the picture of the frequency-weighted overlap as one HTML file that opens from disk, to be photographed.

    Raises:
        InputError: when two runs of one seed answer to an arm.
        ValueError: when no gain is measured.
    """
    figure = gain_figure(sweeps, "common_mass")
    figure.write_html(path, include_plotlyjs=True, config={"displayModeBar": False})
    return path


def _trace(points: list[GainPoint], color: str) -> go.Scatter:
    import plotly.graph_objects as go

    widths = [100 * (point.gain.half_width or 0.0) for point in points]
    return go.Scatter(
        x=[point.overlap for point in points],
        y=[100 * point.gain.mean for point in points],
        error_y={"type": "data", "array": widths, "color": color},
        text=[f"{point.passages:,} passages" for point in points],
        mode="lines+markers",
        line={"color": color, "width": 2.5},
        marker={"size": [_SMALLEST + 4 * SIZES.index(point.passages) for point in points]},
        name=points[0].task,
    )


if __name__ == "__main__":
    write_overlap_gain(admit(IDENTITIES, read_kept(Path(sys.argv[1]))), Path(sys.argv[2]))
