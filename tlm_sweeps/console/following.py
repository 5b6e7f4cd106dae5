"""Ways to follow a sweep: a live panel, plain lines, or events for programs. Each takes one picture after another."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from rich.live import Live

from tlm_sweeps.console.lines import beginning_of, line_of
from tlm_sweeps.console.live import sweep_panel
from tlm_sweeps.console.streams import err, plain, say, write_json
from tlm_sweeps.runs.record import Record
from tlm_sweeps.search.progress import SweepProgress

Show = Callable[[SweepProgress], None]


@contextmanager
def live_view(*, resumes: bool) -> Iterator[Show]:
    """One panel on the terminal of stderr, redrawn with every picture and gone at the end."""
    failures: list[Record] = []
    console = err()
    view = Live(console=console, auto_refresh=False, transient=True, redirect_stdout=False, redirect_stderr=False)
    with view as live:
        begun = False

        def show(progress: SweepProgress) -> None:
            nonlocal begun
            if resumes and not begun:
                console.print(beginning_of(progress, resumes=True))
            begun = True
            for each in progress.complaints:
                console.print(plain(each))
            failures.extend(record for record in progress.news if record.state == "failed")
            panel = sweep_panel(progress, tuple(failures))
            panel.width = console.width - len("^C")  # what the terminal echoes must not break the panel's last line
            live.update(panel, refresh=True)

        yield show


@contextmanager
def plain_view(*, resumes: bool) -> Iterator[Show]:
    """A line on stderr for every run that ended."""
    begun = False

    def show(progress: SweepProgress) -> None:
        nonlocal begun
        if not begun:
            say(beginning_of(progress, resumes=resumes))
        begun = True
        for each in progress.complaints:
            say(each)
        for record in progress.news:
            say(line_of(record, progress))

    yield show


@contextmanager
def event_view(*, resumes: bool) -> Iterator[Show]:
    """JSON objects on stdout, one a line: `started`, then a `run` for every run that ended."""
    begun = False

    def show(progress: SweepProgress) -> None:
        nonlocal begun
        if not begun:
            write_event("started", {"resumes": resumes} | picture(progress))
        begun = True
        for each in progress.complaints:
            write_event("complaint", {"sweep": progress.sweep, "complaint": each})
        for record in progress.news:
            write_event("run", {"record": record.model_dump(mode="json")} | picture(progress))

    yield show


def write_event(event: str, facts: dict[str, Any]) -> None:
    """One event on a line of its own."""
    write_json({"event": event} | facts, indent=None)


def picture(progress: SweepProgress) -> dict[str, Any]:
    """Where a sweep stands, for programs."""
    best = progress.best
    return {
        "sweep": progress.sweep,
        "trials_over": progress.trials_over,
        "trials_wanted": progress.trials_wanted,
        "states": dict(progress.states),
        "spent_flops": progress.spent_flops,
        "total_flops": progress.total_flops,
        "remaining_seconds": progress.remaining_seconds,
        "unbegun": progress.unbegun and vars(progress.unbegun),
        "best": best
        and {
            "run_id": best.run_id,
            "trial": best.trial,
            "seed": best.seed,
            "baseline": best.baseline,
            "settings": best.settings,
            "val_nll": best.val_nll,
        },
    }
