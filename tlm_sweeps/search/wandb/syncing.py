"""What W&B's client kept on this machine, uploaded: every run once, under one sweep, however often it is called.

What is there is what the server says is there. Runs that it lacks, or has in part, are joined and cut to what is
missing (joining.py), given the server's id of the sweep, and handed to the real `wandb sync` (uploading.py). Then the
server is asked again. Nothing is remembered but the sweep that was made, so whatever is interrupted is called again.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import time
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from tlm_sweeps.compute.planning import FactsOf
from tlm_sweeps.errors import InputError, RunError
from tlm_sweeps.search.wandb.destination import Destination, ServerRun
from tlm_sweeps.search.wandb.ending import as_recorded
from tlm_sweeps.search.wandb.joining import JoinedRun, joined
from tlm_sweeps.search.wandb.local_runs import LocalRun, LocalSweep, local_sweep
from tlm_sweeps.search.wandb.transaction_log import DamagedLogError
from tlm_sweeps.search.wandb.uploaded import destination_of, sweep_at
from tlm_sweeps.search.wandb.uploading import MARK, Upload, upload, what_was_said

_PAGE = 50
"""Runs taken at a time: one question to the server before, one `wandb sync`, one question after."""
_ARRIVING_SECONDS = 15.0
"""How long the server may take to show what it was sent."""
_ASKING_SECONDS = 1.0
_LOCK_SECONDS = 10.0
"""How long a sync that was killed may still take: its `wandb sync` ends what it has begun."""
_UNDER_WAY = ("running", "pending", "preempting")


@dataclass(frozen=True)
class Failure:
    """A run that is not whole at W&B."""

    run_id: str
    reason: str


@dataclass(frozen=True)
class SyncProgress:
    """How far a sync is."""

    sweep: str
    url: str
    """Where the runs are to be seen."""
    total: int
    """Runs to be brought there."""
    there: int = 0
    """Which it had already."""
    uploaded: int = 0
    failed: tuple[Failure, ...] = ()
    under_way: int = 0
    """Runs of which `wandb sync` says it is through; not yet seen at the server."""
    unfinished: int = 0
    """Runs that are still to be trained: they are left for later."""
    untracked: int = 0
    """Runs of which W&B's client kept nothing."""

    @property
    def done(self) -> int:
        """Runs of which nothing more will come."""
        return self.there + self.uploaded + len(self.failed)


def sync(
    folder: Path, facts_of: FactsOf, *, entity: str | None = None, project: str | None = None
) -> Generator[SyncProgress]:
    """Upload what W&B's client kept of a sweep.

    Args:
        folder: of the sweep, or of what an agent trained for one; it is there.
        facts_of: counts of its texts, for the sweep that is made at W&B.
        entity: user or team; None for the spec's, else the account's own.
        project: None for the spec's.

    Yields:
        A picture a few times a second; the last one says what came of it.

    Raises:
        InputError: before anything is sent, when there is nothing to send or nobody to send it to.
        RunError: when the server stops answering; what has arrived is there, and the same call goes on.
    """
    with _alone(folder) as work:
        local = local_sweep(folder)
        _ensure_something(local)
        server = destination_of(local, entity, project)
        sweep_id = sweep_at(server, local, facts_of)
        progress = SyncProgress(
            sweep=folder.name,
            url=server.url(sweep_id),
            total=len(local.runs),
            unfinished=local.unfinished,
            untracked=local.untracked,
        )
        yield progress
        for start in range(0, len(local.runs), _PAGE):
            progress = yield from _page(progress, local.runs[start : start + _PAGE], server, sweep_id, work)
        if sweep_id is not None and not local.unfinished and not progress.failed:
            server.end_sweep(sweep_id)


