"""How many workers a sweep gets on this machine, and how many threads each: by cores, by memory, and by its runs.

Arithmetic on what `compute.machine` and `compute.gpus` found; it starts nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain

from tlm_sweeps.compute.gpus import Gpu
from tlm_sweeps.compute.machine import Granted
from tlm_sweeps.compute.memory import SHARED_BYTES
from tlm_sweeps.compute.planning import (
    FactsOf,
    PlannedTrial,
    baseline_settings,
    cells,
    corners,
    draws,
    plan_trial,
    seeds_of,
    space_size,
    trials_wanted,
)
from tlm_sweeps.spec.sweep import SweepSpec
from tlm_sweeps.units import format_bytes

_COORDINATOR_BYTES = 300 * 2**20
"""The coordinator, with Optuna and the live view."""
_SPARE_SHARE = 0.1
"""Of the memory that is granted: for what no prediction knows."""
_FLOPS_FOR_A_THREAD = 10**10
"""Of a step, for each thread that computes it: with less, threads wait for each other longer than they work."""
_MOST_PLANNED, _DRAWS = 300, 100
"""Settings that are looked at for the largest run: all of a small space, the ends and a sample of a large one."""


@dataclass(frozen=True)
class Crew:
    """The workers of a sweep."""

    workers: int
    threads: int = 1
    """Of each run."""
    note: str = ""
    """What the user should know about these numbers, in a line; empty where a worker a core is all there is to say."""


def crew_for(
    spec: SweepSpec, facts_of: FactsOf, granted: Granted, *, asked: int | None = None, gpus: Sequence[Gpu] = ()
) -> Crew:
    """The workers that a sweep gets.

    A worker trains one run at a time, with one thread: two runs on two cores take less than one after the other on
    both, and a result does not depend on how many cores there were. Only a sweep that is a single run has more of
    them for it, where its steps are large enough to share.

    Args:
        spec: the sweep.
        facts_of: facts of its texts.
        granted: of this machine.
        asked: workers that the user wants; None for as many as make sense. He gets what he asks for.
        gpus: those that the runs compute on; without any they compute on the CPU.
    """
    cores = granted.cores.amount
    if gpus:
        return _on_gpus(spec, facts_of, asked, gpus)
    if _is_one_run(spec):
        return Crew(1, threads=_threads_for(spec, facts_of, asked or cores))
    largest = largest_run_bytes(spec, facts_of)
    room = None if granted.memory is None else _room_for(largest, granted.memory.amount)
    if asked is None:
        size = cores if room is None else max(1, min(cores, room))
        return Crew(size, note=_why_fewer(size, largest, granted))
    return Crew(asked, note=_why_too_many(asked, room, largest, granted))


def largest_run_bytes(spec: SweepSpec, facts_of: FactsOf) -> int:
    """Predicted memory of the worker that trains the sweep's largest run; 0 when no setting is feasible."""
    return max((each.cost.memory_bytes for each in _planned(spec, facts_of) if each.cost), default=0)


def _planned(spec: SweepSpec, facts_of: FactsOf) -> Iterator[PlannedTrial]:
    size = space_size(spec)
    few = size is not None and size <= _MOST_PLANNED
    searched = cells(spec) if few else chain(corners(spec), draws(spec, _DRAWS))
    for name, settings in chain(baseline_settings(spec), ((None, each) for each in searched)):
        yield plan_trial(spec, settings, facts_of, baseline=name)


def _threads_for(spec: SweepSpec, facts_of: FactsOf, cores: int) -> int:
    """Threads that pay for the only run; where its setting is still to be drawn, for the smallest there could be."""
    matched = (each.matched for each in _planned(spec, facts_of))
    flops_of_a_step = min((each.train_flops.matmul / each.steps.total for each in matched if each), default=0)
    return max(1, min(cores, int(flops_of_a_step // _FLOPS_FOR_A_THREAD)))


def _is_one_run(spec: SweepSpec) -> bool:
    return trials_wanted(spec) == 1 and len(seeds_of(spec)) == 1


def _room_for(worker_bytes: int, memory_bytes: int) -> int:
    """Workers of this size that fit: what they share counts once."""
    room = memory_bytes * (1 - _SPARE_SHARE) - _COORDINATOR_BYTES - SHARED_BYTES
    return int(room // max(1, worker_bytes - SHARED_BYTES))


def _on_gpus(spec: SweepSpec, facts_of: FactsOf, asked: int | None, gpus: Sequence[Gpu]) -> Crew:
    """A worker a GPU: processes take turns on one and gain nothing together, where runs of a shape are stacked."""
    largest, fullest = largest_run_bytes(spec, facts_of), min(gpus, key=lambda gpu: gpu.free_bytes)
    note = ""
    if largest > fullest.free_bytes:
        free = f"{format_bytes(fullest.free_bytes)} of GPU {fullest.index} ({fullest.name}) are free"
        note = f"{free}, and the largest run needs about {format_bytes(largest)}"
    return Crew(asked or len(gpus), note=note)


def _why_fewer(size: int, largest: int, granted: Granted) -> str:
    if size < granted.cores.amount:
        return f"{_workers(size)} on {granted.cores.amount} cores: {_needs(largest, granted)}"
    if granted.cores.amount < granted.seen_cores:
        return f"{_workers(size)} on {granted.seen_cores} cores: as many as {granted.cores.by} grants"
    return ""


def _why_too_many(asked: int, room: int | None, largest: int, granted: Granted) -> str:
    if room is not None and asked > max(1, room):
        return f"{_workers(asked)} may run out of memory: {_needs(largest, granted)}"
    if asked > granted.cores.amount:
        cores = granted.cores
        return f"{_workers(asked)} share the {cores.amount} cores of {cores.by}: no faster than {cores.amount}"
    return ""


def _needs(largest: int, granted: Granted) -> str:
    assert granted.memory is not None
    left = f"{format_bytes(granted.memory.amount)} are left of {granted.memory.by}"
    return f"the largest run needs about {format_bytes(largest)}, and {left}"


def _workers(count: int) -> str:
    return f"{count} worker{'s'[: count != 1]}"
