"""How long a worker of this machine may be silent, and how long it may get nowhere, until it is given up."""

from __future__ import annotations

import os
from dataclasses import dataclass

from tlm_sweeps.errors import InputError

NAME = "TLM_STUCK_SECONDS"
_DEFAULT = 600.0
_SILENCE = 60.0
_BEATS = 12
"""That a worker may miss."""


@dataclass(frozen=True)
class Deadlines:
    """What a worker that is stuck is told by; `search.pulse` says of what."""

    stuck_seconds: float
    """Without getting anywhere."""

    @property
    def silence_seconds(self) -> float:
        """Without a word."""
        return min(_SILENCE, self.stuck_seconds)

    @property
    def start_seconds(self) -> float:
        """Until it takes orders. What it imports may come from a slow disk."""
        return max(_DEFAULT, self.stuck_seconds)

    @property
    def beat_seconds(self) -> float:
        """A worker says something at least this often."""
        return self.silence_seconds / _BEATS


def deadlines() -> Deadlines:
    """As the environment says; results do not depend on them.

    Raises:
        InputError: what it says is no such number.
    """
    written = os.environ.get(NAME, "")
    try:
        seconds = float(written) if written else _DEFAULT
    except ValueError:
        seconds = float("nan")
    if not 1 <= seconds <= 86_400:
        hint = f"a number from 1 to 86400; leave {NAME} unset for {_DEFAULT:g}"
        raise InputError(f"`{written}` is no number of seconds until a worker is stuck", place=f"${NAME}", hint=hint)
    return Deadlines(seconds)
