"""What W&B's client kept on this machine, uploaded: every run once, under one sweep, however often it is called.

What is there is what the server says is there. Runs that it lacks, or has in part, are joined and cut to what is
missing (joining.py), given the server's id of the sweep, and handed to the real `wandb sync` (uploading.py). Then the
server is asked again. Nothing is remembered but the sweep that was made, so whatever is interrupted is called again.
"""

from __future__ import annotations

import time
from collections.abc import Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from tlm_sweeps.compute.planning import FactsOf
from tlm_sweeps.errors import InputError
from tlm_sweeps.search.wandb.destination import Destination
from tlm_sweeps.search.wandb.ending import as_recorded
from tlm_sweeps.search.wandb.joining import JoinedRun, joined
from tlm_sweeps.search.wandb.lacking import Lack, lack_of
from tlm_sweeps.search.wandb.local_runs import LocalRun, LocalSweep, local_sweep
from tlm_sweeps.search.wandb.sync_folder import Work, alone
from tlm_sweeps.search.wandb.transaction_log import DamagedLogError
from tlm_sweeps.search.wandb.uploaded import destination_of, sweep_at
from tlm_sweeps.search.wandb.uploading import MARK, Complaints, Upload, upload, what_was_said

RUNS_AT_A_TIME = 50
"""One question to the server before, one `wandb sync`, one question after."""
_ARRIVING_SECONDS = 15.0
"""How long the server may take to show what it was sent."""
_ASKING_SECONDS = 1.0


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
    superseded: int = 0
    """Trainings of runs that were trained anew since."""
    warnings: tuple[str, ...] = ()
    """What the server does not like about the sweep that was made."""

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
    with alone(folder) as work:
        local = local_sweep(folder)
        _ensure_something(local)
        server = destination_of(local, entity, project)
        sweep = sweep_at(server, local, facts_of)
        progress = SyncProgress(
            sweep=folder.name,
            url=server.url(sweep.id),
            total=len(local.runs),
            unfinished=local.unfinished,
            untracked=local.untracked,
            superseded=local.superseded,
            warnings=sweep.warnings,
        )
        yield progress
        for start in range(0, len(local.runs), RUNS_AT_A_TIME):
            progress = yield from _page(progress, local.runs[start : start + RUNS_AT_A_TIME], server, sweep.id, work)
        if sweep.id is not None and not local.unfinished and not progress.failed:
            server.end_sweep(sweep.id)


@dataclass(frozen=True)
class _Wanted:
    """A run as it is to be at the server."""

    run: LocalRun
    whole: JoinedRun

    def failure(self, reason: str) -> Failure:
        return Failure(self.run.record.run_id, reason)


def _page(
    progress: SyncProgress, runs: Sequence[LocalRun], server: Destination, sweep_id: str | None, work: Work
) -> Generator[SyncProgress, None, SyncProgress]:
    """Bring some runs to the server; where that leads to."""
    wanted, failures = _read(runs, server, sweep_id)
    lacking = _lacking(server, wanted)
    _mark(wanted[each].run for each in wanted.keys() - lacking.keys())
    there = progress.there + len(wanted) - len(lacking)
    progress = replace(progress, there=there, failed=(*progress.failed, *failures))
    yield progress
    if not lacking:
        return progress
    uploads = [_upload(wanted[each], lack) for each, lack in lacking.items()]
    try:
        for through in upload(uploads, work.folder, server.entity, server.project, work.lock):
            yield replace(progress, under_way=through)
        said = what_was_said(work.folder)
    except TimeoutError as error:
        said = Complaints(dict.fromkeys(lacking, str(error)))
    finally:
        work.empty()
    left = _arrived(server, {each: wanted[each] for each in lacking})
    _mark(wanted[each].run for each in lacking.keys() - left.keys())
    failures = [wanted[each].failure(_with_complaint(lack, said, each)) for each, lack in left.items()]
    uploaded = progress.uploaded + len(lacking) - len(left)
    progress = replace(progress, uploaded=uploaded, failed=(*progress.failed, *failures))
    yield progress
    return progress


def _read(
    runs: Sequence[LocalRun], server: Destination, sweep_id: str | None
) -> tuple[dict[str, _Wanted], list[Failure]]:
    """Runs as they are to be, by their ids at W&B; and those that cannot be brought there, whatever is done."""
    wanted: dict[str, _Wanted] = {}
    failures: list[Failure] = []
    for run in runs:
        try:
            kept = joined((log.read_bytes() for log in run.logs), sweep_id)
            wanted[run.wandb_id] = _Wanted(run, as_recorded(kept, run.record, run.measurements))
        except (DamagedLogError, OSError) as error:
            failures.append(Failure(run.record.run_id, f"{run.logs[-1]} cannot be read: {error}"))
    theirs = {each.whole.sweep_id for each in wanted.values()} - {"", sweep_id}
    gone = {each for each in theirs if not server.has_sweep(each)}
    for wandb_id in [each for each in wanted if wanted[each].whole.sweep_id in gone]:
        of_gone = wanted.pop(wandb_id)
        failures.append(
            of_gone.failure(f"the sweep {of_gone.whole.sweep_id} that it belongs to is not at W&B any more")
        )
    return wanted, failures


def _lacking(server: Destination, wanted: Mapping[str, _Wanted]) -> dict[str, Lack]:
    """What the server lacks, of the runs that are not whole there."""
    known = server.runs(list(wanted))
    lacks = {each: lack_of(wanted[each].whole, known.get(each), server, each) for each in wanted}
    return {each: lack for each, lack in lacks.items() if lack is not None}


def _upload(wanted: _Wanted, lack: Lack) -> Upload:
    whole = wanted.whole
    return Upload(wanted.run.wandb_id, whole.log_of(lack.steps), wanted.run.logs, whole.artifact_bytes)


def _arrived(server: Destination, wanted: Mapping[str, _Wanted]) -> dict[str, Lack]:
    """What the server still lacks when it has had time to take it in."""
    deadline = time.monotonic() + _ARRIVING_SECONDS
    while True:
        lacking = _lacking(server, wanted)
        # A run that the server has not heard of will not appear by being waited for.
        if not any(lack.is_there for lack in lacking.values()) or time.monotonic() > deadline:
            return lacking
        time.sleep(_ASKING_SECONDS)


def _with_complaint(lack: Lack, said: Complaints, wandb_id: str) -> str:
    """Why a run did not arrive: what `wandb sync` said of it, or of runs that it could not open."""
    complaint = said.of_runs.get(wandb_id) or ("" if lack.is_there else said.of_nobody)
    return f"{lack.reason}; `wandb sync`: {complaint}" if complaint else lack.reason


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
