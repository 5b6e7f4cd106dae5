"""A sweep becomes a W&B sweep, once: the same call again goes on with the one that was made."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from tlm_sweeps.compute.feasibility import ensure_feasible
from tlm_sweeps.corpora.texts import facts_reader
from tlm_sweeps.errors import InputError, RunError
from tlm_sweeps.runs.folders import ensure_writable, sweep_folder, sweep_names
from tlm_sweeps.search.wandb.config import LaunchPlan, sweep_config
from tlm_sweeps.search.wandb.config_schema import schema_problems
from tlm_sweeps.search.wandb.destination import Destination
from tlm_sweeps.search.wandb.launchable import ensure_launchable
from tlm_sweeps.search.wandb.launched import FILE, LaunchedSweep, read_launched, write_launched
from tlm_sweeps.search.wandb.scheduling import scheduler_section, server_has_scheduler
from tlm_sweeps.search.wandb.service import Service
from tlm_sweeps.spec.difference import difference
from tlm_sweeps.spec.fingerprint import fingerprint
from tlm_sweeps.spec.sweep import SweepSpec, WandbEngine
from tlm_sweeps.tracking.wandb_paths import SweepPath


@dataclass(frozen=True)
class Launch:
    """A W&B sweep that agents can work for."""

    sweep: LaunchedSweep
    plan: LaunchPlan
    resumes: bool
    """Whether it had been made before."""


def launch(
    spec: SweepSpec, runs: Path, *, entity: str | None = None, project: str | None = None, data_dir: Path | None = None
) -> Launch:
    """Make a W&B sweep of a sweep, or find the one that was made of it.

    Args:
        spec: its engine is of kind wandb.
        runs: folder of all sweeps; `runs/<name>` remembers what was made.
        entity: user or team at W&B; default: the spec's, else the account's own.
        project: at W&B; default: the spec's.
        data_dir: where named corpora are looked for first.

    Raises:
        InputError: the sweep cannot be, is another one than was made, nobody is logged in, or W&B does not answer.
        RunError: W&B does not make the sweep.
    """
    folder, facts_of = sweep_folder(runs, spec.name), facts_reader(data_dir)
    known = read_launched(folder)
    ensure_launchable(spec)
    _ensure_not_searched_here(spec, runs, folder)
    if known is not None:
        _ensure_same(spec, known, folder, entity, project)
    ensure_feasible(spec, facts_of)
    sweep_config(spec, facts_of)  # what it refuses is refused before W&B is asked
    ensure_writable(folder)  # a sweep that could not be remembered would be made again by the next call
    if known is not None:
        _ensure_there(known, folder)
        section = scheduler_section(spec, folder, data_dir=data_dir) if known.has_scheduler else None
        return Launch(known, sweep_config(spec, facts_of, scheduler=section), resumes=True)
    destination = Destination(entity or spec.tracking.entity, project or spec.tracking.project)
    section, notes = _scheduler(spec, destination, folder, data_dir)
    plan = sweep_config(spec, facts_of, scheduler=section)
    plan = LaunchPlan(plan.config, plan.way, plan.runs, (*notes, *plan.notes))
    return Launch(_made(spec, plan, destination, folder), plan, resumes=False)


def _made(spec: SweepSpec, plan: LaunchPlan, destination: Destination, folder: Path) -> LaunchedSweep:
    if problems := schema_problems(plan.config):
        listed = "\n  ".join(problems)
        raise RunError(f"W&B's schema of sweeps does not take the configuration:\n  {listed}")
    sweep_id = destination.make_sweep(plan.config)
    launched = LaunchedSweep(
        id=sweep_id,
        entity=destination.entity,
        project=destination.project,
        base_url=destination.base_url,
        url=destination.url(sweep_id),
        fingerprint=fingerprint(spec),
        spec=spec,
        has_scheduler=plan.way == "scheduler",
        created_at=datetime.now(UTC).isoformat(timespec="seconds"),
    )
    write_launched(folder, launched)
    return launched


def _scheduler(
    spec: SweepSpec, destination: Destination, folder: Path, data_dir: Path | None
) -> tuple[dict[str, str] | None, tuple[str, ...]]:
    """The scheduler's section of the configuration, or why there is none although it was asked for."""
    if not isinstance(spec.engine, WandbEngine) or spec.engine.scheduler == "server":
        return None, ()
    if not server_has_scheduler():
        return None, (f"{destination.base_url} cannot be driven by a local scheduler: its own search is used",)
    return scheduler_section(spec, folder, data_dir=data_dir), ()


def _ensure_not_searched_here(spec: SweepSpec, runs: Path, folder: Path) -> None:
    if spec.name in sweep_names(runs):
        hint = (
            f"`tlm-sweeps sync {spec.name}` uploads it; for a W&B sweep of its own add `--set name={spec.name}-wandb`"
        )
        raise InputError(f"sweep `{spec.name}` has been searched on this machine", place=str(folder), hint=hint)


def _ensure_same(spec: SweepSpec, known: LaunchedSweep, folder: Path, entity: str | None, project: str | None) -> None:
    """Refuse what is not the sweep that was made."""
    comparable = known.spec.model_copy(update={"question": spec.question, "tracking": spec.tracking})
    own_name = f"give the changed sweep a name of its own, e.g. `--set name={spec.name}-2`"
    if changes := difference(comparable, spec):
        listed = "\n  ".join(changes)
        message = f"sweep `{spec.name}` has been launched as {known.path} with another spec:\n  {listed}"
        raise InputError(message, place=str(folder / FILE), hint=own_name)
    if (entity or known.entity, project or known.project) != (known.entity, known.project):
        where = f"{entity or known.entity}/{project or known.project}"
        message = f"sweep `{spec.name}` has been launched as {known.path}, not in {where}"
        raise InputError(message, place=str(folder / FILE), hint=own_name)


def _ensure_there(known: LaunchedSweep, folder: Path) -> None:
    """Refuse to go on with a sweep of another server, or that was deleted."""
    destination = Destination(known.entity, known.project)
    if destination.base_url != known.base_url:
        message = f"{known.path} was made at {known.base_url}, and you are logged in at {destination.base_url}"
        hint = f"set WANDB_BASE_URL={known.base_url}, or give the sweep another name with `--set name=…`"
        raise InputError(message, place=str(folder / FILE), hint=hint)
    try:
        Service(SweepPath(known.entity, known.project, known.id)).sweep_config()
    except InputError as error:
        hint = f"if it was deleted, remove {folder / FILE}: the same command then launches it anew"
        raise InputError(error.problems[0].message, place=str(folder / FILE), hint=hint) from error
