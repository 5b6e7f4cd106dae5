"""What `--workers` can ask for besides a number of processes here."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class OnRay:
    """Workers on the nodes of a Ray cluster."""

    most: int | None = None
    """None: as many as the cluster has room for."""


Workers = int | OnRay | None
"""A number of processes on this machine, or elsewhere; None: as many here as make sense."""


def number_of(workers: Workers) -> int | None:
    """How many are asked for, wherever they are.

    >>> number_of(OnRay(8))
    8
    """
    return workers.most if isinstance(workers, OnRay) else workers
