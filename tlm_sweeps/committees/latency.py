"""How long an answer takes: wall time of a call, arrangements in turn within each round, medians over rounds.

A call goes from the ids of a batch to the summed logits, without gradients. The first rounds warm caches up and are not
counted. Windows are full: padding would cost the same. Beside the wall time stands the CPU time on the longest path,
which a busy machine hardly stretches, but which leaves out that processes wait for each other.
"""

from __future__ import annotations

import os
import statistics
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from itertools import product
from typing import get_args

import numpy as np
import torch

from tlm_sweeps.committees.answering import classifier_of, summed_logits
from tlm_sweeps.committees.document import Arranged, Blocks, Latency, Timing
from tlm_sweeps.committees.members import Gathered
from tlm_sweeps.committees.predictions import Member
from tlm_sweeps.committees.seating import seated
from tlm_sweeps.compute.busy import busy_cores
from tlm_sweeps.compute.machine import cores
from tlm_sweeps.errors import InputError
from tlm_sweeps.models.encoder_heads import Classifier
from tlm_sweeps.runs.provenance import processor

BATCH_SIZES = (1, 32)
BLOCKS = get_args(Blocks)
"""Both are timed: whole blocks are what the study's models compute, trimmed ones what ours do."""
_WARM_UP = 3
_LEAST_ROUNDS = 5


@dataclass(frozen=True)
class _Arrangement:
    """Something that answers a batch of ids."""

    name: str
    arrangement: Arranged
    n_models: int
    n_processes: int
    n_threads: int
    answer: Callable[[np.ndarray, Blocks], float]
    """Answers, and says how many seconds of CPU time were on its longest path."""


@dataclass(frozen=True)
class _Call:
    """What one call took, in seconds."""

    wall: float
    cpu: float


def measured_latency(
    committee: Gathered, against: Sequence[Gathered], *, rounds: int = 30, most_seconds: float = 120.0
) -> Latency:
    """Time a committee, its members in sequence and side by side, and the first run of each group beside it.

    Args:
        committee: at least one run.
        against: groups of which one run answers alone.
        rounds: that are counted, each arrangement, batch size and kind of blocks once in every one.
        most_seconds: after which no further round begins, once there are five.

    Raises:
        InputError: the weights of a run are missing, damaged or of another shape, or runs have different contexts.
        RunError: a process with members of the committee died.
    """
    context = _common_context([*committee.members, *(group.members[0] for group in against)])
    first = committee.members[0]
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else None
    busy = [busy_cores()]
    draw = np.random.default_rng(0)
    ids = {size: draw.integers(0, first.task.vocabulary_size, (size, context)) for size in BATCH_SIZES}
    with ExitStack() as stack:
        stack.enter_context(_one_thread())
        arrangements = [*_committee(committee, stack), *(way for each in against for way in _alone(each, stack))]
        calls = _rounds(arrangements, ids, rounds, most_seconds)
    busy.append(busy_cores())
    timings = tuple(
        _timing(arrangements[number], size, blocks, found) for (number, size, blocks), found in sorted(calls.items())
    )
    return Latency(
        device=processor(),
        cores=cores(),
        context=context,
        load_average=load,
        busy_cores=max((each for each in busy if each is not None), default=None),
        timings=timings,
    )


def _common_context(members: Sequence[Member]) -> int:
    first, *others = members
    for other in others:
        if other.model.context != first.model.context:
            raise InputError(
                f"its windows have {other.model.context} positions, those of {first.place} {first.model.context}: "
                "times would not be of the same input",
                place=other.place,
                hint="leave out latency with --no-latency",
            )
    return first.model.context


def _committee(committee: Gathered, stack: ExitStack) -> Iterator[_Arrangement]:
    folders = [member.folder for member in committee.members]
    modules = [classifier_of(folder) for folder in folders]
    yield _Arrangement(committee.name, "in sequence", len(modules), 1, 1, _in_this_process(modules))
    n_processes = min(len(folders), cores())
    if n_processes > 1:
        n_labels = len(committee.members[0].task.labels)
        seats = stack.enter_context(seated(folders, n_processes, n_labels))
        yield _Arrangement(committee.name, "side by side", len(folders), n_processes, 1, seats.answer)


def _alone(group: Gathered, stack: ExitStack) -> Iterator[_Arrangement]:
    """One run, on one thread, and on as many as there are cores, which a committee side by side has too."""
    first = group.members[0]
    yield _Arrangement(group.name, "alone", 1, 1, 1, _in_this_process([classifier_of(first.folder)]))
    if cores() > 1:
        seat = stack.enter_context(seated([first.folder], 1, len(first.task.labels), n_threads=cores()))
        yield _Arrangement(group.name, "alone", 1, 1, cores(), seat.answer)


def _in_this_process(modules: Sequence[Classifier]) -> Callable[[np.ndarray, Blocks], float]:
    def answer(ids: np.ndarray, blocks: Blocks) -> float:
        before = time.thread_time()
        summed_logits(modules, torch.from_numpy(ids), blocks)
        return time.thread_time() - before

    return answer


def _rounds(
    arrangements: Sequence[_Arrangement], ids: dict[int, np.ndarray], rounds: int, most_seconds: float
) -> dict[tuple[int, int, Blocks], list[_Call]]:
    """Calls by number of the arrangement, batch size and kind of blocks."""
    calls: defaultdict[tuple[int, int, Blocks], list[_Call]] = defaultdict(list)
    begun = time.perf_counter()
    for number in range(_WARM_UP + rounds):
        is_late = time.perf_counter() - begun > most_seconds
        if is_late and number >= _WARM_UP + _LEAST_ROUNDS:
            break
        for size, blocks in product(ids, BLOCKS):
            for place in range(len(arrangements)):
                turn = (place + number) % len(arrangements)  # nobody is always the first
                before = time.perf_counter()
                cpu = arrangements[turn].answer(ids[size], blocks)
                call = _Call(time.perf_counter() - before, cpu)
                if number >= _WARM_UP:
                    calls[turn, size, blocks].append(call)
    return calls


def _timing(arrangement: _Arrangement, batch_size: int, blocks: Blocks, calls: Sequence[_Call]) -> Timing:
    wall = [call.wall for call in calls]
    low, middle, high = statistics.quantiles(wall, n=4, method="inclusive") if len(wall) > 1 else [wall[0]] * 3
    return Timing(
        name=arrangement.name,
        arrangement=arrangement.arrangement,
        n_models=arrangement.n_models,
        n_processes=arrangement.n_processes,
        n_threads=arrangement.n_threads,
        blocks=blocks,
        batch_size=batch_size,
        median_seconds=middle,
        quartiles_seconds=(low, high),
        median_cpu_seconds=statistics.median(call.cpu for call in calls),
        n_rounds=len(calls),
    )


@contextmanager
def _one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