def _page(
    progress: SyncProgress, runs: Sequence[LocalRun], server: Destination, sweep_id: str | None, work: Work
) -> Generator[SyncProgress, None, SyncProgress]:
    """Bring some runs to the server; where that leads to."""
    wanted: dict[str, tuple[LocalRun, JoinedRun]] = {}
    for run in runs:
        try:
            kept = joined((log.read_bytes() for log in run.logs), sweep_id)
            wanted[run.wandb_id] = run, as_recorded(kept, run.record, run.measurements)
        except (DamagedLogError, OSError) as error:
            failure = Failure(run.record.run_id, f"{run.logs[-1]} cannot be read: {error}")
            progress = replace(progress, failed=(*progress.failed, failure))
    known = server.runs(list(wanted))
    lacking = {each: _lack(whole, known.get(each)) for each, (_, whole) in wanted.items()}
    missing = [each for each, lack in lacking.items() if lack]
    _mark(wanted[each][0] for each in wanted if not lacking[each])
    progress = replace(progress, there=progress.there + len(wanted) - len(missing))
    yield progress
    if not missing:
        return progress
    uploads = [_upload(*wanted[each], known.get(each)) for each in missing]
    said = ""
    try:
        for through in upload(uploads, work.folder, server.entity, server.project, work.lock):
            yield replace(progress, under_way=through)
        said = what_was_said(work.folder)
    except TimeoutError as error:
        said = str(error)
    finally:
        _empty(work.folder)
    patience = 0.0 if said else _ARRIVING_SECONDS
    lacking = _arrived(server, {each: wanted[each][1] for each in missing}, patience)
    _mark(wanted[each][0] for each in missing if not lacking[each])
    failures = tuple(
        Failure(wanted[each][0].record.run_id, f"{lack}; `wandb sync`: {said}" if said else lack)
        for each, lack in lacking.items()
        if lack
    )
    uploaded = progress.uploaded + len(missing) - len(failures)
    progress = replace(progress, uploaded=uploaded, failed=(*progress.failed, *failures))
    yield progress
    return progress


def _upload(run: LocalRun, whole: JoinedRun, known: ServerRun | None) -> Upload:
    held = None if known is None else whole.step_at(known.lines) if known.last_step is None else known.last_step
    return Upload(run.wandb_id, whole.log_after(held), run.logs)


def _arrived(server: Destination, wanted: dict[str, JoinedRun], patience: float) -> dict[str, str]:
    """What the server still lacks of each run, when it has had time to take it in; empty for nothing."""
    deadline = time.monotonic() + patience
    while True:
        known = server.runs(list(wanted))
        lacking = {each: _lack(whole, known.get(each)) for each, whole in wanted.items()}
        # A run that the server has not heard of will not appear by being waited for.
        if not any(lack and each in known for each, lack in lacking.items()) or time.monotonic() > deadline:
            return lacking
        time.sleep(_ASKING_SECONDS)


def _lack(whole: JoinedRun, known: ServerRun | None) -> str:
    """What a run at the server lacks, in words; empty for nothing."""
    if known is None:
        return "W&B does not have it"
    if whole.sweep_id not in ("", known.sweep_id):
        return f"W&B has it, but not under the sweep {whole.sweep_id}"
    if whole.last_step is not None and (known.last_step or 0) < whole.last_step and known.lines < whole.points:
        return f"W&B has {known.lines} of the {whole.points} points of its curves"
    if known.state in _UNDER_WAY:
        return "W&B has not heard of its end"
    if whole.state is not None and known.summary_state != whole.state:
        return "W&B does not have its results"
    return ""


def _mark(runs: Iterator[LocalRun]) -> None:
    """Tell W&B's own tools that these need no upload."""
    for run in runs:
        for log in run.logs:
            log.with_name(log.name + MARK).touch()


def _ensure_something(local: LocalSweep) -> None:
    if not local.runs and not local.unfinished:
        raise InputError(
            f"W&B's client has kept no run of sweep `{local.folder.name}`",
            place=str(local.folder),
            hint="what is trained with `tracking: {wandb: offline}` can be uploaded later",
        )


@dataclass(frozen=True)
class Work:
    """A folder to work in, and the lock that says that somebody does."""

    folder: Path
    lock: int


@contextmanager
def _alone(folder: Path) -> Iterator[Work]:
    """A folder to work in, for one at a time; empty before and gone afterwards."""
    work = folder.resolve() / ".wandb-sync"
    try:
        lock = os.open(folder / ".wandb-sync.lock", os.O_RDWR | os.O_CREAT, 0o644)
        try:
            _take(lock, folder)
            try:
                _empty(work)
                yield Work(work, lock)
            finally:
                shutil.rmtree(work, ignore_errors=True)
        finally:
            os.close(lock)
    except OSError as error:
        raise RunError(f"cannot work in {work}: {error.strerror}", hint="see to the disk or its permissions") from error


def _take(lock: int, folder: Path) -> None:
    deadline = time.monotonic() + _LOCK_SECONDS
    while True:
        try:
            return fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > deadline:
                hint = "wait until that is done, and call it again"
                raise InputError(f"`{folder.name}` is being synced by another process", hint=hint) from None
            time.sleep(_ASKING_SECONDS)


def _empty(work: Path) -> None:
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir()
