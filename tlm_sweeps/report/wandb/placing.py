"""Where a sweep's W&B Report goes, which runs it shows, and what must be said of them."""

from __future__ import annotations

from tlm_sweeps.errors import InputError
from tlm_sweeps.report.wandb.document import Place
from tlm_sweeps.report.wandb.panels import RunsOf
from tlm_sweeps.spec.identity import identity
from tlm_sweeps.spec.sweep import SweepSpec
from tlm_sweeps.tracking.wandb_paths import SweepPath

_UNTRACKED = (
    "The runs of this sweep were not told to W&B (tracking.wandb is off): panels that W&B draws stay empty, "
    "the tables are whole."
)
_OFFLINE = (
    "The runs of this sweep were kept offline: panels that W&B draws fill once `tlm-sweeps sync {name}` has uploaded "
    "them, the tables are whole."
)


def place_of(
    spec: SweepSpec, sweep: SweepPath | None, *, entity: str | None = None, project: str | None = None
) -> Place:
    """The report's place: as asked, else where the W&B sweep is, else as the spec's `tracking` has it.

    Args:
        spec: the sweep's.
        sweep: the W&B sweep that it became, if it did.
        entity: as asked.
        project: as asked.

    Raises:
        InputError: when the report of a W&B sweep is to go where its runs are not.
    """
    if sweep is None:
        note = {"off": _UNTRACKED, "offline": _OFFLINE.format(name=spec.name), "online": ""}[spec.tracking.wandb]
        runs = RunsOf(None, identity(spec))
        return Place(entity or spec.tracking.entity, project or spec.tracking.project, runs, note)
    asked = (entity or sweep.entity, project or sweep.project)
    if asked != (sweep.entity, sweep.project):
        message = f"the runs of the W&B sweep {sweep} are not in {'/'.join(asked)}"
        raise InputError(message, hint="leave out --entity and --project: its report goes beside its runs")
    return Place(sweep.entity, sweep.project, RunsOf(sweep.sweep_id, identity(spec)))
