"""Workers as Ray tasks, each pinned to a node: which node is to blame must be known before a worker has said a word."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

import ray
from ray.exceptions import (
    NodeDiedError,
    OutOfMemoryError,
    RayError,
    RayTaskError,
    TaskCancelledError,
    TaskUnschedulableError,
    WorkerCrashedError,
)
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from tlm_sweeps.search.ray_task import work
from tlm_sweeps.search.remote_hirer import Opening
from tlm_sweeps.search.remote_messages import Summons
from tlm_sweeps.search.starting import LEAVING_SECONDS

_IN_WORDS: dict[type[RayError], str] = {
    NodeDiedError: "its node died",
    OutOfMemoryError: "out of memory: Ray ended it to save its node",
    WorkerCrashedError: "its process died",
    TaskCancelledError: "it was cancelled",
    TaskUnschedulableError: "its node is gone",
}


class RayHirer:
    """Starts a task for each worker. Ray starts none anew: what becomes of a run is the coordinator's to decide."""

    def __init__(self, threads: int = 1, gpu_share: float = 0.0) -> None:
        """Start nothing yet.

        Args:
            threads: of each worker; as many CPUs are asked of Ray.
            gpu_share: of a GPU for each worker; 0 to compute on CPUs.
        """
        self._threads = threads
        self._gpu_share = gpu_share
        self._task: Any = ray.remote(max_retries=0, max_calls=1, num_cpus=threads, num_gpus=gpu_share)(work)
        self._tasks: dict[str, Any] = {}
        self._nodes_of: dict[str, str] = {}

    def nodes(self) -> dict[str, str]:
        """See `Hirer.nodes`."""
        return {each["NodeID"]: each["NodeManagerAddress"] for each in _alive()}

    def openings(self) -> Sequence[Opening]:
        """See `Hirer.openings`: nodes in turn."""
        used = Counter(self._nodes_of.values())
        found = [
            (place, Opening(each["NodeID"], each["NodeManagerAddress"]))
            for each in _alive()
            for place in range(used[each["NodeID"]], self._room(each["Resources"]))
        ]
        return [opening for _, opening in sorted(found, key=lambda each: (each[0], each[1].address))]

    def hire(self, opening: Opening, summons: Summons) -> None:
        """See `Hirer.hire`."""
        there = NodeAffinitySchedulingStrategy(opening.node, soft=False)
        named = self._task.options(name="tlm-worker", scheduling_strategy=there)
        self._tasks[summons.ticket] = named.remote(summons.model_dump_json())
        self._nodes_of[summons.ticket] = opening.node

    def over(self) -> Sequence[tuple[str, str]]:
        """See `Hirer.over`."""
        ended = self._ended(0.0)
        return [(ticket, how) for ticket in ended if (how := self._forget(ticket))]

    def end_of(self, ticket: str, seconds: float) -> str | None:
        """See `Hirer.end_of`."""
        task = self._tasks.get(ticket)
        if task is None or not ray.wait([task], timeout=seconds)[0]:
            return None
        return self._forget(ticket)

    def dismiss(self, ticket: str) -> None:
        """See `Hirer.dismiss`."""
        self._nodes_of.pop(ticket, None)
        if (task := self._tasks.pop(ticket, None)) is not None:
            with suppress(RayError, ValueError):
                ray.cancel(task, force=True)

    def close(self) -> None:
        """See `Hirer.close`."""
        patience = time.monotonic() + LEAVING_SECONDS
        while self._tasks and time.monotonic() < patience:
            for ticket in self._ended(max(0.0, patience - time.monotonic()), least=len(self._tasks)):
                self._forget(ticket)
        for ticket in tuple(self._tasks):
            self.dismiss(ticket)

    def _room(self, resources: dict[str, float]) -> int:
        """Workers that a node holds, if it has nothing else to do."""
        by_cpus = int(resources.get("CPU", 0) // self._threads)
        return min(by_cpus, int(resources.get("GPU", 0) / self._gpu_share + 1e-6)) if self._gpu_share else by_cpus

    def _ended(self, seconds: float, least: int = 1) -> list[str]:
        tickets = {task: ticket for ticket, task in self._tasks.items()}
        if not tickets:
            return []
        ended, _ = ray.wait(list(tickets), num_returns=min(max(least, 1), len(tickets)), timeout=seconds)
        return [tickets[task] for task in ended]

    def _forget(self, ticket: str) -> str:
        """How a task ended, which is over."""
        self._nodes_of.pop(ticket, None)
        return _end(self._tasks.pop(ticket))


def _alive() -> list[dict[str, Any]]:
    return [each for each in ray.nodes() if each["Alive"]]


def _end(task: Any) -> str:
    try:
        ray.get(task, timeout=1.0)
    except RayTaskError as error:
        return f"{type(error.cause).__name__}: {error.cause}".partition("\n")[0]
    except RayError as error:
        known = (words for kind, words in _IN_WORDS.items() if isinstance(error, kind))
        return next(known, None) or f"{type(error).__name__}: {error}".partition("\n")[0]
    return "it left"
