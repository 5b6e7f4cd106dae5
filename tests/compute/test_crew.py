"""How many workers a sweep gets: as many as cores, unless memory, its runs or the user say otherwise."""

from typing import Any

import pytest

from tlm_sweeps.compute.crew import Crew, crew_for, largest_run_bytes
from tlm_sweeps.compute.facts import CorpusFacts
from tlm_sweeps.compute.gpus import Gpu
from tlm_sweeps.compute.machine import Grant, Granted
from tlm_sweeps.compute.memory import SHARED_BYTES, memory_bytes
from tlm_sweeps.compute.planning import plan_trial
from tlm_sweeps.spec.experiment import ExperimentSpec
from tlm_sweeps.spec.sweep import SweepSpec

GIB = 2**30
FACTS = CorpusFacts("text", "char", 65, 10**6, 10**5, 10**5, "abc")


def facts_of(_: ExperimentSpec) -> CorpusFacts:
    return FACTS


def experiment(width: int = 128) -> dict[str, Any]:
    return {
        "corpus": {"name": "python-docs"},
        "model": {"kind": "transformer", "width": width, "context": 128, "heads": 4},
        "training": {"epochs": 1.0, "batch_size": 64},
    }


def sweep(**changes: Any) -> SweepSpec:
    data: dict[str, Any] = {
        "name": "s",
        "experiment": experiment(),
        "search": {"model.depth": (1, 2, 8)},
        "engine": {"sampler": "grid"},
    }
    return SweepSpec.model_validate(data | changes)


def machine(cores: int = 8, gibibytes: float | None = 64, seen: int | None = None) -> Granted:
    memory = None if gibibytes is None else Grant(round(gibibytes * GIB), "this machine's memory")
    return Granted(seen or cores, Grant(cores, "Slurm" if seen else "this machine"), memory)


def test_a_worker_a_core_and_nothing_to_say_where_there_is_room():
    assert crew_for(sweep(), facts_of, machine()) == Crew(8)
    assert crew_for(sweep(), facts_of, machine(gibibytes=None)) == Crew(8)


def test_fewer_workers_where_the_largest_runs_would_not_fit_and_the_user_is_told():
    crew = crew_for(sweep(), facts_of, machine(gibibytes=4))
    assert 1 < crew.workers < 8
    own = largest_run_bytes(sweep(), facts_of) - SHARED_BYTES
    assert SHARED_BYTES + crew.workers * own < 4 * GIB < SHARED_BYTES + (crew.workers + 2) * own
    assert f"{crew.workers} workers on 8 cores" in crew.note
    assert "4.0 GiB" in crew.note


def test_at_least_one_worker_even_where_nothing_fits():
    assert crew_for(sweep(), facts_of, machine(gibibytes=0.1)).workers == 1


def test_the_largest_run_of_a_space_too_large_to_plan_is_looked_for_at_its_ends():
    wide: dict[str, Any] = {"model.depth": (1, 8), "training.learning_rate": {"log_uniform": (1e-5, 1e-2)}}
    deepest = plan_trial(sweep(), {"model.depth": 8}, facts_of).matched
    assert deepest is not None
    assert largest_run_bytes(sweep(search=wide, engine={}), facts_of) == memory_bytes(deepest.experiment, FACTS)


def test_baselines_count_among_the_largest():
    larger = sweep(baselines={"big": {"model.width": 512}})
    assert largest_run_bytes(larger, facts_of) > largest_run_bytes(sweep(), facts_of)


def test_a_grant_below_what_the_machine_has_is_said():
    assert "8 workers on 64 cores: as many as Slurm grants" in crew_for(sweep(), facts_of, machine(seen=64)).note


@pytest.mark.parametrize(
    ("asked", "gibibytes", "said"), [(4, 64, ""), (12, 64, "share the 8 cores"), (8, 2, "may run out of memory")]
)
def test_who_asks_for_workers_gets_them_with_a_hint_when_they_are_too_many(asked: int, gibibytes: float, said: str):
    crew = crew_for(sweep(), facts_of, machine(gibibytes=gibibytes), asked=asked)
    assert (crew.workers, crew.threads) == (asked, 1)
    assert (said in crew.note) if said else not crew.note


@pytest.mark.parametrize("changes", [{"search": {}, "engine": {}}, {"engine": {"sampler": "tpe", "trials": 1}}])
def test_a_sweep_of_one_run_has_as_many_cores_as_its_steps_can_share(changes: dict[str, Any]):
    wide = sweep(experiment=experiment(width=1024), **changes)
    assert crew_for(wide, facts_of, machine()) == Crew(1, threads=8)
    assert crew_for(wide, facts_of, machine(), asked=3) == Crew(1, threads=3)
    assert crew_for(sweep(experiment=experiment(width=16), **changes), facts_of, machine()) == Crew(1)


@pytest.mark.parametrize("changes", [{"seeds": 2}, {"baselines": {"other": {"model.depth": 2}}}])
def test_two_runs_have_a_core_each(changes: dict[str, Any]):
    assert crew_for(sweep(search={}, engine={}, **changes), facts_of, machine()).threads == 1


def test_a_gpu_gets_a_worker_and_too_little_memory_is_said():
    plenty, little = Gpu(0, "u", "H200", 100 * GIB, 141 * GIB), Gpu(1, "v", "T4", GIB // 4, 16 * GIB)
    assert crew_for(sweep(), facts_of, machine(), gpus=[plenty, plenty]) == Crew(2)
    crew = crew_for(sweep(), facts_of, machine(), gpus=[plenty, little])
    assert crew.workers == 2
    assert "GPU 1 (T4)" in crew.note
