"""What a worker is told to train, of a spec's own experiment."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tlm_sweeps.compute.planning import plan_trial
from tlm_sweeps.corpora.texts import facts_reader
from tlm_sweeps.search.messages import TrainOrder
from tlm_sweeps.spec.sweep import SweepSpec, TrackingSpec


def train_order(spec: SweepSpec, folder: Path, **changes: Any) -> TrainOrder:
    """The order of the first run, judged by nobody and told to nobody unless that is changed."""
    planned = plan_trial(spec, {}, facts_reader())
    assert planned.matched is not None
    usual: dict[str, Any] = {
        "run_id": f"{spec.name}-0000-s0",
        "lease": 1,
        "sweep": spec.name,
        "sweep_fingerprint": "f",
        "trial": 0,
        "seed": 0,
        "experiment": planned.matched.experiment,
        "steps": planned.matched.steps.total,
        "windows_per_epoch": planned.matched.steps.windows_per_epoch,
        "settings": {},
        "budget_flops": planned.budget_flops,
        "account": "matmul",
        "n_params": 1,
        "folder": str(folder),
        "checkpoints": (),
        "judged": False,
        "tracking": TrackingSpec(),
        "provenance": {},
    }
    return TrainOrder(**(usual | changes))
