"""`sweep --launch slurm`: submit, say which job it is and how to follow it, and leave."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tlm_sweeps.cli.options import device_of, workers_of

if TYPE_CHECKING:
    from tlm_sweeps.cli.machinery import Machinery
    from tlm_sweeps.launching.asked import Asked
    from tlm_sweeps.spec.loading import LoadedSweep
    from tlm_sweeps.spec.sweep import SweepSpec


def submit_sweep(
    spec: SweepSpec,
    loaded: LoadedSweep,
    asked: Asked,
    machinery: Machinery,
    *,
    argv: tuple[str, ...],
    offline: bool,
    no_report: bool,
    json: bool,
) -> None:
    """Submit a sweep as one job.

    Args:
        spec: what to run: as loaded, or made from it.
        loaded: knows the lines of its fields, and the sweeps that it is after.
        asked: the job.
        machinery: how to train inside it.
        argv: the command, which goes on with the sweep later.
        offline: whether a W&B sweep is searched without W&B.
        no_report: whether the page at the end is left out.
        json: whether stdout gets an event.

    Raises:
        InputError: the sweep cannot be run or the job not be had; nothing is submitted.
    """
    from tlm_sweeps.cli.locating import located
    from tlm_sweeps.console.following import write_event
    from tlm_sweeps.console.job_lines import job_facts
    from tlm_sweeps.console.streams import say, show
    from tlm_sweeps.launching.slurm import Standing
    from tlm_sweeps.launching.submitting import Training, submit
    from tlm_sweeps.runs.folders import runs_folder

    device = device_of(machinery.device)
    training = Training(workers_of(machinery.workers), device, machinery.stack, machinery.retries, offline, no_report)
    runs = runs_folder(machinery.runs_dir)
    with located(loaded):
        job = submit(spec, loaded, asked, training, runs=runs, data_dir=machinery.data_dir, argv=argv)
    if json:
        write_event("submitted", {"sweep": spec.name, "job": job_facts(job, Standing("pending", id=job.id))})
        return
    show(f"job: {job.id}\noutput: {job.output}")
    say(f"submitted; `tlm-sweeps status {spec.name}` follows it, `scancel {job.id}` ends it")
