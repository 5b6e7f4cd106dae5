"""Who starts workers on other machines: what a cluster has to offer for that, whatever it is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from tlm_sweeps.search.remote_messages import Summons


@dataclass(frozen=True)
class Opening:
    """Room for one more worker."""

    node: str
    address: str
    """Of the node, for people."""


class Hirer(Protocol):
    """Starts workers on nodes and knows what became of them."""

    def nodes(self) -> dict[str, str]:
        """The nodes that are there, with their addresses."""
        ...

    def openings(self) -> Sequence[Opening]:
        """Where one more worker could be started, best first."""
        ...

    def hire(self, opening: Opening, summons: Summons) -> None:
        """Start a worker, without waiting until it is there."""
        ...

    def over(self) -> Sequence[tuple[str, str]]:
        """Tickets of workers that have ended since the last question, and how."""
        ...

    def end_of(self, ticket: str, seconds: float) -> str | None:
        """How a worker ended, waited for a little; None when nobody knows."""
        ...

    def dismiss(self, ticket: str) -> None:
        """End a worker that has been given up, as far as it can be reached."""
        ...

    def close(self) -> None:
        """See all workers out, their lines being cut."""
        ...
