"""One contract for every engine: what is trained, at what cost, and what becomes of the rest, with real parts."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tlm_sweeps.report.wandb.reading import sweep_results
from tlm_sweeps.runs.record import Record
from tlm_sweeps.spec.sweep import SweepSpec

Tiny = Callable[..., SweepSpec]
Searched = Callable[..., tuple[Record, ...]]

METHODS = {
    "optuna": {"grid": {"sampler": "grid"}, "random": {"sampler": "random"}},
    "wandb": {"grid": {"kind": "wandb", "method": "grid"}, "random": {"kind": "wandb", "method": "random"}},
}


@pytest.fixture(params=["optuna", "wandb"])
def searched(request: pytest.FixtureRequest, tiny: Tiny, tmp_path: Path) -> Searched:
    """Searches a sweep to its end with an engine; every run's record as a report reads it, and the FLOPs charged."""

    def by_optuna(spec: SweepSpec) -> tuple[Record, ...]:
        return request.getfixturevalue("swept")(spec, workers=2)

    def by_wandb(spec: SweepSpec) -> tuple[Record, ...]:
        agents = request.getfixturevalue("launched")(spec)
        agents.ours()
        agents.finish()
        return sweep_results(agents.path).records

    def search(method: str, trials: int | None = None, **changes: Any) -> tuple[Record, ...]:
        engine = METHODS[request.param][method] | ({} if trials is None else {"trials": trials})
        return {"optuna": by_optuna, "wandb": by_wandb}[request.param](tiny(engine=engine, **changes))

    return search


def is_within_a_per_cent(record: Record) -> bool:
    return 0.99 <= (record.train_flops or {})["matmul"] / (record.budget_flops or 1) <= 1


def test_a_grid_trains_each_feasible_cell_once_at_each_budget(searched: Searched):
    search = {"model.depth": [1, 2], "model.heads": [2, 3]}
    baselines = {"wide": {"model.width": 32, "model.heads": 1, "model.depth": 1}}
    records = searched("grid", search=search, baselines=baselines, budget={"flops": [5e8, 1e9]})
    complete = [record for record in records if record.state == "complete"]
    cells = sorted((str(each.baseline or each.settings["model.depth"]), each.budget_flops) for each in complete)
    assert cells == [(name, flops) for name in ("1", "2", "wide") for flops in (500_000_000, 1_000_000_000)]
    assert all(is_within_a_per_cent(record) for record in complete)
    for record in records:
        if record not in complete:
            assert record.state == "infeasible", "a width of 16 has no 3 heads"
            assert record.train_flops is None
            assert "3" in record.reason


def test_every_seed_of_a_trial_is_trained_and_the_same_seed_gives_the_same_result(searched: Searched):
    search = {"training.learning_rate": {"log_uniform": [1e-3, 1e-2]}}
    records = searched("random", trials=2, search=search, seeds=2)
    assert [(record.trial, record.seed, record.state) for record in records] == [
        (0, 0, "complete"),
        (0, 1, "complete"),
        (1, 0, "complete"),
        (1, 1, "complete"),
    ]
    for first, second in (records[:2], records[2:]):
        assert first.settings == second.settings
        assert first.fingerprint == second.fingerprint
        assert first.val_nll != second.val_nll


def test_the_total_is_never_overspent(searched: Searched):
    search = {"training.learning_rate": {"log_uniform": [1e-3, 1e-2]}}
    records = searched("random", trials=6, search=search, budget={"flops": 1e9, "total": 2.5e9})
    spent = [(record.train_flops or {})["matmul"] for record in records if record.state == "complete"]
    assert len(spent) == 2
    assert sum(spent) <= 2.5e9
    assert {record.state for record in records} <= {"complete", "infeasible"}


def test_a_run_that_fails_is_recorded_and_the_search_goes_on(searched: Searched):
    search = {"training.learning_rate": [1e-3, 1e12]}
    records = searched("grid", search=search)
    by_rate = {record.settings["training.learning_rate"]: record for record in records}
    assert by_rate[1e-3].state == "complete"
    failed = by_rate[1e12]
    assert failed.state == "failed"
    assert "diverged" in failed.reason or "nan" in failed.reason.lower() or "inf" in failed.reason
    assert failed.train_flops
    assert 0 < failed.train_flops["matmul"] <= 1e9
