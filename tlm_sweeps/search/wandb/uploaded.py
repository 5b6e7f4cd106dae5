"""The sweep at W&B that a sweep of this machine was, or is to be, uploaded as."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from tlm_sweeps.compute.planning import FactsOf
from tlm_sweeps.errors import InputError
from tlm_sweeps.search.wandb.config import sweep_config
from tlm_sweeps.search.wandb.destination import Destination
from tlm_sweeps.search.wandb.launched import FILE, LaunchedSweep, ensure_not_launched, read_launched, write_launched
from tlm_sweeps.search.wandb.local_runs import LocalSweep
from tlm_sweeps.spec.fingerprint import fingerprint
from tlm_sweeps.spec.sweep import WandbEngine


def destination_of(local: LocalSweep, entity: str | None, project: str | None) -> Destination:
    """Where a sweep's runs go: where it said, where it is already, or where its spec says, in this order.

    Raises:
        InputError: when it is somewhere else already, nobody is logged in, or the server does not answer.
    """
    known, tracking = read_launched(local.folder), local.spec.tracking
    if known is None:
        return Destination(entity or tracking.entity, project or tracking.project)
    for asked, there, option in ((entity, known.entity, "--entity"), (project, known.project, "--project")):
        if asked not in (None, there):
            hint = f"leave {option} out; what is at W&B can be moved to another project there"
            raise _elsewhere(local, known, hint)
    server = Destination(known.entity, known.project)
    if server.base_url != known.base_url:
        raise _elsewhere(local, known, f"set WANDB_BASE_URL={known.base_url}")
    return server


@dataclass(frozen=True)
class SweepThere:
    """The sweep at the server that runs are to hang under."""

    id: str | None
    """None where runs need none: those of an agent know their sweep, those of an Optuna sweep have none."""
    warnings: tuple[str, ...] = ()
    """What the server said when it was made."""


def sweep_at(server: Destination, local: LocalSweep, facts_of: FactsOf) -> SweepThere:
    """The sweep at the server, which is made when it was not made yet.

    Raises:
        InputError: when it was made, and is not there any more.
        RunError: when the server refuses it or does not answer.
    """
    if not local.was_searched_here or not isinstance(local.spec.engine, WandbEngine):
        return SweepThere(None)
    known = read_launched(local.folder)
    ensure_not_launched(local.folder)
    if known is not None:
        if not server.has_sweep(known.id):
            raise _gone(local, known)
        return SweepThere(known.id)
    made = server.make_sweep_of_runs(sweep_config(local.spec, facts_of).config)
    sweep = LaunchedSweep(
        id=made.id,
        entity=server.entity,
        project=server.project,
        base_url=server.base_url,
        url=server.url(made.id),
        fingerprint=fingerprint(local.spec),
        spec=local.spec,
        made_by="sync",
        created_at=datetime.now(UTC).isoformat(timespec="seconds"),
    )
    write_launched(local.folder, sweep)
    return SweepThere(made.id, made.warnings)


def _gone(local: LocalSweep, known: LaunchedSweep) -> InputError:
    return InputError(
        f"sweep {known.path} is not at {known.base_url} any more",
        place=str(local.folder / FILE),
        hint="to upload the runs into a new sweep, move this file away and call the same command again",
    )


def _elsewhere(local: LocalSweep, known: LaunchedSweep, hint: str) -> InputError:
    return InputError(
        f"sweep `{local.folder.name}` is at W&B already: {known.path} at {known.base_url}",
        place=str(local.folder / FILE),
        hint=hint,
    )
