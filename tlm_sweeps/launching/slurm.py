"""Slurm's own programs, called with lists of words, and what they say of a job."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import dataclass
from typing import Literal

from tlm_sweeps.errors import InputError
from tlm_sweeps.launching.job_record import SlurmJob
from tlm_sweeps.redaction import redacted

_PATIENCE_SECONDS = 60
_SEPARATOR = "\x1f"
_WAITING = {"PENDING", "REQUEUED", "REQUEUE_HOLD", "REQUEUE_FED", "RESV_DEL_HOLD", "SPECIAL_EXIT"}
_AT_WORK = {"CONFIGURING", "RUNNING", "COMPLETING", "SUSPENDED", "STOPPED", "SIGNALING", "STAGE_OUT", "RESIZING"}

Stage = Literal["pending", "running", "over", "unknown", "unanswered"]
"""`unknown`: Slurm answers, and does not know the job. `unanswered`: it does not answer, or is not on this machine."""


@dataclass(frozen=True)
class Standing:
    """How a job stands, as Slurm has it."""

    stage: Stage
    state: str = ""
    """In Slurm's word, e.g. PREEMPTED."""
    reason: str = ""
    """Why it waits or how it ended, in Slurm's words; or why nothing is known."""
    id: str | None = None

    @property
    def may_be_there(self) -> bool:
        """Whether a second job beside it could be one too many."""
        return self.stage in ("pending", "running", "unanswered")


def ensure_here() -> None:
    """Refuse to submit where there is no Slurm.

    Raises:
        InputError: `sbatch` is not on PATH.
    """
    if not shutil.which("sbatch"):
        hint = "type it on a machine of the cluster, where `sbatch` is on PATH; without --launch the sweep runs here"
        raise InputError("there is no Slurm here: no program `sbatch`", place="--launch slurm", hint=hint)


def submit(words: list[str]) -> str:
    """Submit a job; its number.

    Args:
        words: options and script.

    Raises:
        InputError: Slurm refuses.
    """
    done = _told(["sbatch", *words])
    if done.code:
        hint = "the script stands there: its options can be tried with `sbatch --test-only`"
        raise InputError(f"Slurm refused the job: {done.err or done.out}", place=words[-1], hint=hint)
    return done.out.partition(";")[0].strip()


def standing(job: SlurmJob) -> Standing:
    """How a job stands: asked of the queue, and then of the accounts, which remember longer."""
    if not shutil.which("squeue"):
        return Standing("unanswered", reason="Slurm is not on this machine", id=job.id)
    form = _SEPARATOR.join(("%k", "%i", "%T", "%r"))
    queue = _told(["squeue", "--noheader", "--states=all", f"--user={job.user}", f"--format={form}"])
    if queue.code:
        return Standing("unanswered", reason=queue.err or "squeue failed", id=job.id)
    for line in queue.out.splitlines():
        comment, number, state, reason = (*line.split(_SEPARATOR), "", "", "", "")[:4]
        if comment.strip() == job.comment:
            return Standing(_stage(state), state, "" if reason == "None" else reason, number)
    return _in_accounts(job)


def requeue(job_id: str) -> str:
    """Put the job back into the queue; why it could not be, or nothing."""
    done = _told(["scontrol", "requeue", job_id])
    return (done.err or done.out or "scontrol failed") if done.code else ""


def is_running(job_id: str) -> bool:
    """Whether Slurm has nothing else in mind with a job: one that is cancelled or preempted is not running any more."""
    return _told(["squeue", "--noheader", f"--jobs={job_id}", "--format=%T"]).out.strip() == "RUNNING"


def _in_accounts(job: SlurmJob) -> Standing:
    unknown = Standing("unknown", reason="Slurm does not know it, or no longer", id=job.id)
    if job.id is None or not shutil.which("sacct"):
        return unknown
    fields = "--format=State,ExitCode"
    done = _told(["sacct", "-X", "--noheader", "--parsable2", f"--jobs={job.id}", fields, f"--name={job.name}"])
    lines = [] if done.code else done.out.splitlines()
    if not lines:
        return unknown
    state, code = (*lines[-1].split("|"), "", "")[:2]
    reason = f"exit code {code.partition(':')[0]}" if state.startswith("FAILED") else ""
    return Standing(_stage(state), state, reason, job.id)


def _stage(state: str) -> Stage:
    word = state.partition(" ")[0]
    if word in _WAITING:
        return "pending"
    return "running" if word in _AT_WORK else "over"


@dataclass(frozen=True)
class _Done:
    code: int
    out: str
    err: str


def _told(words: list[str]) -> _Done:
    """Run a program; what it says, without secrets."""
    try:
        done = subprocess.run(
            words, capture_output=True, text=True, errors="replace", timeout=_PATIENCE_SECONDS, check=False
        )
    except subprocess.TimeoutExpired:
        return _Done(1, "", f"{words[0]} has not answered for {_PATIENCE_SECONDS} s")
    except OSError as error:
        return _Done(1, "", f"{words[0]}: {error.strerror}")
    return _Done(done.returncode, redacted(done.stdout), redacted(done.stderr).strip())
