"""The sweep at W&B that a sweep of this machine was, or is to be, uploaded as."""

from __future__ import annotations

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


def sweep_at(server: Destination, local: LocalSweep, facts_of: FactsOf) -> str | None:
    """The id of a sweep at the server, which is made when it is not there yet.

    Returns:
        None where runs need none: those of an agent know their sweep, those of an Optuna sweep have none.

    Raises:
        RunError: when the server refuses it or does not answer.
    """
    if not local.was_searched_here or not isinstance(local.spec.engine, WandbEngine):
        return None
    known = read_launched(local.folder)
    ensure_not_launched(local.folder)
    if known is not None:
        return known.id
    made = server.make_sweep(sweep_config(local.spec, facts_of).config)
    sweep = LaunchedSweep(
        id=made,
        entity=server.entity,
        project=server.project,
        base_url=server.base_url,
        url=server.url(made),
        fingerprint=fingerprint(local.spec),
        spec=local.spec,
        made_by="sync",
        created_at=datetime.now(UTC).isoformat(timespec="seconds"),
    )
    write_launched(local.folder, sweep)
    return sweep.id


def _elsewhere(local: LocalSweep, known: LaunchedSweep, hint: str) -> InputError:
    return InputError(
        f"sweep `{local.folder.name}` is at W&B already: {known.path} at {known.base_url}",
        place=str(local.folder / FILE),
        hint=hint,
    )
