"""What becomes of a run whose worker died: it is gone on with a few times, then it has failed. Limits and words."""

from __future__ import annotations

from tlm_sweeps.errors import InputError, RunError
from tlm_sweeps.search.pool import Died

RETRIES = 2
"""By default. One death may be a neighbour's accident; a run that kills three workers in a row kills the fourth too."""

_MOST_FALSE_STARTS = 3
"""Workers that die before they have started, in a row, until the machine is to blame and not a run."""


def retries_asked(retries: int | None) -> int:
    """How often a run is gone on with: as often as asked for, else the default.

    Raises:
        InputError: less than never.
    """
    if retries is None:
        return RETRIES
    if retries < 0:
        hint = f"0 lets a run fail with its first worker; leave it out for {RETRIES}"
        raise InputError(f"a run cannot be gone on with {retries} times", place="--retries", hint=hint)
    return retries


def ensure_workers_start(died: Died) -> None:
    """Let a worker die before it has started now and then.

    Raises:
        RunError: none starts any more.
    """
    if died.false_starts >= _MOST_FALSE_STARTS:
        hint = "the end of that file says why; the sweep can be taken up again afterwards"
        raise RunError(f"workers cannot start: {died.how}", place=str(died.log), hint=hint)


def goes_on(run_id: str, died: Died, step: int, death: int, retries: int) -> str:
    """That a run is gone on with, for people.

    Args:
        run_id: of the run.
        died: how its worker did.
        step: of its newest checkpoint.
        death: which one of this run's it is, from 1.
        retries: that a run has.
    """
    where = f"from step {step}" if step else "from its beginning"
    return f"{run_id}: its worker died ({_how(died)}); it goes on {where}, retry {death} of {retries}"


def gives_up(died: Died, death: int) -> str:
    """Why a run has failed; the arguments as above.

    >>> from pathlib import Path
    >>> gives_up(Died("exit code 1", Path("worker-0.log"), 0), 3)
    'its worker died 3 times, at last: exit code 1, see worker-0.log'
    """
    times = f" {death} times, at last" if death > 1 else ""
    return f"its worker died{times}: {_how(died)}"


def _how(died: Died) -> str:
    return f"{died.how}, see {died.log.name}"
