"""A calibration under way, and a word about the one that a plan's times rest on."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import closing
from datetime import datetime

from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from tlm_sweeps.compute.calibration import Calibration
from tlm_sweeps.compute.forecast import Forecast
from tlm_sweeps.console.streams import err, say
from tlm_sweeps.console.wording import counted
from tlm_sweeps.training.calibration import Found

_MUCH = 0.1
"""Share of the cores at other work that is worth a word."""


def calibrating(shares: Generator[float, None, Calibration], precision: str) -> Calibration:
    """Wait for a calibration with a gauge on the terminal, or in silence after one line where there is none."""
    console, what = err(), f"timing this machine in {precision}"
    columns = (TextColumn("{task.description}"), BarColumn(), TimeRemainingColumn())
    if not console.is_terminal:
        say(f"{what}…")
    with closing(shares), Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as view:
        task = view.add_task(what, total=1.0)
        while True:
            try:
                view.update(task, completed=next(shares))
            except StopIteration as end:
                return end.value


def calibration_lines(found: Found, forecast: Forecast | None, now: datetime) -> list[str]:
    """What the times of a plan rest on.

    Args:
        found: what is kept of this machine's calibration.
        forecast: of the sweep; says how many workers it has.
        now: a time in UTC.
    """
    if not found.calibrations:
        why = f" ({found.note})" if found.note else ""
        return [f"not calibrated{why}: times are those of a typical core; --calibrate times this machine"]
    oldest = min(found.calibrations, key=lambda each: each.made_at)
    at_once = counted(oldest.workers, "worker")
    other = f", not for {forecast.workers}" if forecast and forecast.workers != oldest.workers else ""
    but = f"; {found.note}" if found.note else ""
    lines = [f"calibrated {age_of(oldest, now)} on this machine, for {at_once}{other}{but}"]
    busy = max(each.others_share for each in found.calibrations)
    if busy > _MUCH:
        lines.append(f"other programs had {busy:.0%} of the cores meanwhile: times are as if they had none")
    return lines


def age_of(calibration: Calibration, now: datetime) -> str:
    """How long ago it was made."""
    hours = (now - datetime.fromisoformat(calibration.made_at)).total_seconds() / 3600
    if hours < 1:
        return "within the hour"
    return f"{counted(int(hours), 'hour')} ago" if hours < 48 else f"{counted(int(hours / 24), 'day')} ago"
