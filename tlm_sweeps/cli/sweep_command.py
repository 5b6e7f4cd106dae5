"""`sweep`: run a sweep, or go on with it, and show what came of it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tlm_sweeps.cli.following import follow
from tlm_sweeps.cli.options import DataDir, Device, Json, RunsDir, Sets, Spec, Stack, Workers

if TYPE_CHECKING:
    from tlm_sweeps.search.progress import SweepProgress


def sweep(
    context: typer.Context,
    spec: Spec,
    sets: Sets = None,
    workers: Workers = "auto",
    runs_dir: RunsDir = None,
    data_dir: DataDir = None,
    device: Device = "auto",
    stack: Stack = None,
    *,
    no_report: Annotated[bool, typer.Option("--no-report", help="Write no HTML report at the end.")] = False,
    json: Json = False,
) -> None:
    """Run a sweep, or go on with it.

    The same command resumes. Ctrl-C pauses: runs in flight are checkpointed. --json prints events, one a line.
    """
    from tlm_sweeps import api
    from tlm_sweeps.spec.loading import load_sweep

    loaded = load_sweep(spec, sets or ())
    last = follow(
        loaded.spec,
        loaded,
        argv=context.obj,
        workers=workers,
        device=device,
        stack=stack,
        runs_dir=runs_dir,
        data_dir=data_dir,
        json=json,
    )
    if not json:
        _show_leaderboard(last, runs_dir)
    any_complete = bool(last.states.get("complete"))
    report = api.write_report(last.sweep, runs_dir) if any_complete and not no_report else None
    _show_end(last, report, runs_dir, json=json)
    if not any_complete:
        raise typer.Exit(1)


def _show_leaderboard(last: SweepProgress, runs_dir: Path | None) -> None:
    from tlm_sweeps import api
    from tlm_sweeps.console.lines import ending_of
    from tlm_sweeps.console.streams import out, say, show
    from tlm_sweeps.console.sweep_views import leaderboard_view

    say(ending_of(last))
    show(leaderboard_view(api.results(last.sweep, runs_dir), out()))


def _show_end(last: SweepProgress, report: Path | None, runs_dir: Path | None, *, json: bool) -> None:
    from tlm_sweeps import api
    from tlm_sweeps.console.following import picture, write_event
    from tlm_sweeps.console.streams import say, show
    from tlm_sweeps.report.table import leaderboard_rows

    if json:
        rows = leaderboard_rows(api.results(last.sweep, runs_dir))
        write_event("finished", picture(last) | {"leaderboard": rows, "report": report and str(report)})
    elif report is not None:
        show(f"report: {report}")
    elif not last.states.get("complete"):
        say(f"no run is complete; `tlm-sweeps status {last.sweep}` shows why")
