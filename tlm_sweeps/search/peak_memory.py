"""The most memory that this process has held: the system's own high-water mark, reset before each run."""

from __future__ import annotations

import resource
import sys
from pathlib import Path

_STATUS, _CLEAR = Path("/proc/self/status"), Path("/proc/self/clear_refs")
_RESET_PEAK = "5"
"""See proc_pid_clear_refs(5)."""


def forget_peak() -> None:
    """Begin a new high-water mark; where the system cannot, the mark is that of the process so far."""
    try:
        _CLEAR.write_text(_RESET_PEAK, encoding="ascii")
    except OSError:
        return


def peak_bytes() -> int:
    """Most resident memory since `forget_peak`, in bytes: with shared pages, without what a GPU holds."""
    if _STATUS.exists():
        for line in _STATUS.read_text(encoding="ascii", errors="replace").splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    largest = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return largest if sys.platform == "darwin" else largest * 1024
