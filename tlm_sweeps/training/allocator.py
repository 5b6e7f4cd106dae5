"""How the C library keeps memory that tensors have freed: for the next step, instead of handing it to the system.

A training step frees and asks for the same large blocks again. glibc hands large ones back each time, and the system
clears their pages anew as they are touched. Kept, they are there at once. What it gains and costs is measured in
docs/decisions/0008-workers.md. Other C libraries are left as they are.
"""

from __future__ import annotations

import ctypes
import platform

_M_TRIM_THRESHOLD, _M_MMAP_MAX = -1, -4
"""Numbers of glibc's <malloc.h>."""
_NEVER_TRIM = -1
_NO_BLOCK = 0


def keep_freed_memory() -> bool:
    """Keep what is freed, in this process and those forked from it; whether the C library could be told."""
    if not _is_glibc():
        return False
    libc = ctypes.CDLL(None)
    # The threshold above which a block gets pages of its own ends at 32 MiB, which logits pass: so no block does.
    return libc.mallopt(_M_MMAP_MAX, _NO_BLOCK) == 1 and libc.mallopt(_M_TRIM_THRESHOLD, _NEVER_TRIM) == 1


def give_back() -> None:
    """Hand what is kept and unused to the system: between runs, since the next one may be smaller."""
    if _is_glibc():
        ctypes.CDLL(None).malloc_trim(0)


def _is_glibc() -> bool:
    return platform.libc_ver()[0] == "glibc"
