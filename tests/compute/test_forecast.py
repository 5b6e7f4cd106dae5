"""A sweep takes as long as its busiest worker, whatever the order, and its forecast says how sure it is."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tlm_sweeps.compute.facts import CorpusFacts
from tlm_sweeps.compute.forecast import Forecast, forecast, makespan
from tlm_sweeps.compute.planning import plan_sweep
from tlm_sweeps.compute.rates import Machine
from tlm_sweeps.spec.sweep import SweepSpec

FACTS = CorpusFacts("text", "char", 80, 100_000, 5_000, 5_000, "abc")
AT_ONCE = Machine(seconds_to_start=0.0)


def sweep(**changes: object) -> SweepSpec:
    given_spec = {
        "name": "s",
        "experiment": {
            "corpus": {"name": "python-docs"},
            "model": {"kind": "transformer", "width": 16, "heads": 2, "context": 16},
        },
        "search": {"model.depth": [1, 2, 3, 4]},
        "budget": {"flops": 2e10},
        "engine": {"sampler": "grid"},
    }
    return SweepSpec.model_validate(given_spec | changes)


def forecast_of(spec: SweepSpec, workers: int = 1, machine: Machine = AT_ONCE) -> Forecast:
    found = forecast(spec, plan_sweep(spec, lambda _: FACTS, machine=machine), workers, machine)
    assert found is not None
    return found


@given(st.lists(st.integers(0, 1000), max_size=40), st.integers(1, 8))
def test_no_sweep_ends_before_its_work_or_its_longest_run_and_none_much_later(seconds: list[int], workers: int):
    found, longest = makespan(seconds, workers), max(seconds, default=0)
    assert max(sum(seconds) / workers, longest) <= found <= sum(seconds) / workers + longest
    assert makespan(seconds, 1) == sum(seconds)
    assert makespan(seconds, workers=len(seconds) + 1) == longest


def test_a_grid_is_certain_and_a_search_is_not():
    certain = forecast_of(sweep())
    assert certain.seconds_low == certain.seconds == certain.seconds_high
    open_ = forecast_of(sweep(engine={"sampler": "random", "trials": 2}))
    assert open_.seconds_low < open_.seconds_high < certain.seconds


def test_the_last_run_is_waited_for_by_idle_workers():
    alone, both = forecast_of(sweep(), workers=1), forecast_of(sweep(), workers=2)
    assert both.seconds > alone.seconds / 2
    assert forecast_of(sweep(), workers=8).seconds == forecast_of(sweep(), workers=4).seconds


def test_more_workers_than_cores_are_no_faster():
    plan = plan_sweep(sweep(), lambda _: FACTS, machine=AT_ONCE)
    crowded, enough = (forecast(sweep(), plan, workers, AT_ONCE, cores=2) for workers in (7, 2))
    assert crowded is not None
    assert enough is not None
    assert crowded.seconds == enough.seconds
    assert (crowded.workers, enough.workers) == (7, 2)


def test_starting_and_tracking_take_their_time():
    assert forecast_of(sweep(), machine=Machine(seconds_to_start=5.0)).seconds > forecast_of(sweep()).seconds
    assert forecast_of(sweep(tracking={"wandb": "offline"})).seconds > forecast_of(sweep()).seconds


@pytest.mark.parametrize("trials", [1, 4])
def test_a_total_shortens_the_sweep_with_its_flops(trials: int):
    engine = {"sampler": "random", "trials": trials}
    whole, half = (forecast_of(sweep(engine=engine, budget=budget)) for budget in ({"flops": 2e10}, _HALF[trials]))
    assert half.train_flops < whole.train_flops
    assert half.seconds < whole.seconds


_HALF = {1: {"flops": 2e10, "total": 1e10}, 4: {"flops": 2e10, "total": 4e10}}
