"""`status` and `list`: how sweeps stand, read from their ledgers without getting in anybody's way."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tlm_sweeps.cli.options import Json, RunsDir
from tlm_sweeps.errors import InputError, RunError

if TYPE_CHECKING:
    from tlm_sweeps.search.standing import SweepStatus

_WATCH_SECONDS = 1.0


def status(
    name: Annotated[
        str | None, typer.Argument(metavar="NAME", help="The sweep's name. Default: the one last written to.")
    ] = None,
    runs_dir: RunsDir = None,
    *,
    watch: Annotated[bool, typer.Option("--watch", help="Look again every second until the sweep stops.")] = False,
    json: Json = False,
) -> None:
    """Show how a sweep stands.

    States, budget spent, the best so far, failures. It reads only, and works while the sweep runs.
    """
    from tlm_sweeps import api
    from tlm_sweeps.console.streams import out, show, write_json
    from tlm_sweeps.console.sweep_views import status_view

    sweep = name if name is not None else _latest(runs_dir)
    if watch and not json:
        _watch(sweep, runs_dir)
    found = api.status(sweep, runs_dir)
    if json:
        write_json(status_facts(found))
    else:
        show(status_view(found, out()))


def list_(runs_dir: RunsDir = None, *, json: Json = False) -> None:
    """List the sweeps of a folder."""
    from tlm_sweeps import api
    from tlm_sweeps.console.failures import print_error
    from tlm_sweeps.console.streams import out, say, show, write_json
    from tlm_sweeps.console.sweep_views import list_view
    from tlm_sweeps.runs.folders import runs_folder, sweep_names

    runs = runs_folder(runs_dir)
    found: list[SweepStatus] = []
    unread: list[RunError] = []
    for name in sweep_names(runs):
        try:
            found.append(api.status(name, runs))
        except RunError as error:  # one ledger that cannot be read does not hide the others
            unread.append(error)
    if json:
        write_json([status_facts(each) for each in found])
    elif found:
        show(list_view(found, out()))
    elif not unread:
        say(f"no sweeps in {runs}; start one with `tlm-sweeps sweep SPEC`")
    for error in unread:
        print_error(error)
    if unread:
        raise typer.Exit(1)


def status_facts(status: SweepStatus) -> dict[str, Any]:
    """How a sweep stands, for programs."""
    from tlm_sweeps.console.following import picture
    from tlm_sweeps.console.sweep_views import standing_of

    facts = picture(status.progress)
    del facts["remaining_seconds"]
    return facts | {
        "question": status.spec.question,
        "created_at": status.created_at,
        "standing": standing_of(status),
        "writer": status.writer and vars(status.writer),
        "running": [vars(run) for run in status.progress.running],
        "failures": [
            {"run_id": record.run_id, "settings": record.settings, "reason": record.reason}
            for record in status.records
            if record.state == "failed"
        ],
    }


def _watch(name: str, runs_dir: Path | None) -> None:
    from rich.live import Live

    from tlm_sweeps import api
    from tlm_sweeps.console.streams import err
    from tlm_sweeps.console.sweep_views import status_view

    found = api.status(name, runs_dir)
    console = err()
    with Live(console=console, auto_refresh=False, transient=True) as live:
        while found.writer is not None:
            live.update(status_view(found, console), refresh=True)
            time.sleep(_WATCH_SECONDS)
            found = api.status(name, runs_dir)


def _latest(runs_dir: Path | None) -> str:
    """The sweep that was last written to."""
    from tlm_sweeps.runs.folders import runs_folder, sweep_names
    from tlm_sweeps.runs.ledger import FILE

    runs = runs_folder(runs_dir)
    names = sweep_names(runs)
    if not names:
        raise InputError(f"no sweeps in {runs}", hint="start one with `tlm-sweeps sweep SPEC`, or name its --runs-dir")
    return max(names, key=lambda name: max(path.stat().st_mtime for path in (runs / name).glob(f"{FILE}*")))
