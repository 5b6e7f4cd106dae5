"""An upload to W&B as words and a bar. Pure: pictures in, text out."""

from __future__ import annotations

from collections.abc import Iterator

from rich.console import RenderableType
from rich.progress_bar import ProgressBar
from rich.table import Table

from tlm_sweeps.console.wording import counted
from tlm_sweeps.search.wandb.syncing import SyncProgress


def sync_bar(progress: SyncProgress) -> RenderableType:
    """How far it is."""
    done = progress.done + progress.under_way
    grid = Table.grid(padding=(0, 2))
    bar = ProgressBar(total=max(1, progress.total), completed=done, width=32)
    grid.add_row(f"syncing {progress.sweep}", bar, f"{done} of {counted(progress.total, 'run')}")
    return grid


def sync_sentence(progress: SyncProgress) -> str:
    """What came of it."""
    parts = [
        f"{progress.uploaded} uploaded",
        f"{progress.there} there already",
        f"{len(progress.failed)} failed" if progress.failed else "",
    ]
    return f"{counted(progress.total, 'run')}: {', '.join(part for part in parts if part)}"


def sync_troubles(progress: SyncProgress) -> Iterator[str]:
    """What W&B does not like, what is not there, and why."""
    yield from (f"W&B does not like the sweep's configuration: {warning}" for warning in progress.warnings)
    for failure in progress.failed:
        yield f"failed: {failure.run_id}: {failure.reason}"
    if progress.unfinished:
        yield f"{counted(progress.unfinished, 'run')} not over yet: sync again when the sweep has gone on"
    if progress.untracked:
        yield f"{counted(progress.untracked, 'run')} left out: W&B was not told of them when they were trained"
    if progress.superseded:
        yield f"{counted(progress.superseded, 'training')} left out: the run was trained anew under another id"
