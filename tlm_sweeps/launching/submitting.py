"""A sweep submitted as one job: looked at as `sweep` does, written down, handed to Slurm, remembered."""

from __future__ import annotations

import fcntl
import getpass
import importlib.util
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from tlm_sweeps.corpora.texts import facts_reader
from tlm_sweeps.errors import InputError
from tlm_sweeps.launching import slurm
from tlm_sweeps.launching.asked import Asked, ensure_valid, sbatch_words
from tlm_sweeps.launching.job_record import (
    SlurmJob,
    forget_job,
    read_job,
    slurm_folder,
    writable,
    write_job,
    write_whole,
)
from tlm_sweeps.launching.script import command_words, script_text
from tlm_sweeps.launching.spec_copies import copy_specs
from tlm_sweeps.redaction import redacted
from tlm_sweeps.runs.folders import sweep_folder
from tlm_sweeps.runs.ledger_lock import is_held, writer_of
from tlm_sweeps.runs.safe_folders import ensure_no_links, ensure_ours
from tlm_sweeps.search.remote_asking import OnRay, Workers
from tlm_sweeps.search.sweeping import ensure_startable
from tlm_sweeps.spec.loading import LoadedSweep
from tlm_sweeps.spec.sweep import SweepSpec

_OF_CORES = ("-c", "-s", "--cpus-per-", "--exclusive", "--oversubscribe")
"""How options of `sbatch` begin that say how much of a node the job gets: then we do not."""


@dataclass(frozen=True)
class Training:
    """How the sweep is to be trained inside the job, as asked for on the command line."""

    workers: Workers
    device: str
    stack: int | None
    retries: int | None
    offline: bool
    no_report: bool


def submit(
    spec: SweepSpec,
    loaded: LoadedSweep,
    asked: Asked,
    training: Training,
    *,
    runs: Path,
    data_dir: Path | None,
    argv: tuple[str, ...],
) -> SlurmJob:
    """Submit a sweep, or the rest of it, as one job.

    Args:
        spec: to be searched: as loaded, or made from it.
        loaded: with the sweeps that it is after.
        asked: the job.
        training: inside it.
        runs: folder of all sweeps, which the job's first node must see too.
        data_dir: where named corpora are looked for first.
        argv: the command, which goes on with the sweep later.

    Raises:
        InputError: the sweep cannot be run, a job of it is there already, or Slurm refuses. Nothing is submitted then.
    """
    ensure_valid(asked)
    _ensure_ray(asked, training.workers)
    facts_of = facts_reader(data_dir)
    for each in (*loaded.links, replace(loaded, spec=spec)):
        ensure_startable(each, runs, facts_of, within=each if each.spec is spec else loaded)
    slurm.ensure_here()
    folder = sweep_folder(runs, spec.name)
    _ensure_nobody_trains(folder)
    with writable(folder), _alone(folder):
        former = read_job(folder)
        _ensure_no_job(former)
        words = _command(copy_specs(spec, loaded, slurm_folder(folder)), asked, training, runs, data_dir)
        script = slurm_folder(folder).resolve() / "job.sh"
        write_whole(script, script_text(spec.name, asked, words))
        job = _new_job(spec.name, asked, script, argv)
        write_job(folder, job)  # before it is there: whoever finds this knows what to look for
        try:
            number = slurm.submit([*_options(asked, training.workers, job), str(script)])
        except InputError:
            _forget(folder, former)
            raise
        job = job.model_copy(update={"id": number})
        write_job(folder, job)
    return job


def _command(spec: Path, asked: Asked, training: Training, runs: Path, data_dir: Path | None) -> list[str]:
    corpora = data_dir or os.environ.get("TLM_DATA")
    words = command_words(
        str(spec.resolve()),
        runs=str(runs.resolve()),
        data_dir=str(Path(corpora).resolve()) if corpora else None,
        workers=_workers_inside(training.workers, asked),
        device=training.device,
        stack=training.stack,
        retries=training.retries,
        offline=training.offline,
    )
    return words + (["--no-report"] if training.no_report else [])


