"""What W&B's server lacks of a run that was kept here: found by asking it, before an upload and after."""

from __future__ import annotations

from dataclasses import dataclass

from tlm_sweeps.search.wandb.destination import Destination, ServerRun
from tlm_sweeps.search.wandb.joining import JoinedRun

_UNDER_WAY = ("running", "pending", "preempting")


@dataclass(frozen=True)
class Lack:
    """Why a run is not whole at the server, and what there is to send."""

    reason: str
    steps: frozenset[int]
    """Of the points of its curves that the server lacks."""
    is_there: bool
    """Whether the server has anything of it."""


def lack_of(whole: JoinedRun, known: ServerRun | None, server: Destination, run_id: str) -> Lack | None:
    """What the server lacks of a run; None for nothing.

    Args:
        whole: the run, as it is to be.
        known: what the server says of it; None for a run that it does not have.
        server: which is asked for the run's points, should it have others.
        run_id: at W&B.

    Raises:
        RunError: when the server does not answer.
    """
    steps = _missing(whole, known, server, run_id)
    reason = _reason(whole, known, steps)
    return Lack(reason, steps, known is not None) if reason else None


def _missing(whole: JoinedRun, known: ServerRun | None, server: Destination, run_id: str) -> frozenset[int]:
    """The steps of the points that the server lacks."""
    if known is None or not known.lines:
        return frozenset(whole.steps)
    reaches_end = None in (whole.last_step, known.last_step) or (known.last_step or 0) >= (whole.last_step or 0)
    if known.lines >= len(whole.steps) and reaches_end:
        return frozenset()
    there = server.steps(run_id)  # its numbers do not say which: points may be there twice, or lack in the midst
    return frozenset(whole.steps) - there if there else frozenset(whole.steps[known.lines :])


def _reason(whole: JoinedRun, known: ServerRun | None, steps: frozenset[int]) -> str:
    if known is None:
        return "W&B does not have it"
    if whole.sweep_id not in ("", known.sweep_id):
        return f"W&B has it, but not under the sweep {whole.sweep_id}"
    if steps:
        return f"W&B lacks {len(steps)} of the {len(whole.steps)} points of its curves{_placed(steps, known)}"
    if known.state in _UNDER_WAY:
        return "W&B has not heard of its end"
    if whole.state is not None and known.summary_state != whole.state:
        return "W&B does not have its results"
    return ""


def _placed(steps: frozenset[int], known: ServerRun) -> str:
    """Where the points belong, when the server would have to take them behind later ones."""
    return (
        f" (before its step {known.last_step})" if known.last_step is not None and max(steps) < known.last_step else ""
    )
