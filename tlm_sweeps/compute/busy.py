"""How many of the cores that this process may use are busy with the work of others, at this moment.

The load average looks back a minute, and at what this process itself did then; it is taken only where the system tells
nothing else.
"""

from __future__ import annotations

import os
import re
import time
from pathlib import Path

_CORE = re.compile(r"^cpu(\d+) (.+)$", re.MULTILINE)
_IDLE, _WAITING, _GUEST = 3, 4, 8
"""Places in a line of `/proc/stat`: idle, idle while a disk works, and from where on time is counted twice."""


def busy_cores(seconds: float = 0.5, root: Path = Path("/")) -> float | None:
    """Cores that are busy while this process sleeps; None where the system does not tell.

    Args:
        seconds: for which it looks.
        root: where `/proc` is; tests have their own.
    """
    path = root / "proc/stat"
    if not path.is_file():
        return os.getloadavg()[0] if hasattr(os, "getloadavg") else None
    before = path.read_text(encoding="ascii")
    time.sleep(seconds)
    return busy_between(before, path.read_text(encoding="ascii"))


def busy_between(before: str, after: str) -> float:
    """Cores that we may use and that were busy between two looks at `/proc/stat`."""
    first, second = _times(before), _times(after)
    return sum(_busy_share(first[core], second[core]) for core in first.keys() & second.keys())


def _times(text: str) -> dict[int, list[int]]:
    """Ticks of each core that we may use, by kind."""
    found = {int(core): [int(ticks) for ticks in times.split()[:_GUEST]] for core, times in _CORE.findall(text)}
    allowed = os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else found.keys()
    return {core: ticks for core, ticks in found.items() if core in allowed}


def _busy_share(before: list[int], after: list[int]) -> float:
    spent = [late - early for early, late in zip(before, after, strict=True)]
    return 1 - (spent[_IDLE] + spent[_WAITING]) / sum(spent) if sum(spent) else 0.0
