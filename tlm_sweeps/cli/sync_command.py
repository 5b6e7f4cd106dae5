"""`sync`: upload to W&B what its client kept on this machine."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, Any

import typer

from tlm_sweeps.cli.engine_options import EntityOption, ProjectOption, ensure_names
from tlm_sweeps.cli.interrupting import INTERRUPTED, interrupts
from tlm_sweeps.cli.options import DataDir, Json, Name, RunsDir

if TYPE_CHECKING:
    from tlm_sweeps.search.wandb.syncing import SyncProgress


def sync(
    name: Name,
    entity: EntityOption = None,
    project: ProjectOption = None,
    runs_dir: RunsDir = None,
    data_dir: DataDir = None,
    *,
    json: Json = False,
) -> None:
    """Upload a sweep's runs that were kept for W&B on this machine.

    Each run once, under one W&B sweep, however often it is called; what was interrupted is called again. For what an
    agent kept, NAME is the folder that it trained in. Exit code 1 when a run could not be brought there.
    """
    from tlm_sweeps import api

    ensure_names(entity, project)
    last = None
    try:
        pictures = api.iter_sync(name, runs_dir, entity=entity, project=project, data_dir=data_dir)
        with interrupts(), closing(pictures), _view(name) as show:
            for last in pictures:
                show(last)
    except KeyboardInterrupt:
        _say_interrupted()
        raise typer.Exit(INTERRUPTED) from None
    assert last is not None  # there is a first picture, or an error
    _say_end(last, json=json)
    if last.failed:
        raise typer.Exit(1)


@contextmanager
def _view(name: str) -> Iterator[Callable[[SyncProgress], None]]:
    """A bar on a terminal, nothing elsewhere."""
    from tlm_sweeps.console.streams import err, plain
    from tlm_sweeps.console.syncing import sync_bar

    if not sys.stderr.isatty():
        yield lambda _: None
        return
    from rich.live import Live
    from rich.text import Text

    asking = Text(f"asking W&B what it has of {plain(name)}…", "dim")
    with Live(asking, console=err(), auto_refresh=False, transient=True) as live:
        yield lambda progress: live.update(sync_bar(progress), refresh=True)


def _say_end(last: SyncProgress, *, json: bool) -> None:
    from tlm_sweeps.console.streams import say, show, write_json
    from tlm_sweeps.console.syncing import sync_sentence, sync_troubles

    for line in sync_troubles(last):
        say(line)
    if json:
        write_json(sync_facts(last))
    else:
        say(sync_sentence(last))
        show(last.url)


def sync_facts(last: SyncProgress) -> dict[str, Any]:
    """What came of it, for programs."""
    return {
        "sweep": last.sweep,
        "url": last.url,
        "runs": last.total,
        "uploaded": last.uploaded,
        "there_already": last.there,
        "failed": [vars(failure) for failure in last.failed],
        "unfinished": last.unfinished,
        "untracked": last.untracked,
        "superseded": last.superseded,
        "warnings": list(last.warnings),
    }


def _say_interrupted() -> None:
    from tlm_sweeps.console.streams import say

    say("interrupted; the same command uploads the rest")
