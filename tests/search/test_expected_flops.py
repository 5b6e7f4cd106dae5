"""What a sweep is said to spend before it has: the plan's FLOPs where the budget is a ceiling that no run reaches."""

from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

from tlm_sweeps.runs.record import Record
from tlm_sweeps.search.standing import read_status
from tlm_sweeps.search.sweeping import sweep
from tlm_sweeps.spec.sweep import SweepSpec

Swept = Callable[..., tuple[Record, ...]]
GRID: dict[str, Any] = {"search": {"model.heads": [1, 2]}, "engine": {"sampler": "grid"}}
CEILING: dict[str, Any] = GRID | {
    "experiment": {
        "model": {"kind": "transformer", "width": 16, "context": 8, "heads": 2},
        "training": {"batch_size": 8, "learning_rate": 3e-3, "epochs": 0.05},
        "evaluation": {"every": 0.5, "windows": 50},
    },
    "budget": {"flops": 1e13, "account": "2nd", "match": "none"},
}


def spent(records: tuple[Record, ...]) -> int:
    return sum((record.train_flops or {})["2nd"] for record in records)


def test_a_ceiling_is_not_what_a_sweep_will_spend(tiny: Callable[..., SweepSpec], swept: Swept, tmp_path: Path):
    with closing(sweep(tiny(**CEILING), tmp_path / "runs", workers=1)) as pictures:
        totals = {picture.total_flops for picture in pictures}
    first = swept(tiny(**CEILING))
    assert 0 < spent(first) < 1e10
    assert totals == {spent(first)}
    grown = swept(tiny(**CEILING, seeds=3))
    progress = read_status(tmp_path / "runs" / "tiny").progress
    assert progress.total_flops == progress.spent_flops == spent(grown) == 3 * spent(first)


def test_what_is_left_of_a_sweep_in_its_midst_is_the_plan_s(tiny: Callable[..., SweepSpec], tmp_path: Path):
    spec = tiny(**CEILING, seeds=20)
    with closing(sweep(spec, tmp_path / "runs", workers=1)) as pictures:
        picture = next(picture for picture in pictures if picture.news)
    status = read_status(tmp_path / "runs" / "tiny")
    assert picture.total_flops == status.progress.total_flops == 40 * spent(picture.news[:1])
    assert picture.spent_flops < 0.5 * (picture.total_flops or 0)


def test_a_total_and_a_budget_that_is_spent_are_shown_as_ever(
    tiny: Callable[..., SweepSpec], swept: Swept, tmp_path: Path
):
    swept(tiny(**CEILING | {"budget": CEILING["budget"] | {"total": 5e13}}))
    assert read_status(tmp_path / "runs" / "tiny").progress.total_flops == 5e13
    swept(tiny(**GRID, budget={"flops": 3e8}), runs="matched")
    assert read_status(tmp_path / "matched" / "tiny").progress.total_flops == 6e8
