"""Telling W&B the whole of a run that has ended: one that was never begun, or whose end its server has missed."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from tlm_sweeps.runs.record import Measurement, Record
from tlm_sweeps.search.wandb.trial import OfferedTrial, place_of
from tlm_sweeps.spec.identity import identity
from tlm_sweeps.tracking.tracked_run import PLANNED, TrackedRun
from tlm_sweeps.tracking.tracker import open_tracker


def tell_whole(trial: OfferedTrial, record: Record, measurements: Sequence[Measurement], folder: Path) -> str:
    """Open the run under its id, log its curves and close it with its record. Returns within seconds, never raises.

    Args:
        trial: that the run is of.
        record: of the run, in a state that is over.
        measurements: in order.
        folder: the run's.

    Returns:
        What went wrong, in a line for people; empty when W&B knows all.
    """
    folder.mkdir(parents=True, exist_ok=True)
    spec, known = trial.spec, record.model_dump(mode="json")
    run = TrackedRun(
        run_id=record.run_id,
        sweep=record.sweep,
        sweep_fingerprint=identity(trial.offer.carried.spec),
        trial=record.trial,
        seed=record.seed,
        settings=record.settings,
        spec=record.spec,
        budget_flops=record.budget_flops,
        account=spec.budget.account if spec.budget else "matmul",
        n_params=record.n_params,
        folder=folder,
        tags=spec.tracking.tags,
        provenance=known["provenance"],
        planned={name: known[name] for name in PLANNED},
        place=place_of(trial, record),
    )
    tracker = open_tracker(spec.tracking, run)
    for each in measurements:
        tracker.log(each)
    tracker.finish(known, record.state)
    return tracker.complaint
