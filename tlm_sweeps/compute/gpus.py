"""GPUs that this process may use, asked of the driver's own tool: nothing here starts CUDA, which forked workers need.

It is a look from outside; what runs on a GPU is decided elsewhere.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

_MIB = 2**20
_SECONDS = 10
_QUERY = ("--query-gpu=index,uuid,name,memory.free,memory.total", "--format=csv,noheader,nounits")


@dataclass(frozen=True)
class Gpu:
    """One GPU."""

    index: int
    """As `nvidia-smi` counts."""
    uuid: str
    name: str
    free_bytes: int
    total_bytes: int


def gpus(environment: Mapping[str, str] = os.environ) -> tuple[Gpu, ...]:
    """The GPUs of this machine that `CUDA_VISIBLE_DEVICES` leaves us; none without `nvidia-smi`."""
    try:
        done = subprocess.run(["nvidia-smi", *_QUERY], capture_output=True, text=True, timeout=_SECONDS, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return ()
    if done.returncode != 0:
        return ()
    found = [fields for line in done.stdout.splitlines() if len(fields := line.split(", ")) == 5]
    every = [
        Gpu(int(index), uuid, name, int(free) * _MIB, int(total) * _MIB)
        for index, uuid, name, free, total in found
        if index.isdecimal() and free.isdecimal() and total.isdecimal()
    ]
    visible = environment.get("CUDA_VISIBLE_DEVICES")
    return tuple(every) if visible is None else _visible(every, visible)


def _visible(every: Sequence[Gpu], visible: str) -> tuple[Gpu, ...]:
    """Those that are named, by number or by the beginning of their UUID; as in CUDA, the first unknown name ends it."""
    kept: list[Gpu] = []
    for name in visible.split(","):
        asked = name.strip()
        match = next((gpu for gpu in every if asked == str(gpu.index) or (asked and gpu.uuid.startswith(asked))), None)
        if match is None:
            break
        kept.append(match)
    return tuple(kept)
