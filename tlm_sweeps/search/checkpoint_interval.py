"""How often a run is checkpointed: what a kill costs at most."""

from __future__ import annotations

import os

from tlm_sweeps.errors import InputError

NAME = "TLM_CHECKPOINT_SECONDS"
_DEFAULT = 30.0


def checkpoint_seconds() -> float:
    """Seconds between a run's checkpoints, as the environment says; results do not depend on it.

    Shorter pays where kills are frequent, longer where a disk is slow.

    Raises:
        InputError: what it says is no such number.
    """
    written = os.environ.get(NAME, "")
    try:
        seconds = float(written) if written else _DEFAULT
    except ValueError:
        seconds = float("nan")
    if not 0 < seconds <= 86_400:
        hint = f"a number above 0, at most 86400; leave {NAME} unset for {_DEFAULT:g}"
        raise InputError(f"`{written}` is no number of seconds between checkpoints", place=f"${NAME}", hint=hint)
    return seconds
