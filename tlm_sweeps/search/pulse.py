"""Whether a worker is stuck, told by what it says and when. It compares durations of one monotonic clock only.

Two things are looked at. A worker says something every few seconds, whatever it trains, by a thread of its own: one
that does not is frozen. And a worker that has orders gets on: it reports, or it computes. One that lives and does
neither hangs, on a disk or a lock. How long a step, an evaluation or opening a text takes does not matter: they
compute. A GPU's worker spins while it waits, so of that one reports alone count.
"""

from __future__ import annotations

from typing import Literal

from tlm_sweeps.search.deadlines import Deadlines
from tlm_sweeps.search.messages import (
    AnyReport,
    Beat,
    Ended,
    Message,
    Probed,
    ProbeOrder,
    Ready,
    StackOrder,
    TrainOrder,
)

_COMPUTING_SHARE = 0.01
"""Of a core: less than this over the whole time is not computing."""
_PROBE = "probe"

Fault = Literal["does not start", "is silent", "hangs"]


class Pulse:
    """When one worker was last heard, and when it last got on."""

    def __init__(self, now: float) -> None:
        """A worker that is starting."""
        self._is_ready = False
        self._heard_at = self._got_on_at = now
        self._cpu_seconds = 0.0
        self._work: set[str] = set()
        self._device = "cpu"

    def ordered(self, order: Message, now: float) -> None:
        """It has been told something."""
        match order:
            case TrainOrder():
                self._begin({order.run_id}, order.device, now)
            case StackOrder():
                self._begin({each.run_id for each in order.orders}, order.orders[0].device, now)
            case ProbeOrder():
                self._begin({_PROBE}, order.device, now)
            case _:
                return

    def heard(self, word: AnyReport, deadlines: Deadlines, now: float) -> None:
        """It has said something."""
        self._heard_at = now
        if isinstance(word, Beat):
            computed = word.cpu_seconds - self._cpu_seconds >= _COMPUTING_SHARE * deadlines.stuck_seconds
            if not computed or self._device != "cpu":
                return
            self._cpu_seconds = word.cpu_seconds
        self._got_on_at = now
        if isinstance(word, Ready):
            self._is_ready = True
        elif isinstance(word, Ended):
            self._work.discard(word.run_id)
        elif isinstance(word, Probed):
            self._work.discard(_PROBE)

    def fault(self, deadlines: Deadlines, now: float, since: float) -> Fault | None:
        """What is wrong with it, if anything is.

        Args:
            deadlines: what is too long.
            now: the clock.
            since: time before that moment does not count.
        """
        nowhere_for = now - max(self._got_on_at, since)
        if not self._is_ready:
            return "does not start" if nowhere_for > deadlines.start_seconds else None
        if now - max(self._heard_at, since) > deadlines.silence_seconds:
            return "is silent"
        return "hangs" if self._work and nowhere_for > deadlines.stuck_seconds else None

    def _begin(self, work: set[str], device: str, now: float) -> None:
        self._work, self._device, self._got_on_at = work, device, now
