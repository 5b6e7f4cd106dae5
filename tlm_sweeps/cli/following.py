"""Running a sweep before the user's eyes, until it ends or is interrupted. Shared by `sweep` and `run`."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from contextlib import AbstractContextManager, closing
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from tlm_sweeps.cli.interrupting import INTERRUPTED, Interrupts, interrupts
from tlm_sweeps.cli.options import device_of, workers_of
from tlm_sweeps.compute.gpus import gpus

if TYPE_CHECKING:
    from tlm_sweeps.cli.machinery import Machinery
    from tlm_sweeps.console.following import Show
    from tlm_sweeps.search.progress import SweepProgress
    from tlm_sweeps.search.remote_asking import Workers as AskedWorkers
    from tlm_sweeps.spec.loading import LoadedSweep
    from tlm_sweeps.spec.sweep import SweepSpec


def follow(
    spec: SweepSpec,
    loaded: LoadedSweep,
    machinery: Machinery,
    *,
    argv: tuple[str, ...],
    json: bool,
    within: LoadedSweep | None = None,
) -> SweepProgress:
    """Run a sweep to its end; what it is after is not trained.

    Args:
        spec: what to run: as loaded, or made from it.
        loaded: knows the lines of its fields.
        machinery: how.
        argv: the command, for the records and for going on after an interrupt.
        json: whether stdout gets events.
        within: the sweep at the end of the chain that it is run in; by default itself.

    Returns:
        The last picture.

    Raises:
        typer.Exit: when it was interrupted; the runs in flight have been checkpointed.
    """
    from tlm_sweeps import api
    from tlm_sweeps.cli.locating import located
    from tlm_sweeps.runs.folders import runs_folder, sweep_names

    runs, data_dir = runs_folder(machinery.runs_dir), machinery.data_dir
    workers, device = workers_of(machinery.workers), device_of(machinery.device)
    view = _view(resumes=spec.name in sweep_names(runs), json=json)
    pictures = api.iter_sweep(
        spec,
        runs_dir=runs,
        data_dir=data_dir,
        workers=workers,
        device=device,
        stack=machinery.stack,
        retries=machinery.retries,
        argv=argv,
        shared=(within or loaded).totals_over(spec.name),
    )
    with interrupts() as heard, closing(pictures), located(loaded):
        _say_of_workers(spec, workers, data_dir, on_gpus=device != "cpu" and bool(gpus()))
        last = _watched(pictures, view, heard)
        if last is not None:
            return last
        _say_pausing()
        pictures.close()
    _say_paused(argv, spec, json=json)
    raise typer.Exit(INTERRUPTED)


def _watched(
    pictures: Iterable[SweepProgress], view: AbstractContextManager[Show], heard: Interrupts
) -> SweepProgress | None:
    """The last picture, or None when an interrupt was heard before it came."""
    last = None
    try:
        with view as show:
            for last in pictures:
                heard.is_under_way = True
                show(last)
                if heard.asked:
                    return None
    except KeyboardInterrupt:  # before the first picture: whatever had begun has cleaned up behind itself
        return None
    return last


def _view(*, resumes: bool, json: bool) -> AbstractContextManager[Show]:
    from tlm_sweeps.console.following import event_view, live_view, plain_view

    if json:
        return event_view(resumes=resumes)
    return live_view(resumes=resumes) if sys.stderr.isatty() else plain_view(resumes=resumes)


def _say_of_workers(spec: SweepSpec, workers: AskedWorkers, data_dir: Path | None, *, on_gpus: bool) -> None:
    from tlm_sweeps.console.streams import say
    from tlm_sweeps.corpora.texts import facts_reader
    from tlm_sweeps.search.remote_asking import OnRay
    from tlm_sweeps.search.sweeping import crew_of

    if isinstance(workers, OnRay):
        say("workers come from Ray; `remote.log` beside the ledger tells who came and went")
        return
    note = crew_of(spec, facts_reader(data_dir), workers, on_gpus=on_gpus).note
    if note:
        say(note)


def _say_pausing() -> None:
    from tlm_sweeps.console.streams import say

    say("pausing: finishing the step and writing checkpoints… (Ctrl-C again: leave now)")


def _say_paused(argv: tuple[str, ...], spec: SweepSpec, *, json: bool) -> None:
    from tlm_sweeps.console.following import write_event
    from tlm_sweeps.console.streams import say, say_command

    if json:
        write_event("paused", {"sweep": spec.name})
    say("paused; the same command goes on:")
    say_command(argv)
