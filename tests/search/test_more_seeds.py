"""A sweep whose results steer nothing may be given more seeds: only those are trained that are missing."""

from collections.abc import Callable, Iterator
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


def spent(folder: Path) -> int:
    with reading(folder) as ledger:
        return ledger.spent_flops()


def test_more_seeds_of_a_grid_give_what_all_seeds_at_once_would_have_given(grid: Grid, swept: Swept, tmp_path: Path):
    first = swept(grid(seeds=1))
    grown = swept(grid(seeds=3), workers=2)
    assert [record for record in grown if record.seed == 0] == list(first), "what was trained is not trained again"
    assert results(grown) == results(swept(grid(seeds=3), runs="at-once"))
    charged = sum((record.train_flops or {})["matmul"] for record in grown)
    assert spent(tmp_path / "runs" / "tiny") == charged


def test_seeds_in_words_grow_by_those_that_follow(grid: Grid, swept: Swept):
    swept(grid(seeds=(7, 3)))
    grown = swept(grid(seeds=(7, 3, 11)))
    assert [(record.trial, record.seed) for record in grown] == [(t, s) for t in range(3) for s in (7, 3, 11)]


@pytest.fixture
def interrupted(tmp_path: Path) -> Callable[[SweepSpec], SweepResults]:
    """Goes on with a sweep until one more run has ended, interrupts it, and reads what is there."""

    def run(spec: SweepSpec) -> SweepResults:
        with closing(sweep(spec, tmp_path / "runs", workers=1)) as pictures:
            next(picture for picture in pictures if picture.news)
        with reading(tmp_path / "runs" / spec.name) as ledger:
            return SweepResults(spec, ledger.records(), {}, ledger.spent_flops(), "", "")

    return run


def test_a_growing_sweep_may_be_interrupted_and_ranks_only_trials_with_all_seeds(
    grid: Grid, swept: Swept, interrupted: Callable[[SweepSpec], SweepResults]
):
    swept(grid(seeds=1))
    assert len(leaderboard(interrupted(grid(seeds=3)))) == 0
    left = interrupted(grid(seeds=3))
    assert 1 <= len(leaderboard(left)) < 3
    assert {record.state for record in left.records} == {"complete", "waiting"}
    assert results(swept(grid(seeds=3))) == results(swept(grid(seeds=3), runs="at-once"))


def test_an_unfinished_sweep_grows_where_it_stands(
    grid: Grid, swept: Swept, interrupted: Callable[[SweepSpec], SweepResults]
):
    assert len(interrupted(grid(seeds=2)).records) < 6
    assert results(swept(grid(seeds=3))) == results(swept(grid(seeds=3), runs="at-once"))


def test_a_sweep_without_a_search_and_a_random_one_grow_as_well(grid: Grid, swept: Swept):
    for changes in ({"search": {}, "engine": {}}, {"engine": {"sampler": "random", "trials": 2}, "baselines": {}}):
        name = {"name": f"tiny-{len(changes)}-{'search' in changes}"}
        first = swept(grid(seeds=1, **changes, **name))
        assert len(swept(grid(seeds=2, **changes, **name))) == 2 * len(first)


@pytest.fixture
def refusal(swept: Swept, tmp_path: Path) -> Iterator[Callable[[SweepSpec], str]]:
    """The hint of a refusal, which leaves the ledger as it was."""

    def refused(spec: SweepSpec) -> str:
        ledger = tmp_path / "runs" / spec.name / "ledger.sqlite"
        before = ledger.read_bytes()
        with pytest.raises(InputError) as caught:
            swept(spec)
        assert ledger.read_bytes() == before
        return caught.value.problems[0].hint

    return refused


@pytest.mark.parametrize(
    "engine", [{"sampler": "tpe", "trials": 1}, {"sampler": "grid", "pruner": "median"}, {"kind": "wandb"}]
)
def test_where_results_steer_the_search_more_seeds_are_refused(
    grid: Grid, swept: Swept, refusal: Callable[[SweepSpec], str], engine: dict[str, Any]
):
    swept(grid(seeds=1, engine=engine))
    hint = refusal(grid(seeds=2, engine=engine))
    assert "`pruner: none`" in hint
    assert "--set name=tiny-2" in hint


def test_fewer_or_other_seeds_than_were_trained_are_refused(
    grid: Grid, swept: Swept, refusal: Callable[[SweepSpec], str]
):
    swept(grid(seeds=2))
    for seeds in (1, (1, 0, 2), (0,), (5, 6)):
        assert "begin with 0, 1" in refusal(grid(seeds=seeds))
    assert len(swept(grid(seeds=(0, 1, 9)))) == 9, "the hint, followed"
    assert len(swept(grid(name="tiny-2", seeds=1))) == 3, "the other way out"


def test_a_total_that_cannot_hold_the_new_seeds_is_refused_and_the_hint_says_which_can(
    grid: Grid, swept: Swept, refusal: Callable[[SweepSpec], str], tmp_path: Path
):
    swept(grid(seeds=1, budget={"flops": 3e8, "total": 1e9}))
    hint = refusal(grid(seeds=2, budget={"flops": 3e8, "total": 1e9}))
    total = int(hint.split("budget.total=")[1].split("`")[0])
    grown = swept(grid(seeds=2, budget={"flops": 3e8, "total": total}))
    assert [record.state for record in grown] == ["complete"] * 6
    assert spent(tmp_path / "runs" / "tiny") <= total
