"""Uploads by the real `wandb sync`: a process of its own, watched, and ended when it no longer gets on.

It leaves a mark beside every log that it is through with, and leaves it also where the upload failed; so a mark says
that it gets on, and only the server can say what has arrived.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from tlm_sweeps.tracking.wandb_tracker import FROM_ENVIRONMENT

STALL_SECONDS = 120.0
"""How long `wandb sync` may go without being through with a run, beside what its bytes take."""
_SLOWEST = 50_000
"""Bytes per second: a line that is slower than that counts as one on which nothing gets on."""
_LEAVING_SECONDS = 5.0
_LOOK_SECONDS = 0.1
_AT_A_TIME = 4
"""Runs uploaded at once."""
MARK = ".synced"
"""What W&B's own tools know an uploaded log by: an empty file of the log's name and this."""
_PATIENCE = {
    # The defaults retry for many minutes (20 times, up to a minute apart) before anything is said.
    "WANDB_X_GRAPHQL_RETRY_MAX": "4",
    "WANDB_X_GRAPHQL_RETRY_WAIT_MIN_SECONDS": "0.5",
    "WANDB_X_GRAPHQL_RETRY_WAIT_MAX_SECONDS": "8",
    "WANDB_X_FILE_STREAM_RETRY_MAX": "5",
    "WANDB_X_FILE_STREAM_RETRY_WAIT_MAX_SECONDS": "8",
    "WANDB_X_FILE_TRANSFER_RETRY_MAX": "4",
    "WANDB_X_FILE_TRANSFER_RETRY_WAIT_MAX_SECONDS": "8",
}


@dataclass(frozen=True)
class Upload:
    """A log to be uploaded, and where it is put down for `wandb sync`."""

    wandb_id: str
    log: bytes
    sessions: tuple[Path, ...]
    """The logs that it was made from; what else the client kept of the run lies beside them."""
    artifact_bytes: int = 0
    """Of files that lie elsewhere, and go with it."""

    @property
    def n_bytes(self) -> int:
        """What is to be sent, roughly."""
        beside = (file for each in self.sessions for file in (each.parent / "files").rglob("*") if file.is_file())
        return len(self.log) + self.artifact_bytes + sum(file.stat().st_size for file in beside)

    def put_down(self, folder: Path) -> Path:
        """Lay the run's folder out as `wandb sync` knows it."""
        # Whatever a session was, a name that begins so is not passed over as a run that was uploaded while it ran.
        run = folder / f"offline-run-{self.sessions[0].parent.name.partition('run-')[2]}"
        run.mkdir(parents=True)
        for session in self.sessions:
            with suppress(FileNotFoundError):
                shutil.copytree(session.parent / "files", run / "files", dirs_exist_ok=True)
        log = run / f"run-{self.wandb_id}.wandb"
        log.write_bytes(self.log)
        return log


def upload(uploads: Sequence[Upload], folder: Path, entity: str, project: str, lock: int) -> Generator[int]:
    """Have `wandb sync` upload some runs.

    Args:
        uploads: the runs.
        folder: an empty one; what is put there is the caller's to remove.
        entity: user or team.
        project: of the entity.
        lock: held for as long as the process lives, should we be killed: nobody is to send the same beside it.

    Yields:
        A few times a second: of how many runs it says that it is through with them.

    Raises:
        TimeoutError: when it did not get on, with what it said last.
    """
    logs = [each.put_down(folder / str(number)) for number, each in enumerate(uploads)]
    options = ["--entity", entity, "--project", project, "-n", str(_AT_A_TIME)]
    command = [sys.executable, "-P", "-m", "wandb", "sync", *options, *(str(log.parent) for log in logs)]
    with (folder / "wandb-sync.log").open("wb") as said:
        process = subprocess.Popen(
            command,
            cwd=folder,
            env=_environment(folder),
            stdin=subprocess.DEVNULL,
            stdout=said,
            stderr=said,
            pass_fds=[lock],
            start_new_session=True,  # Ctrl-C is for us, and what it starts ends with it
        )
    try:
        yield from _watched(process, logs, _patience_seconds(uploads))
    finally:
        _end(process)


@dataclass(frozen=True)
class Complaints:
    """What `wandb sync` said went wrong, each in a line."""

    of_runs: Mapping[str, str] = field(default_factory=dict)
    """The last complaint that names a run, by the run's id."""
    of_nobody: str = ""
    """The last one that names none: so it speaks of runs that it could not open."""


def what_was_said(folder: Path) -> Complaints:
    """The complaints of the `wandb sync` that worked in a folder."""
    try:
        lines = (folder / "wandb-sync.log").read_text(encoding="utf-8", errors="replace").splitlines()
    except FileNotFoundError:
        return Complaints()
    of_runs: dict[str, str] = {}
    of_nobody = ""
    for said in (line.partition("ERROR ")[2].strip() for line in lines if "ERROR " in line):
        named = re.match(r"\[[^]\s]+/([^]/\s]+)\] (.*)", said)
        if named:
            of_runs[named[1]] = named[2][:300]
        else:
            of_nobody = said[:300]
    return Complaints(of_runs, of_nobody)


def _patience_seconds(uploads: Iterable[Upload]) -> float:
    """How long it may take until the next run is through: as many go at a time as it may be, and the largest ones."""
    largest = sorted((each.n_bytes for each in uploads), reverse=True)[:_AT_A_TIME]
    return STALL_SECONDS + sum(largest) / _SLOWEST


def _watched(process: subprocess.Popen[bytes], logs: Sequence[Path], patience_seconds: float) -> Iterator[int]:
    through, deadline = 0, time.monotonic() + patience_seconds
    while True:
        has_ended = process.poll() is not None
        marked = sum(log.with_name(log.name + MARK).exists() for log in logs)
        if marked > through:
            through, deadline = marked, time.monotonic() + patience_seconds
        yield through
        if has_ended:
            return
        if time.monotonic() > deadline:
            raise TimeoutError(f"`wandb sync` stood still for {patience_seconds:.0f} s")
        time.sleep(_LOOK_SECONDS)


def _end(process: subprocess.Popen[bytes]) -> None:
    """End it; wandb-core, which it has started, sees that it is gone and follows."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        if process.poll() is not None:
            return
        with suppress(ProcessLookupError):
            os.killpg(process.pid, number)
        with suppress(subprocess.TimeoutExpired):
            process.wait(_LEAVING_SECONDS)


def _environment(folder: Path) -> dict[str, str]:
    """Who we are and where the server is; nothing that would make these runs other ones."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("WANDB_")}
    identity = {name: os.environ[name] for name in FROM_ENVIRONMENT if name in os.environ}
    places = dict.fromkeys(("WANDB_DIR", "WANDB_CACHE_DIR", "WANDB_DATA_DIR"), str(folder))
    return kept | identity | places | _PATIENCE | {"WANDB_ERROR_REPORTING": "false"}
