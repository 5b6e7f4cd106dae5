"""A sweep whose results steer nothing may be given more seeds: only those are trained that are missing."""

from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tlm_sweeps.errors import InputError
from tlm_sweeps.report.sources import SweepResults
from tlm_sweeps.report.statistics import leaderboard
from tlm_sweeps.runs.ledger import reading
from tlm_sweeps.runs.record import Record
from tlm_sweeps.search.sweeping import sweep
from tlm_sweeps.spec.sweep import SweepSpec

Swept = Callable[..., tuple[Record, ...]]
Grid = Callable[..., SweepSpec]


@pytest.fixture
def grid(tiny: Callable[..., SweepSpec]) -> Grid:
    """Makes a grid of two cells and a baseline, with sections replaced."""

    def make(**changes: Any) -> SweepSpec:
        plain: dict[str, Any] = {
            "search": {"model.heads": [1, 2]},
            "baselines": {"deep": {"model.depth": 2}},
            "engine": {"sampler": "grid"},
            "budget": {"flops": 3e8},
        }
        return tiny(**(plain | changes))

    return make


def results(records: tuple[Record, ...]) -> list[dict[str, Any]]:
    """What must not depend on when a run was trained, in the order of trials and seeds."""
    timing = {"wall_seconds", "peak_memory_bytes", "started_at", "finished_at", "provenance"}
    ordered = sorted(records, key=lambda record: (record.trial, record.seed))
    return [record.model_dump(exclude=timing) for record in ordered]


@pytest.fixture
def interrupted(tmp_path: Path) -> Callable[[SweepSpec], SweepResults]:
    """Goes on with a sweep until one more run has ended, interrupts it, and reads what is there."""

    def run(spec: SweepSpec) -> SweepResults:
        with closing(sweep(spec, tmp_path / "runs", workers=1)) as pictures:
            next(picture for picture in pictures if picture.news)
        with reading(tmp_path / "runs" / spec.name) as ledger:
            return SweepResults(spec, ledger.records(), {}, ledger.spent_flops(), "", "")

    return run


def spent(folder: Path) -> int:
    with reading(folder) as ledger:
        return ledger.spent_flops()


def test_more_seeds_whenever_they_are_asked_for_give_what_all_at_once_would_have_given(
    grid: Grid, swept: Swept, interrupted: Callable[[SweepSpec], SweepResults], tmp_path: Path
):
    first = swept(grid(seeds=1))
    left = interrupted(grid(seeds=2))
    both = [trial for trial in range(3) if [r.state for r in left.records if r.trial == trial] == ["complete"] * 2]
    assert len(both) < 3
    assert sorted(trial.trial for trial in leaderboard(left)) == both, "only trials with all seeds are ranked"
    grown = swept(grid(seeds=3), workers=2)
    assert [record for record in grown if record.seed == 0] == list(first), "what was trained is not trained again"
    assert results(grown) == results(swept(grid(seeds=3), runs="at-once"))
    charged = sum((record.train_flops or {})["matmul"] for record in grown)
    assert spent(tmp_path / "runs" / "tiny") == charged


@pytest.fixture
def hint_of(swept: Swept, tmp_path: Path) -> Callable[[SweepSpec], str]:
    """The hint of a refusal, which leaves the ledger as it was."""

    def refused(spec: SweepSpec) -> str:
        ledger = tmp_path / "runs" / spec.name / "ledger.sqlite"
        before = ledger.read_bytes()
        with pytest.raises(InputError) as caught:
            swept(spec)
        assert ledger.read_bytes() == before
        return caught.value.problems[0].hint

    return refused


def test_seeds_grow_at_their_end_and_nothing_else_is_accepted(
    grid: Grid, swept: Swept, hint_of: Callable[[SweepSpec], str]
):
    swept(grid(seeds=(7, 3), baselines={}))
    for seeds in (1, 2, 3, (7,), (3, 7, 11)):
        assert "begin with 7, 3;" in hint_of(grid(seeds=seeds, baselines={}))
    grown = swept(grid(seeds=(7, 3, 11), baselines={}))
    assert [(record.trial, record.seed) for record in grown] == [(t, s) for t in range(2) for s in (7, 3, 11)]


def test_where_results_steer_the_search_more_seeds_are_refused(
    grid: Grid, swept: Swept, hint_of: Callable[[SweepSpec], str]
):
    engine = {"sampler": "tpe", "trials": 1}
    swept(grid(seeds=1, engine=engine, baselines={}))
    hint = hint_of(grid(seeds=2, engine=engine, baselines={}))
    assert "which no result steers" in hint
    assert "--set name=tiny-2" in hint


def test_a_total_that_cannot_hold_the_new_seeds_is_refused_and_the_hint_says_which_can(
    grid: Grid, swept: Swept, hint_of: Callable[[SweepSpec], str], tmp_path: Path
):
    random: dict[str, Any] = {"engine": {"sampler": "random", "trials": 2}, "baselines": {}}
    first = swept(grid(seeds=1, budget={"flops": 3e8, "total": 7e8}, **random))
    hint = hint_of(grid(seeds=2, budget={"flops": 3e8, "total": 7e8}, **random))
    total = int(hint.split("budget.total=")[1].split("`")[0])
    grown = swept(grid(seeds=2, budget={"flops": 3e8, "total": total}, **random))
    assert [(each.trial, each.seed) for each in grown] == [(each.trial, seed) for each in first for seed in (0, 1)]
    assert {record.state for record in grown} == {"complete"}
    assert 1.1e9 < spent(tmp_path / "runs" / "tiny") <= total


def cost(record: Record) -> int:
    return (record.train_flops or {})["matmul"]


def test_the_new_seeds_cost_their_number_times_a_run_to_the_last_flop(
    grid: Grid, swept: Swept, hint_of: Callable[[SweepSpec], str]
):
    def spec(seeds: int, total: int) -> SweepSpec:
        engine = {"sampler": "random", "trials": 2}
        return grid(seeds=seeds, engine=engine, baselines={}, budget={"flops": 3e8, "total": total})

    whole = sum(map(cost, swept(spec(1, 7 * 10**8))))
    assert hint_of(spec(4, 4 * whole - 1)).endswith(f"budget.total={4 * whole}`")
    assert sum(map(cost, swept(spec(4, 4 * whole)))) == 4 * whole


def test_what_waiting_runs_will_spend_is_not_left_for_new_seeds(
    grid: Grid,
    swept: Swept,
    interrupted: Callable[[SweepSpec], SweepResults],
    hint_of: Callable[[SweepSpec], str],
):
    def spec(seeds: int, total: int) -> SweepSpec:
        return grid(seeds=seeds, search={}, baselines={}, budget={"flops": 3e8, "total": total})

    left = interrupted(spec(2, 7 * 10**8))
    assert [record.state for record in left.records] == ["complete", "waiting"]
    run = cost(left.records[0])
    assert hint_of(spec(3, 3 * run - 1)).endswith(f"budget.total={3 * run}`")
    assert [cost(record) for record in swept(spec(3, 3 * run))] == [run] * 3
