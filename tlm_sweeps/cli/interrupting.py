"""Ctrl-C and SIGTERM: the first asks for a pause, the second leaves at once."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType

from tlm_sweeps.console.streams import restore_cursor

INTERRUPTED = 130
"""Exit code of an interrupted command."""
_SAME_SECONDS = 5.0
"""Between two SIGTERMs: a scheduler tells every process of a job to leave, and whoever waits for us passes it on.
That is one word."""


@dataclass
class Interrupts:
    """What has been asked for so far."""

    asked: bool = False
    asked_at: float = 0.0
    """On the monotonic clock."""
    asked_by: int = 0
    """The number of the signal."""
    is_under_way: bool = False
    """Whether there is a loop that looks at `asked` a few times a second; before, an interrupt raises."""


@contextmanager
def interrupts() -> Iterator[Interrupts]:
    """Listen for interrupts; the former handlers return at the end."""
    heard = Interrupts()

    def hear(number: int, _frame: FrameType | None) -> None:
        is_same = number == heard.asked_by == signal.SIGTERM and time.monotonic() - heard.asked_at < _SAME_SECONDS
        if heard.asked and is_same:
            return
        if heard.asked:
            restore_cursor()
            os._exit(INTERRUPTED)  # the ledger bears it; workers see that we are gone
        heard.asked, heard.asked_at, heard.asked_by = True, time.monotonic(), number
        if not heard.is_under_way:
            raise KeyboardInterrupt

    former = {number: signal.signal(number, hear) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield heard
    finally:
        for number, handler in former.items():
            signal.signal(number, handler)
