"""What is known of the nodes that workers are on, and which of them get no more work."""

from __future__ import annotations

from collections.abc import Iterable

MOST_IN_A_ROW = 3
"""Workers in a row that do not start, or runs in a row that die or crash, until the node is to blame."""


class Nodes:
    """Keeps count, node by node. A run that ends well, whatever its result, clears its node of suspicion."""

    def __init__(self) -> None:
        self._false_starts: dict[str, int] = {}
        self._lost: dict[str, set[str]] = {}
        self._left_out: dict[str, str] = {}

    @property
    def left_out(self) -> dict[str, str]:
        """Why a node gets no more work."""
        return dict(self._left_out)

    def started(self, node: str) -> None:
        """A worker is there."""
        self._false_starts[node] = 0

    def ended_well(self, node: str) -> None:
        """A run has come to an end."""
        self._lost[node] = set()

    def is_unfit(self, node: str, why: str) -> bool:
        """The node can train nothing of this sweep; whether that is news."""
        return self._leave_out(node, why)

    def did_not_start(self, node: str, why: str) -> bool:
        """A worker died before it took orders; whether its node is left out from now on."""
        self._false_starts[node] = self._false_starts.get(node, 0) + 1
        if self._false_starts[node] < MOST_IN_A_ROW:
            return False
        return self._leave_out(node, f"{MOST_IN_A_ROW} workers in a row did not start, the last one: {why}")

    def lost(self, node: str, runs: Iterable[str], why: str, others: Iterable[str]) -> bool:
        """Runs died or crashed there; whether the node is left out from now on.

        One run that dies again and again is to blame itself. The last node keeps its work: nothing tells a bad node
        from a bad sweep there.

        Args:
            node: where.
            runs: which.
            why: they died.
            others: all other nodes that are there.
        """
        lost = self._lost.setdefault(node, set())
        lost.update(runs)
        if len(lost) < MOST_IN_A_ROW or set(others) <= set(self._left_out) | {node}:
            return False
        return self._leave_out(node, f"{len(lost)} runs in a row died there, the last one: {why}")

    def _leave_out(self, node: str, why: str) -> bool:
        is_news = node not in self._left_out
        self._left_out.setdefault(node, why)
        return is_news
