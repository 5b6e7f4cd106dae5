"""What a plan predicts of a worker's memory, against what real workers held at most."""

import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tlm_sweeps.compute.memory import memory_bytes
from tlm_sweeps.corpora.texts import facts_reader
from tlm_sweeps.search.messages import Ended, GoOn, Measured, TrainOrder
from tlm_sweeps.search.pool import LocalPool
from tlm_sweeps.spec.sweep import SweepSpec

Tiny = Callable[..., SweepSpec]
OrderOf = Callable[[SweepSpec, Path], TrainOrder]

TRANSFORMER = {"kind": "transformer", "width": 128, "depth": 3, "heads": 4, "context": 128}
MANY_WEIGHTS = {"kind": "mlp", "width": 128, "hidden": 1024, "context": 128}
WINDOWS = {"batch_size": 64}
RUNS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "many activations": (TRANSFORMER, WINDOWS),
    "half as wide numbers": (TRANSFORMER, WINDOWS | {"precision": "bf16"}),
    "attention weights": (TRANSFORMER | {"dropout": 0.1}, WINDOWS | {"batch_size": 32}),
    "many weights": (MANY_WEIGHTS, WINDOWS | {"predict": "last"}),
    "nothing": (TRANSFORMER | {"width": 16, "depth": 1, "context": 16}, {"batch_size": 8}),
}


def peak_of(pool: LocalPool, order: TrainOrder) -> int:
    pool.send(0, order)
    while True:
        for _, report in pool.wait(60):
            if isinstance(report, Measured):
                pool.send(0, GoOn(run_id=report.run_id))
            if isinstance(report, Ended):
                assert report.state == "complete", report.reason
                peak = report.results["peak_memory_bytes"]
                assert isinstance(peak, int)
                return peak


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere a worker's peak is that of all its runs")
def test_a_plan_predicts_a_worker_s_memory_within_a_quarter(tiny: Tiny, order_of: OrderOf, tmp_path: Path):
    ratios: dict[str, float] = {}
    with closing(LocalPool(1, tmp_path)) as pool:
        for name, (model, training) in RUNS.items():
            experiment = {"model": model, "training": training | {"epochs": 1.0}, "evaluation": {"windows": 16}}
            spec = tiny(experiment=experiment, search={}, engine={}, budget=None)
            order = order_of(spec, tmp_path / name).model_copy(update={"steps": 2})
            predicted = memory_bytes(order.experiment, facts_reader()(order.experiment))
            ratios[name] = predicted / peak_of(pool, order)
    assert all(0.8 < ratio < 1.25 for ratio in ratios.values()), ratios
