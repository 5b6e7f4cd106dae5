"""`--to`: a study's sweeps kept in a folder, and no complete run lost that is kept there already."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from tlm_sweeps.errors import InputError, TlmError

if TYPE_CHECKING:
    from tlm_sweeps.report.sources import SweepResults
    from tlm_sweeps.studies.published import Study


def folder_for(study: Study, to: Path) -> Path:
    """The study's own folder there, made if it is not there.

    Raises:
        InputError: when it cannot be written.
    """
    from tlm_sweeps.runs.folders import ensure_writable

    place = to / study.name
    try:
        ensure_writable(place)
    except InputError as error:
        hint = "name a folder that you may write"
        raise InputError(error.problems[0].message, place="--to", hint=hint) from error
    return place


def keep_all(sweeps: Iterable[SweepResults], folder: Path) -> None:
    """Keep sweeps, a file each; all of them, or none where a file there has complete runs that would be lost.

    Raises:
        InputError: with the counts of such runs.
    """
    from tlm_sweeps.console.streams import say
    from tlm_sweeps.studies.kept import complete_runs, ensure_none_lost, keep

    found = tuple(sweeps)
    for each in found:
        ensure_none_lost(each.spec.name, complete_runs(each.records), folder)
    for each in found:
        say(f"kept {keep(each, folder)}")


@contextmanager
def kept_when_stopped(study: Study, folder: Path | None, runs_dir: Path | None) -> Iterator[None]:
    """When training stops before its end, what is there by then is kept as well; why it stopped is said as ever."""
    from tlm_sweeps import api
    from tlm_sweeps.console.streams import say

    try:
        yield
    except (typer.Exit, TlmError):
        if folder is not None:
            try:
                keep_all(api.study_sweeps(study, runs_dir=runs_dir).values(), folder)
            except TlmError as error:
                say(f"not kept: {error}")
        raise
