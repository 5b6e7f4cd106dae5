"""Where a sweep computes: on the GPUs that torch can use, or on the CPU. Asked before any worker starts.

torch is asked in a process of its own: a GPU that had been touched here could not be used by forked workers.
"""

from __future__ import annotations

import subprocess
import sys
from typing import Literal

from tlm_sweeps.compute.gpus import gpus
from tlm_sweeps.errors import InputError

Asked = Literal["auto", "cpu", "cuda"]

_QUESTION = "import torch; print(torch.cuda.device_count() if torch.cuda.is_available() else 0)"
_PATIENCE_SECONDS = 60
_SHARE_OF_MEMORY = 0.8
"""The rest is for what we cannot predict: kernels, libraries, other people's processes."""


def devices(asked: Asked) -> tuple[str, ...]:
    """As torch names them: `cpu`, or a name for each GPU.

    Args:
        asked: `auto` takes the GPUs where there are any.

    Raises:
        InputError: `cuda` was asked for, and torch can use none.
    """
    if asked == "cpu":
        return ("cpu",)
    usable = _usable_gpus() if gpus() else 0
    if usable == 0 and asked == "cuda":
        found = ", ".join(gpu.name for gpu in gpus())
        message = f"torch cannot use {found}" if found else "nvidia-smi lists no GPU"
        hint = "install a CUDA build of torch, or use --device cpu" if found else "use --device cpu"
        raise InputError(message, place="--device", hint=hint)
    return tuple(f"cuda:{index}" for index in range(usable)) or ("cpu",)


def _usable_gpus() -> int:
    try:
        done = subprocess.run(
            [sys.executable, "-c", _QUESTION], capture_output=True, text=True, timeout=_PATIENCE_SECONDS, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return 0
    answer = done.stdout.strip()
    return int(answer) if answer.isdecimal() else 0


def room_on_gpus() -> int:
    """Bytes that can be used on each GPU, by the fullest of them."""
    return round(_SHARE_OF_MEMORY * min((gpu.free_bytes for gpu in gpus()), default=0))
