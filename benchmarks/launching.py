"""Programs started and timed from outside: launch to exit, start to first step, milliseconds a step, peak memory.

A program tells its steps by a line each, `step 7` (or nanoGPT's `iter 7: …`), and `again` where it trains a second
time in the same process. The lines are timed where they arrive, so all programs are judged by one clock.
"""

from __future__ import annotations

import itertools
import os
import re
import selectors
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from benchmarks.measuring import LeftOut, Measures, spread

MOST_SECONDS = 1800.0
"""What a program may take at most."""
SETTLING = 5
"""First steps that are left out of the time of a step: they fill caches and allocate."""
_POLL_SECONDS = 0.005
_THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS")
_STEP = re.compile(r"^(?:step \d+$|iter \d+:)")
"""nanoGPT says `step 0: train loss …` of an evaluation, which is none."""


@dataclass(frozen=True)
class Program:
    """What is started."""

    argv: tuple[str, ...]
    threads: int | None = None
    """Threads of torch; None for what it takes by itself, as it does for a user who sets nothing."""
    folder: Path | None = None
    """Where it is started."""
    environment: dict[str, str] = field(default_factory=dict)
    """What is set besides the environment of this process."""


def end_cleanly_when_told() -> None:
    """Leave by an exception on SIGTERM, as on Ctrl-C, so that no program outlives its measurement."""
    signal.signal(signal.SIGTERM, lambda number, _frame: sys.exit(128 + number))


@contextmanager
def _undisturbed() -> Iterator[None]:
    """Put SIGTERM off until a program that is being started is known to whoever would end it."""
    told: list[int] = []
    before = signal.signal(signal.SIGTERM, lambda number, _frame: told.append(number))
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
    for number in told:
        signal.raise_signal(number)


def run_all(programs: Sequence[Program], at_once: int) -> Measures:
    """Run programs, some at a time, each as soon as there is room.

    Returns:
        `wall_seconds` from the first launch to the last exit, and `peak_bytes`, the largest resident memory that any
        one process had, descendants included (not their sum).

    Raises:
        LeftOut: a program failed or took more than half an hour.
    """
    waiting, running, peak = list(programs), dict[int, _Running](), 0
    began = time.perf_counter()
    try:
        while waiting or running:
            while waiting and len(running) < at_once:
                with _undisturbed():
                    started = _Running(waiting.pop(0))
                    running[started.process.pid] = started
            time.sleep(_POLL_SECONDS)
            for pid, each in list(running.items()):
                ended = each.peak_if_ended()
                if ended is not None:
                    peak = max(peak, ended)
                    running.pop(pid).check()
            if time.perf_counter() - began > MOST_SECONDS:
                raise LeftOut(f"not done after {MOST_SECONDS:.0f} s")
        return {"wall_seconds": time.perf_counter() - began, "peak_bytes": peak}
    finally:
        for each in running.values():
            each.kill()


def follow(program: Program, steps: int) -> Measures:
    """Run one program and time the steps that it tells: so many, the second training's not counted.

    Returns:
        `first_step_seconds` from the launch to the end of the first step; `step_ms`, the median time of a step after
        the first few; `wall_seconds` from launch to exit; `peak_bytes`; and, where the program trains again,
        `first_step_again_seconds` from the end of the first training to the end of the second's first step.

    Raises:
        LeftOut: it failed, told more or fewer steps, or took more than half an hour.
    """
    with _following(program) as (running, lines):
        first, again = list[float](), list[float]()
        marked: float | None = None
        for seconds, line in lines:
            if line.startswith("again"):
                marked = seconds
            elif _STEP.match(line.rstrip()):
                (first if marked is None else again).append(seconds)
        peak = running.peak_when_ended()
        wall_seconds = time.perf_counter() - running.began
        running.check()
    if len(first) != steps:
        raise LeftOut(f"told {len(first)} steps instead of {steps}")
    settled = first[min(SETTLING, max(0, steps - 2)) :]
    milliseconds = [(after - before) * 1000 for before, after in itertools.pairwise(settled)]
    found = {
        "first_step_seconds": first[0],
        "step_ms": spread(milliseconds).median,
        "wall_seconds": wall_seconds,
        "peak_bytes": float(peak),
    }
    return found if marked is None or not again else found | {"first_step_again_seconds": again[0] - marked}


class _Running:
    """A process with a group of its own, so that what it started dies with it."""

    def __init__(self, program: Program, stdout: int | None = None) -> None:
        environment = {name: value for name, value in os.environ.items() if name not in _THREADS}
        if program.threads is not None:
            environment |= dict.fromkeys(_THREADS, str(program.threads))
        self.said: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 - read and closed by `check`, after the end
        self.program = program
        self.began = time.perf_counter()
        self.process = subprocess.Popen(
            program.argv,
            cwd=program.folder,
            env=environment | {"PYTHONUNBUFFERED": "1"} | program.environment,
            stdin=subprocess.DEVNULL,
            stdout=self.said if stdout is None else stdout,
            stderr=self.said,
            start_new_session=True,
        )

    def peak_if_ended(self) -> int | None:
        """Peak resident bytes of the largest process, None while it runs."""
        return self._reaped(os.WNOHANG)

    def peak_when_ended(self) -> int:
        """The same, after waiting for the end."""
        return self._reaped(0) or 0

    def check(self) -> None:
        """Raise `LeftOut`, with its last words, when it failed."""
        self.said.seek(0)
        lines = self.said.read().decode(errors="replace").strip().splitlines()
        self.said.close()
        if self.process.returncode != 0:
            last = lines[-1][:300] if lines else "it said nothing"
            raise LeftOut(f"{Path(self.program.argv[0]).name} ended with {self.process.returncode}: {last}")

    def kill(self) -> None:
        """End it and what it started."""
        try:
            os.killpg(self.process.pid, signal.SIGKILL)
        except ProcessLookupError:
            return
        self.process.wait()

    def _reaped(self, options: int) -> int | None:
        pid, status, usage = os.wait4(self.process.pid, options)
        if pid == 0:
            return None
        self.process.returncode = os.waitstatus_to_exitcode(status)
        return usage.ru_maxrss * 1024  # Linux says KiB


@contextmanager
def _following(program: Program) -> Iterator[tuple[_Running, Iterator[tuple[float, str]]]]:
    """A started program with its lines, each with the seconds from the launch at which it came."""
    reading, writing = os.pipe()
    running: _Running | None = None
    try:
        with _undisturbed():
            running = _Running(program, stdout=writing)
        os.close(writing)
        with os.fdopen(reading, "rb", buffering=0) as pipe:
            yield running, _timed_lines(pipe, running)
    finally:
        if running is not None and running.process.returncode is None:
            running.kill()


def _timed_lines(pipe: IO[bytes], running: _Running) -> Iterator[tuple[float, str]]:
    rest = b""
    with selectors.DefaultSelector() as selector:
        selector.register(pipe, selectors.EVENT_READ)
        while True:
            left = MOST_SECONDS - (time.perf_counter() - running.began)
            if left <= 0 or not selector.select(left):
                raise LeftOut(f"not done after {MOST_SECONDS:.0f} s")
            read = pipe.read(65536)
            now = time.perf_counter() - running.began
            if not read:
                return
            *lines, rest = (rest + read).split(b"\n")
            for line in lines:
                yield now, line.decode(errors="replace")
