"""A W&B sweep without W&B: searched here as any sweep is, its runs kept by the real client under one sweep id.

Both ids follow from the spec, so that a sweep that is paused, resumed or given more trials stays one sweep, and a run
one run. The server gives a sweep an id of its own when it is uploaded: see syncing.py.
"""

from __future__ import annotations

import hashlib

from tlm_sweeps.errors import InputError
from tlm_sweeps.runs.record import Record
from tlm_sweeps.spec.fingerprint import fingerprint
from tlm_sweeps.spec.identity import identity
from tlm_sweeps.spec.sweep import SweepSpec, WandbEngine
from tlm_sweeps.tracking.tracked_run import WandbPlace

_RUN_ID_LENGTH = 64
"""W&B's limit."""


def offline_spec(spec: SweepSpec) -> SweepSpec:
    """The same sweep, searched on this machine and kept for W&B in files.

    Raises:
        InputError: when W&B is not its engine.
    """
    if not isinstance(spec.engine, WandbEngine):
        hint = "add `--engine wandb`; for an Optuna sweep, `--set tracking.wandb=offline` keeps the runs for W&B"
        raise InputError("`--offline` is for W&B sweeps; the engine is optuna", place="engine.kind", hint=hint)
    return spec.model_copy(update={"tracking": spec.tracking.model_copy(update={"wandb": "offline"})})


def place_of(spec: SweepSpec, record: Record) -> WandbPlace | None:
    """Where a run of a local sweep belongs at W&B; None where W&B is not the engine.

    Args:
        spec: of the sweep.
        record: of the run, in any state.
    """
    if not isinstance(spec.engine, WandbEngine):
        return None
    sweep = identity(spec)
    digest = hashlib.sha256(f"{sweep}/{record.run_id}".encode()).hexdigest()[:12]
    return WandbPlace(
        sweep_id=sweep[:8],
        run_id=f"{record.run_id[: _RUN_ID_LENGTH - len(digest) - 1]}-{digest}",
        group=f"{spec.name}-{fingerprint(record.settings)[:8]}",
    )
