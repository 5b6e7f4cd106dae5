"""A sweep's Slurm job in words, and for programs."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Any

from tlm_sweeps.launching.job_record import SlurmJob
from tlm_sweeps.launching.slurm import Standing


def job_line(job: SlurmJob, standing: Standing) -> str:
    """How the job stands, as a sentence."""
    named = f"Slurm job {standing.id}" if standing.id else "a Slurm job whose number nobody heard"
    why = f" ({standing.reason})" if standing.reason else ""
    match standing.stage:
        case "pending":
            return f"{named} waits{why}"
        case "running":
            state = "" if standing.state == "RUNNING" else f" ({standing.state.lower()})"
            return f"{named} is running{state}; its output: {job.output}"
        case "over":
            return f"{named} is over: {standing.state.lower()}{why}; its output: {job.output}"
        case "unanswered":
            return f"{named}, submitted at {job.submitted_at}; how it stands is not known: {standing.reason}"
        case "unknown":
            return f"{named}, submitted at {job.submitted_at}, {_of_unknown(job)}"


def going_on_line(job: SlurmJob, standing: Standing) -> str:
    """What is to be typed when there is no job any more and the sweep is not at its end; nothing otherwise."""
    return "" if standing.may_be_there else f"the same command goes on: {shlex.join(job.argv)}"


def job_facts(job: SlurmJob, standing: Standing) -> dict[str, Any]:
    """The job for programs."""
    return {
        "id": standing.id or job.id,
        "stage": standing.stage,
        "state": standing.state,
        "reason": standing.reason,
        "has_begun": has_begun(job),
        "submitted_at": job.submitted_at,
        "requeue": job.requeue,
        "script": job.script,
        "output": job.output,
        "command": list(job.argv),
    }


def has_begun(job: SlurmJob) -> bool:
    """Whether the job has said anything, or at least had its file made for it by Slurm."""
    return Path(job.output).exists()


def _of_unknown(job: SlurmJob) -> str:
    if has_begun(job):
        return f"is over, and Slurm no longer knows it; its output: {job.output}"
    return "is not known to Slurm and never began: it was lost, as when Slurm's controller is killed"