def _workers_inside(workers: Workers, asked: Asked) -> str:
    """On several nodes whatever is asked for comes from Ray."""
    if isinstance(workers, OnRay) or asked.several:
        most = workers.most if isinstance(workers, OnRay) else workers
        return "ray" if most is None else f"ray:{most}"
    return "auto" if workers is None else str(workers)


def _options(asked: Asked, workers: Workers, job: SlurmJob) -> list[str]:
    return sbatch_words(asked, cores=_cores(asked, workers), name=job.name, comment=job.comment, output=job.output)


def _cores(asked: Asked, workers: Workers) -> int | None:
    """Of a job on one node: one for each worker; 0 where the options say, None for whole nodes."""
    if any(each.startswith(_OF_CORES) for each in asked.options):
        return 0
    if asked.several:
        return None  # `ray symmetric-run` starts on no node where another Ray runs, and its end stops them all
    return workers if isinstance(workers, int) else asked.gpus_per_node


def _new_job(name: str, asked: Asked, script: Path, argv: tuple[str, ...]) -> SlurmJob:
    token = secrets.token_hex(8)
    return SlurmJob(
        name=f"tlm-{name}",
        comment=f"tlm-sweeps-{token}",
        user=getpass.getuser(),
        submitted_at=datetime.now(UTC).isoformat(timespec="seconds"),
        requeue=asked.requeue,
        script=str(script),
        output=str(script.with_name(f"output-{token}.log")),
        argv=tuple(map(redacted, argv)),
    )


def _forget(folder: Path, former: SlurmJob | None) -> None:
    """Leave what is known as it was before a job that was refused."""
    if former is None:
        forget_job(folder)
    else:
        write_job(folder, former)


# --- what is refused


def _ensure_ray(asked: Asked, workers: Workers) -> None:
    wants_ray = asked.several or isinstance(workers, OnRay)
    if wants_ray and importlib.util.find_spec("ray") is None:
        place = "--nodes" if asked.several else "--workers"
        hint = "pip install 'tlm-sweeps[ray]'; one node (`--nodes 1`) needs no Ray"
        raise InputError("several nodes work together by Ray, which is not installed", place=place, hint=hint)


def _ensure_nobody_trains(folder: Path) -> None:
    if is_held(folder):
        writer = writer_of(folder)
        who = f"pid {writer.pid} on {writer.host}" if writer else "a process of this machine"
        hint = f"watch it with `tlm-sweeps status {folder.name}`; end it with Ctrl-C to submit the rest as a job"
        raise InputError(f"sweep `{folder.name}` is already running as {who}", place=str(folder), hint=hint)


def _ensure_no_job(former: SlurmJob | None) -> None:
    if former is None or not (standing := slurm.standing(former)).may_be_there:
        return
    number = standing.id or "(its number is not known)"
    if standing.stage == "unanswered":
        message = f"whether Slurm job {number} of this sweep is still there cannot be told: {standing.reason}"
        raise InputError(message, place=former.script, hint="type it again when Slurm answers")
    why = f" ({standing.reason})" if standing.reason else ""
    message = f"Slurm job {number} of this sweep is {standing.stage}{why}"
    raise InputError(message, place=former.script, hint=f"`scancel {number}` ends it; its runs go on in the next job")


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Be the only one who submits this sweep.

    Raises:
        InputError: somebody else does, or the folder is not ours to write.
    """
    own = slurm_folder(folder)
    folder.mkdir(parents=True, exist_ok=True)
    ensure_ours(folder)
    ensure_no_links(folder)
    own.mkdir(exist_ok=True)
    ensure_no_links(own)
    lock = os.open(own / "submitting.lock", os.O_RDWR | os.O_CREAT, 0o644)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    except BlockingIOError:
        hint = f"`tlm-sweeps status {folder.name}` shows its job in a moment"
        raise InputError(f"sweep `{folder.name}` is being submitted already", place=str(own), hint=hint) from None
    finally:
        os.close(lock)
