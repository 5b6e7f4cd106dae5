"""Which runs of a sweep are handed out again: preemptible ones that ended badly or are silent.

W&B's documentation of `mark_preempting`: a run that is marked and then ends with an exit code other than 0, or of which
nothing is heard any more, is preempted, and put into its sweep's queue.
"""

from __future__ import annotations

import time

from tests.wandb_server.state import GOING, Run, State


def end(state: State, run: Run, exit_code: int) -> None:
    """A run's client says that it ended so."""
    run.exit_code = exit_code
    if exit_code == 0:
        run.state = "finished"
    elif run.preemptible:
        _preempt(state, run)
    else:
        run.state = "failed"


def settle_silent(state: State) -> None:
    """Runs that have been silent for too long are dead.

    A run that was proposed and never opened counts as crashed once its agent is silent, and is not handed out again:
    nothing says that W&B's server would do better.
    """
    oldest = time.monotonic() - state.silence_seconds
    for run in state.runs():
        if run.state not in GOING or _waits(state, run):
            continue
        agent = state.agents.get(run.agent)
        if run.state == "pending":
            heard = max(run.heard_at, agent.heard_at) if agent else run.heard_at
        else:
            heard = run.heard_at
        if heard >= oldest:
            continue
        if run.preemptible:
            _preempt(state, run)
        else:
            run.state = "crashed"


def _waits(state: State, run: Run) -> bool:
    """Whether the run is in its sweep's queue, where it cannot be heard of."""
    sweep = state.projects[run.entity, run.project].sweeps.get(run.sweep)
    return sweep is not None and run.name in sweep.queue


def _preempt(state: State, run: Run) -> None:
    run.state = "preempted"
    sweep = state.projects[run.entity, run.project].sweeps.get(run.sweep)
    if sweep is not None and run.name not in sweep.queue:  # the sweep may have been deleted meanwhile
        sweep.queue.append(run.name)
