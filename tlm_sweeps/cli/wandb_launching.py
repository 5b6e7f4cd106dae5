"""`sweep` with W&B as the engine: launch, say who can work for it, and with `--agents` work for it here."""

from __future__ import annotations

import shlex
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from tlm_sweeps.cli.interrupting import INTERRUPTED, interrupts
from tlm_sweeps.cli.options import device_of
from tlm_sweeps.errors import RunError

if TYPE_CHECKING:
    from tlm_sweeps.cli.engine_options import EngineChoice
    from tlm_sweeps.cli.local_agents import Ended
    from tlm_sweeps.report.sources import SweepResults
    from tlm_sweeps.search.wandb.launching import Launch
    from tlm_sweeps.spec.loading import LoadedSweep
    from tlm_sweeps.spec.sweep import SweepSpec


def launch_sweep(
    spec: SweepSpec,
    loaded: LoadedSweep,
    *,
    argv: tuple[str, ...],
    choice: EngineChoice,
    device: str,
    runs_dir: Path | None,
    data_dir: Path | None,
    no_report: bool,
    json: bool,
) -> None:
    """Launch a sweep at W&B; with agents, see it to its end.

    Args:
        spec: what to launch: as loaded, or made from it.
        loaded: knows the lines of its fields.
        argv: the command, for going on after an interrupt.
        choice: where at W&B, and how many agents to start here.
        device: as given to `--device`, for the agents.
        runs_dir: as given to `--runs-dir`.
        data_dir: as given to `--data-dir`.
        no_report: whether the page at the end is left out.
        json: whether stdout gets events.

    Raises:
        typer.Exit: when it was interrupted; the runs in flight have been checkpointed.
    """
    from tlm_sweeps.cli.locating import located
    from tlm_sweeps.console.streams import say
    from tlm_sweeps.runs.folders import runs_folder
    from tlm_sweeps.search.devices import devices
    from tlm_sweeps.search.wandb.launching import launch

    runs = runs_folder(runs_dir)
    if choice.agents is not None:
        devices(device_of(device))  # what the agents could not have is refused before anything is launched
    if spec.tracking.wandb == "offline":
        say("`tracking.wandb: offline` is not for agents of a W&B sweep: they log online; `--offline` searches here")
    with located(loaded):
        launched = launch(spec, runs, entity=choice.entity, project=choice.project, data_dir=data_dir)
    folder = runs / spec.name
    _say_way(launched)
    _show_launched(launched, folder, json=json)
    if choice.agents is None:
        return
    words = ["agent", launched.sweep.path, "--runs-dir", str(runs), "--device", device]
    words += [] if data_dir is None else ["--data-dir", str(data_dir)]
    ended = _worked(launched, words, choice.agents, folder)
    _conclude(launched, ended, folder, argv, no_report=no_report, json=json)


def _worked(launched: Launch, words: list[str], count: int, folder: Path) -> Ended:
    """Let agents, and the scheduler where there is one, work until the sweep is over or they are interrupted."""
    from tlm_sweeps.cli.local_agents import local_agents, wait_for
    from tlm_sweeps.search.wandb import scheduling

    with interrupts() as heard, ExitStack() as stack:
        needed = []
        if launched.plan.way == "scheduler":
            ahead = count + 1  # so that no agent waits for the scheduler's next look
            needed = [stack.enter_context(scheduling.scheduling(launched.sweep.path, folder, batch_size=ahead))]
        ended = wait_for(stack.enter_context(local_agents(words, count)), heard, needed)
        if any(each.poll() for each in needed):
            log = folder / scheduling.LOG
            raise RunError(f"the scheduler of {launched.sweep.path} has failed", hint=f"{log} says why")
    return ended


def _conclude(
    launched: Launch, ended: Ended, folder: Path, argv: tuple[str, ...], *, no_report: bool, json: bool
) -> None:
    """Say what came of it; exit codes as those of any sweep."""
    from tlm_sweeps.console.following import write_event
    from tlm_sweeps.console.streams import say, say_command

    for number, code in ended.failed.items():
        say(f"agent {number} has left with exit code {code}; what it said is above")
    if ended.paused:
        if json:
            write_event("paused", {"sweep": launched.sweep.spec.name})
        say("paused; the same command goes on:")
        say_command(argv)
        raise typer.Exit(INTERRUPTED)
    if len(ended.failed) == len(ended.codes):
        raise RunError(f"no agent could work for {launched.sweep.path}", hint="what they said is above")
    results = _results(launched)
    any_complete = any(record.state == "complete" for record in results.records)
    report = _report(results, folder) if any_complete and not no_report else None
    _show_end(results, report, json=json)
    if not any_complete:
        raise typer.Exit(1)


def _results(launched: Launch) -> SweepResults:
    from tlm_sweeps.report.wandb.reading import sweep_results

    return sweep_results(launched.sweep.path)


def _report(results: SweepResults, folder: Path) -> Path:
    from tlm_sweeps.report.page import write_report

    return write_report(results, folder / "report.html")


def _say_way(launched: Launch) -> None:
    from tlm_sweeps.console.streams import say

    if launched.resumes:
        say(f"going on with the W&B sweep that was launched on {launched.sweep.created_at[:10]}")
    for note in launched.plan.notes:
        say(note)


def _show_launched(launched: Launch, folder: Path, *, json: bool) -> None:
    """The sweep and whoever can work for it: data."""
    from tlm_sweeps.console.following import write_event
    from tlm_sweeps.console.streams import show

    facts = _facts(launched, folder)
    if json:
        write_event("launched", facts)
        return
    lines = [f"sweep: {facts['path']}", f"page: {facts['url']}"]
    lines += [f"agent: {command}" for command in facts["agents"]]
    lines += [f"scheduler: {facts['scheduler']}"] if facts["scheduler"] else []
    show("\n".join(lines))


def _facts(launched: Launch, folder: Path) -> dict[str, Any]:
    from tlm_sweeps.search.wandb.scheduling import scheduler_command

    sweep, plan = launched.sweep, launched.plan
    drives = shlex.join(scheduler_command(sweep.path, batch_size=1)) if plan.way == "scheduler" else None
    return {
        "sweep": sweep.spec.name,
        "id": sweep.id,
        "path": sweep.path,
        "url": sweep.url,
        "agents": [f"tlm-sweeps agent {sweep.path}", f"wandb agent {sweep.path}"],
        "scheduler": drives and f"cd {shlex.quote(str(folder))} && {drives}",
        "way": plan.way,
        "runs": plan.runs,
        "notes": list(plan.notes),
        "resumes": launched.resumes,
    }


def _show_end(results: SweepResults, report: Path | None, *, json: bool) -> None:
    from tlm_sweeps.console.following import write_event
    from tlm_sweeps.console.streams import out, say, show
    from tlm_sweeps.console.sweep_views import leaderboard_view
    from tlm_sweeps.report.table import leaderboard_rows

    if json:
        facts = {"sweep": results.spec.name, "leaderboard": leaderboard_rows(results)}
        write_event("finished", facts | {"report": report and str(report)})
        return
    show(leaderboard_view(results, out()))
    if report is not None:
        show(f"report: {report}")
    elif not any(record.state == "complete" for record in results.records):
        say("no run is complete; the leaderboard's last lines say why")
