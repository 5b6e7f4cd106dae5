"""`agent`: train what a W&B sweep offers, on this machine."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tlm_sweeps.cli.interrupting import INTERRUPTED, interrupts
from tlm_sweeps.cli.options import DataDir, Device, RunsDir, device_of
from tlm_sweeps.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from tlm_sweeps.search.wandb.agent import Happened


def agent(
    context: typer.Context,
    path: Annotated[
        str | None,
        typer.Argument(metavar="ENTITY/PROJECT/SWEEP", help="As `sweep --engine wandb` prints it.", show_default=False),
    ] = None,
    agents: Annotated[
        int, typer.Option("--agents", metavar="N", min=1, max=1024, help="Agents to start here, each with one run.")
    ] = 1,
    runs_dir: RunsDir = None,
    data_dir: DataDir = None,
    device: Device = "auto",
    proposal: Annotated[
        Path | None,
        typer.Option("--proposal", metavar="FILE", help="Train one proposal: what a plain `wandb agent` calls."),
    ] = None,
) -> None:
    """Train what a W&B sweep offers, until it has nothing more.

    Agents can work on any machines that have the package and the text, several on one. Ctrl-C pauses: the run is
    checkpointed, and whoever gets it next on this machine goes on with it.
    """
    from tlm_sweeps.runs.folders import runs_folder
    from tlm_sweeps.search.wandb.working import OneProposal, work_for
    from tlm_sweeps.tracking.wandb_paths import sweep_path

    runs, where, argv = runs_folder(runs_dir), device_of(device), tuple(context.obj)
    if proposal is not None and path is not None:
        hint = "leave one of them out; `--proposal` is what a plain `wandb agent` calls"
        raise InputError("a sweep and --proposal contradict each other", place="tlm-sweeps agent", hint=hint)
    if proposal is not None:
        one = OneProposal(proposal, runs, data_dir, where, argv)
        _follow(one.work(), one.stop_if_asked)
        return
    if path is None:
        raise InputError("no sweep is named", place="tlm-sweeps agent", hint="tlm-sweeps agent ENTITY/PROJECT/SWEEP")
    where_to = sweep_path(path)
    if agents > 1:
        words = ["agent", str(where_to), "--runs-dir", str(runs), "--device", device]
        _start(words + ([] if data_dir is None else ["--data-dir", str(data_dir)]), agents)
        return
    _follow(work_for(where_to, runs, data_dir=data_dir, device=where, argv=argv), lambda: False)


def _start(words: list[str], count: int) -> None:
    """Agents of this machine, until all have left."""
    from tlm_sweeps.cli.local_agents import local_agents, wait_for

    with interrupts() as heard, local_agents(words, count) as started:
        ended = wait_for(started, heard, ())
    if ended.paused:
        raise typer.Exit(INTERRUPTED)
    if ended.failed:
        raise typer.Exit(max(ended.failed.values()))


def _follow(work: Generator[Happened], is_stopped: Callable[[], bool]) -> None:
    """Say what happens until it is over, or until an interrupt that means a pause."""
    from tlm_sweeps.console.agent_lines import lines_of
    from tlm_sweeps.console.streams import say

    with interrupts() as heard, closing(work):
        last: list[str] = []
        for happened in work:
            heard.is_under_way = True
            lines = lines_of(happened)
            for line in lines:
                if lines != last:  # what an agent waits for is said once
                    say(line)
            last = lines or last
            if heard.asked:
                if is_stopped():
                    heard.asked = False
                    continue
                break
        else:
            return
        say("pausing: finishing the step and writing a checkpoint… (Ctrl-C again: leave now)")
        work.close()
    raise typer.Exit(INTERRUPTED)
