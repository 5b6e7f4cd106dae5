"""Agents of a W&B sweep as processes of this machine: started together, waited for, paused together."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from tlm_sweeps.cli.interrupting import INTERRUPTED, Interrupts

_POLL_SECONDS = 0.1
_STDERR = 2
_LEAVING_SECONDS = 30.0
"""What agents get to write their checkpoints when this process ends for another reason than theirs."""


@dataclass(frozen=True)
class Ended:
    """How the agents left."""

    codes: tuple[int, ...]

    @property
    def paused(self) -> bool:
        """Whether one of them was interrupted and has something to go on with."""
        return any(code in (INTERRUPTED, -signal.SIGINT) for code in self.codes)

    @property
    def failed(self) -> dict[int, int]:
        """Exit codes of the agents that could not work, by number from 1."""
        return {
            number: code for number, code in enumerate(self.codes, 1) if code not in (0, INTERRUPTED, -signal.SIGINT)
        }


@contextmanager
def local_agents(words: Sequence[str], count: int) -> Iterator[list[subprocess.Popen[bytes]]]:
    """Start agents; at the end of the block, those that still work are asked to pause.

    What they say goes to stderr, line by line. They do not hear the terminal's Ctrl-C, which would reach them twice.

    Args:
        words: the command line after `tlm-sweeps`.
        count: how many.
    """
    command = [sys.executable, "-m", "tlm_sweeps", *words]
    # A client of ours says here where its service is: theirs must not be gone when we are.
    own = {name: value for name, value in os.environ.items() if name != "WANDB_SERVICE"}
    agents: list[subprocess.Popen[bytes]] = []
    try:
        for _ in range(count):
            agent = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=_STDERR, env=own, start_new_session=True)
            agents.append(agent)
        yield agents
    finally:
        _end(agents)


def wait_for(
    agents: Sequence[subprocess.Popen[bytes]], heard: Interrupts, others: Sequence[subprocess.Popen[bytes]]
) -> Ended:
    """Wait until all have left; an interrupt, or one of the others failing, makes them pause.

    Args:
        agents: what is waited for.
        heard: interrupts of this process.
        others: processes without which the agents have nothing to do, such as a scheduler.
    """
    heard.is_under_way = True
    has_asked = False
    while any(agent.poll() is None for agent in agents):
        must_pause = heard.asked or any(other.poll() for other in others)
        if must_pause and not has_asked:
            has_asked = True
            _interrupt(agents)
        time.sleep(_POLL_SECONDS)
    return Ended(tuple(agent.wait() for agent in agents))


def _interrupt(agents: Sequence[subprocess.Popen[bytes]]) -> None:
    for agent in agents:
        if agent.poll() is None:
            agent.send_signal(signal.SIGINT)


def _end(agents: Sequence[subprocess.Popen[bytes]]) -> None:
    _interrupt(agents)
    deadline = time.monotonic() + _LEAVING_SECONDS
    for agent in agents:
        try:
            agent.wait(max(0.0, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            agent.kill()
            agent.wait()
