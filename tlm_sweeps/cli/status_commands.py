"""`status` and `list`: how sweeps stand, read from their ledgers without getting in anybody's way."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tlm_sweeps.cli.options import Json, RunsDir
from tlm_sweeps.cli.slurm_status import job_now, show_unbegun
from tlm_sweeps.errors import InputError, TlmError
from tlm_sweeps.tracking.wandb_paths import is_sweep_path

if TYPE_CHECKING:
    from tlm_sweeps.search.standing import SweepStatus
    from tlm_sweeps.search.wandb.launched import LaunchedSweep

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

    States, budget spent, the best so far, failures. It reads only, and works while the sweep runs. Of a W&B sweep
    that was launched here: where it is. Of one that was submitted to Slurm: its job.
    """
    from tlm_sweeps import api
    from tlm_sweeps.console.streams import out, show, write_json
    from tlm_sweeps.console.sweep_views import status_view

    sweep = name if name is not None else _latest(runs_dir)
    if not is_sweep_path(sweep) and (at_wandb := api.launched(sweep, runs_dir)) is not None:
        _show_launched(at_wandb, sweep, watch=watch, json=json)
        return
    job = None if is_sweep_path(sweep) else job_now(sweep, runs_dir)
    if job is not None and not job.has_begun:
        show_unbegun(sweep, job, json=json)
        return
    if watch and not json:
        _watch(sweep, runs_dir)
    found = api.status(sweep, runs_dir)
    if json:
        write_json(status_facts(found) | ({} if job is None else {"job": job.facts()}))
    else:
        show(status_view(found, out()))
        if job is not None:
            job.show(is_unfinished=found.is_unfinished)


def list_(runs_dir: RunsDir = None, *, json: Json = False) -> None:
    """List the sweeps of a folder, those launched at W&B included."""
    from tlm_sweeps.console.failures import print_error
    from tlm_sweeps.console.streams import out, say, show, write_json
    from tlm_sweeps.console.sweep_views import list_view
    from tlm_sweeps.runs.folders import runs_folder

    runs = runs_folder(runs_dir)
    found, at_wandb, unread = _sweeps_in(runs)
    if json:
        write_json([status_facts(each) for each in found] + [launched_facts(each) for each in at_wandb])
    elif found or at_wandb:
        show(list_view(found, at_wandb, out()))
    elif not unread:
        say(f"no sweeps in {runs}; start one with `tlm-sweeps sweep SPEC`")
    for error in unread:
        print_error(error)
    if unread:
        raise typer.Exit(1)


def _sweeps_in(runs: Path) -> tuple[list[SweepStatus], list[LaunchedSweep], list[TlmError]]:
    """Sweeps that were searched here, those that were launched, and what cannot be read, which hides no other."""
    from tlm_sweeps import api
    from tlm_sweeps.runs.folders import sweep_names
    from tlm_sweeps.search.wandb.launched_here import launched_names

    found: list[SweepStatus] = []
    at_wandb: list[LaunchedSweep] = []
    unread: list[TlmError] = []
    for name in (*sweep_names(runs), *launched_names(runs)):
        try:
            if (sweep := api.launched(name, runs)) is not None:
                at_wandb.append(sweep)
            else:
                found.append(api.status(name, runs))
        except TlmError as error:
            unread.append(error)
    return found, at_wandb, unread


def status_facts(status: SweepStatus) -> dict[str, Any]:
    """How a sweep stands, for programs."""
    from tlm_sweeps.console.following import picture
    from tlm_sweeps.console.sweep_views import standing_of
    from tlm_sweeps.report.pretraining import pretraining_of

    facts, behind = picture(status.progress), pretraining_of(status.records)
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
        "deaths": [vars(death) for death in status.deaths],
        "pretraining": behind and behind.document(),
    }


def launched_facts(sweep: LaunchedSweep) -> dict[str, Any]:
    """A W&B sweep that was launched here, for programs."""
    return {
        "sweep": sweep.spec.name,
        "question": sweep.spec.question,
        "created_at": sweep.created_at,
        "standing": "launched at W&B",
        "path": sweep.path,
        "page": sweep.url,
    }


def _show_launched(sweep: LaunchedSweep, name: str, *, watch: bool, json: bool) -> None:
    from tlm_sweeps.console.streams import show, write_json
    from tlm_sweeps.console.sweep_views import launched_view

    if json:
        write_json(launched_facts(sweep))
    elif watch:
        message = f"`{name}` is a W&B sweep, and this looks at what this machine knows only"
        raise InputError(message, place="--watch", hint=f"its page shows it as it goes: {sweep.url}")
    else:
        show(launched_view(sweep))


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
    """The sweep that was last written to, or launched."""
    from tlm_sweeps.launching.job_record import JOB_FILE, job_names
    from tlm_sweeps.runs.folders import runs_folder, sweep_names
    from tlm_sweeps.runs.ledger import FILE
    from tlm_sweeps.search.wandb import launched
    from tlm_sweeps.search.wandb.launched_here import launched_names

    runs = runs_folder(runs_dir)
    files = dict.fromkeys(job_names(runs), JOB_FILE) | dict.fromkeys(sweep_names(runs), f"{FILE}*")
    files |= dict.fromkeys(launched_names(runs), launched.FILE)
    if not files:
        raise InputError(f"no sweeps in {runs}", hint="start one with `tlm-sweeps sweep SPEC`, or name its --runs-dir")
    return max(files, key=lambda name: max(path.stat().st_mtime for path in (runs / name).glob(files[name])))
