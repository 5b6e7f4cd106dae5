"""What `status` says of the Slurm job that a sweep was submitted as."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tlm_sweeps.launching.job_record import SlurmJob
    from tlm_sweeps.launching.slurm import Standing


@dataclass(frozen=True)
class JobNow:
    """A job and how it stands."""

    job: SlurmJob
    standing: Standing
    has_begun: bool
    """Whether the sweep has: before, there is nothing else to show."""

    def facts(self) -> dict[str, Any]:
        """For programs."""
        from tlm_sweeps.console.job_lines import job_facts

        return job_facts(self.job, self.standing)

    def show(self, *, is_unfinished: bool) -> None:
        """For people.

        Args:
            is_unfinished: whether the sweep has runs still to be trained.
        """
        from tlm_sweeps.console.job_lines import going_on_line, job_line
        from tlm_sweeps.console.streams import plain, show

        lines = [job_line(self.job, self.standing), going_on_line(self.job, self.standing) if is_unfinished else ""]
        show(plain("\n".join(line for line in lines if line)))


def job_now(name: str, runs_dir: Path | None) -> JobNow | None:
    """The job that a sweep was submitted as, as Slurm has it now; None when it never was."""
    from tlm_sweeps.launching.job_record import read_job
    from tlm_sweeps.launching.slurm import standing
    from tlm_sweeps.runs.folders import runs_folder, sweep_folder
    from tlm_sweeps.runs.ledger import is_begun

    folder = sweep_folder(runs_folder(runs_dir), name)
    job = read_job(folder)
    return None if job is None else JobNow(job, standing(job), is_begun(folder))


def show_unbegun(sweep: str, now: JobNow, *, json: bool) -> None:
    """A sweep of which nothing is known but its job."""
    from tlm_sweeps.console.streams import show, write_json

    if json:
        write_json({"sweep": sweep, "standing": "submitted to Slurm; not begun", "job": now.facts()})
    else:
        show(f"{sweep} has been submitted to Slurm and has not begun")
        now.show(is_unfinished=True)
