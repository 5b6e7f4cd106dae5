"""Members side by side: a process for each as far as there are cores, asked all at once, waited for until the last.

This is how a committee would be deployed for latency on a machine of several cores: processes that hold their weights
and share nothing but a pipe, whose cost is in every time that is measured.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from pathlib import Path

import numpy as np
from jaxtyping import Float, Int

from tlm_sweeps.committees.document import Blocks
from tlm_sweeps.errors import RunError

_SLEEPING = {"OMP_WAIT_POLICY": "PASSIVE"}
"""Threads that wait for each other sleep: those that spin take a thousand times as long once others want the cores."""
_LEAVING_SECONDS = 10.0


class Seated:
    """Processes that hold all members of a committee."""

    def __init__(self, lines: Sequence[Connection], n_labels: int) -> None:
        self._lines = lines
        self._n_labels = n_labels

    def answer(self, ids: np.ndarray, blocks: Blocks) -> float:
        """Answer a batch; seconds of CPU time on the longest path: the slowest process, and what is done here."""
        before = time.thread_time()
        _, slowest = self.summed_logits(ids, blocks)
        return slowest + time.thread_time() - before

    def summed_logits(self, ids: Int[np.ndarray, "b t"], blocks: Blocks) -> tuple[Float[np.ndarray, "b n"], float]:
        """All members' logits of a batch, added up, and the CPU time of the slowest process in seconds.

        Raises:
            RunError: a process died.
        """
        asked = np.int64(blocks == "whole").tobytes() + np.ascontiguousarray(ids, dtype=np.int64).tobytes()
        try:
            for line in self._lines:
                line.send_bytes(asked)
            told = [line.recv_bytes() for line in self._lines]
        except (EOFError, OSError) as error:
            raise _died() from error
        parts = [np.frombuffer(each, dtype=np.float32, offset=8) for each in told]
        slowest = max(float(np.frombuffer(each, dtype=np.float64, count=1)[0]) for each in told)
        return np.sum(parts, axis=0).reshape(-1, self._n_labels), slowest


@contextmanager
def seated(folders: Sequence[Path], n_processes: int, n_labels: int, n_threads: int = 1) -> Iterator[Seated]:
    """Start the processes, wait until all have their members, and end them afterwards.

    Args:
        folders: of the members' runs; they are dealt out in turn.
        n_processes: at most as many as there are members.
        n_labels: logits of an example.
        n_threads: of each process.

    Raises:
        RunError: a process did not come up.
    """
    with ExitStack() as stack:
        dealt = [folders[number::n_processes] for number in range(n_processes)]
        lines = [stack.enter_context(_process(part, n_threads)) for part in dealt]
        try:
            for line in lines:
                line.recv_bytes()
        except (EOFError, OSError) as error:
            raise _died() from error
        yield Seated(lines, n_labels)


@contextmanager
def _process(folders: Sequence[Path], n_threads: int) -> Iterator[Connection]:
    ours, theirs = Pipe()
    asked = (theirs.fileno(), n_threads, *folders)
    words = [sys.executable, "-m", "tlm_sweeps.committees.seat", *map(str, asked)]
    limits = {name: str(n_threads) for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")}
    process = subprocess.Popen(
        words, stdin=subprocess.DEVNULL, pass_fds=[theirs.fileno()], env=os.environ | limits | _SLEEPING
    )
    theirs.close()
    try:
        with ours:  # it leaves when we hang up
            yield ours
    finally:
        try:
            process.wait(_LEAVING_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _died() -> RunError:
    return RunError(
        "a process with members of the committee ended before it answered", hint="what it said stands above"
    )
