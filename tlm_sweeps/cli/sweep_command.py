"""`sweep`: run a sweep, or go on with it, and show what came of it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tlm_sweeps.cli.chain_following import follow_links
from tlm_sweeps.cli.engine_options import (
    AgentsOption,
    EngineChoice,
    EngineOption,
    EntityOption,
    OfflineOption,
    ProjectOption,
    SchedulerOption,
    chosen,
)
from tlm_sweeps.cli.following import follow
from tlm_sweeps.cli.machinery import Machinery
from tlm_sweeps.cli.options import DataDir, Device, Json, Retries, RunsDir, Sets, Spec, Stack, Workers, device_of
from tlm_sweeps.cli.slurm_options import (
    AccountOption,
    FurtherOption,
    GpusOption,
    LaunchOption,
    NodesOption,
    PartitionOption,
    RequeueOption,
    TimeOption,
    asked_of,
)
from tlm_sweeps.errors import InputError

if TYPE_CHECKING:
    from tlm_sweeps.launching.asked import Asked
    from tlm_sweeps.search.progress import SweepProgress
    from tlm_sweeps.spec.loading import LoadedSweep


def sweep(
    context: typer.Context,
    spec: Spec,
    sets: Sets = None,
    engine: EngineOption = None,
    workers: Workers = "auto",
    runs_dir: RunsDir = None,
    data_dir: DataDir = None,
    device: Device = "auto",
    stack: Stack = None,
    retries: Retries = None,
    entity: EntityOption = None,
    project: ProjectOption = None,
    scheduler: SchedulerOption = None,
    agents: AgentsOption = None,
    launch: LaunchOption = None,
    nodes: NodesOption = None,
    gpus_per_node: GpusOption = None,
    time: TimeOption = None,
    partition: PartitionOption = None,
    account: AccountOption = None,
    slurm_option: FurtherOption = None,
    *,
    requeue: RequeueOption = False,
    offline: OfflineOption = False,
    no_report: Annotated[bool, typer.Option("--no-report", help="Write no HTML report at the end.")] = False,
    json: Json = False,
) -> None:
    """Run a sweep, or go on with it.

    The same command resumes. Ctrl-C pauses: runs in flight are checkpointed. --json prints events, one a line.

    The sweeps that its `after` names are run before it, or gone on with.

    With W&B as the engine it launches the sweep there and prints its path and what agents are to type; --agents works
    for it here until it is over.

    With --launch slurm it submits one job in which the coordinator and its workers run, and leaves.
    """
    from tlm_sweeps.cli.locating import located
    from tlm_sweeps.cli.slurm_launching import submit_sweep
    from tlm_sweeps.cli.wandb_launching import launch_sweep
    from tlm_sweeps.console.streams import say
    from tlm_sweeps.search.wandb.offline import offline_spec
    from tlm_sweeps.spec.loading import load_sweep

    asked = asked_of(
        launch,
        nodes=nodes,
        gpus_per_node=gpus_per_node,
        time=time,
        partition=partition,
        account=account,
        requeue=requeue,
        options=slurm_option,
    )
    loaded = load_sweep(spec, sets or ())
    if loaded.links:
        loaded = _as_begun(loaded, runs_dir)
    choice = EngineChoice(engine, entity, project, scheduler, agents, offline)
    with located(loaded):
        found = chosen(loaded.spec, choice)
    if found.notes:
        say(f"searched by {found.spec.engine.kind}: {', '.join(found.notes)}")
    if found.spec.engine.kind == "wandb" and not offline:
        _refuse_of_workers(workers, stack, retries, device, agents)
        _refuse_job(asked)
        launch_sweep(
            found.spec,
            loaded,
            argv=context.obj,
            choice=choice,
            device=device,
            runs_dir=runs_dir,
            data_dir=data_dir,
            no_report=no_report,
            json=json,
        )
        return
    machinery = Machinery(workers, device, stack, runs_dir, data_dir, retries)
    if asked is not None:
        submit_sweep(
            found.spec,
            loaded,
            asked,
            machinery,
            argv=context.obj,
            offline=offline,
            no_report=no_report,
            json=json,
        )
        return
    follow_links(loaded, machinery, argv=context.obj, no_report=no_report, json=json)
    searched = offline_spec(found.spec) if offline else found.spec
    last = follow(searched, loaded, machinery, argv=context.obj, json=json)
    _show(last, runs_dir, no_report=no_report, json=json)


def _as_begun(loaded: LoadedSweep, runs_dir: Path | None) -> LoadedSweep:
    """The chain with the seeds that its sweeps have by now, and whose seeds are asked for, said."""
    from tlm_sweeps.console.chain_view import seeds_kept_lines, seeds_line
    from tlm_sweeps.console.streams import say
    from tlm_sweeps.runs.folders import runs_folder
    from tlm_sweeps.search.continuing import with_seeds_begun

    begun = with_seeds_begun(loaded, runs_folder(runs_dir))
    for line in (*seeds_line(begun), *seeds_kept_lines(loaded, begun)):
        say(line)
    return begun


def _refuse_of_workers(workers: str, stack: int | None, retries: int | None, device: str, agents: int | None) -> None:
    """What is said to workers, when W&B's agents train."""
    given = {"--workers": workers != "auto", "--stack": stack is not None, "--retries": retries is not None}
    if option := next((each for each, is_given in given.items() if is_given), None):
        hint = "`--agents N` starts N agents, each with one run at a time; `--offline` trains here, with workers"
        raise InputError(f"{option}: W&B's agents train this sweep", place=option, hint=hint)
    if device_of(device) != "auto" and agents is None:
        hint = "give it to `tlm-sweeps agent`, or start agents here with `--agents N`"
        raise InputError("--device: nothing is trained by this command", place="--device", hint=hint)


def _refuse_job(asked: Asked | None) -> None:
    """A job for a sweep that W&B's agents train."""
    if asked is not None:
        hint = "start agents in a job array, each with `tlm-sweeps agent SWEEP`; `--offline` searches inside the job"
        raise InputError("--launch slurm: W&B's agents train this sweep", place="--launch", hint=hint)


def _show(last: SweepProgress, runs_dir: Path | None, *, no_report: bool, json: bool) -> None:
    from tlm_sweeps import api

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
