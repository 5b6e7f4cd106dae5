"""Telling W&B the whole of a run that has ended: one that was never begun, or whose end its server has missed."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tlm_sweeps.runs.record import Measurement, Record
from tlm_sweeps.search.wandb.trial import OfferedTrial, place_of
from tlm_sweeps.spec.identity import identity
from tlm_sweeps.spec.sweep import TrackingSpec
from tlm_sweeps.tracking.tracked_run import PLANNED, TrackedRun, WandbPlace
from tlm_sweeps.tracking.tracker import open_tracker
from tlm_sweeps.tracking.wandb_paths import SweepPath


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


def hand_back(path: SweepPath, run_id: str, parameters: Mapping[str, Any]) -> None:
    """Let W&B give a proposal to another agent: open its run, marked preempting, and leave it unfinished.

    A run that was never opened would count as crashed, and its setting as tried.

    Args:
        path: of the sweep.
        run_id: W&B's.
        parameters: of the proposal, by which W&B's server knows it.
    """
    with tempfile.TemporaryDirectory(prefix="tlm-sweeps-") as folder:
        run = TrackedRun(
            run_id=run_id,
            sweep=path.sweep_id,
            sweep_fingerprint="",
            trial=0,
            seed=0,
            settings={},
            spec={},
            budget_flops=None,
            account="matmul",
            n_params=None,
            folder=Path(folder),
            place=WandbPlace(sweep_id=path.sweep_id, run_id=run_id, is_numbered=False, config=parameters),
        )
        tracking = TrackingSpec(wandb="online", entity=path.entity, project=path.project)
        open_tracker(tracking, run).mark_preempted()
