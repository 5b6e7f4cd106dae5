"""Pools of workers, and the pool of this machine. They move messages and notice deaths, and decide nothing."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Protocol, assert_never

from tlm_sweeps.search.deadlines import deadlines
from tlm_sweeps.search.messages import (
    REPORTS,
    Advanced,
    Beat,
    Checkpointed,
    Complained,
    Ended,
    Measured,
    Message,
    Probed,
    Ready,
    TakenUp,
    Told,
)
from tlm_sweeps.search.pulse import Fault, Pulse
from tlm_sweeps.search.starting import Starter, starter


@dataclass(frozen=True)
class Died:
    """A worker process is gone."""

    how: str
    """`signal 9 (SIGKILL)`, `exit code 1`, `no word for 60 s`."""
    log: Path
    """Where its last words are."""
    false_starts: int
    """How many workers in a row, this one included, died before they had started; then no run is to blame."""


Heard = TakenUp | Advanced | Measured | Checkpointed | Ended | Complained | Told | Probed | Died
"""What a worker can be heard of."""


class Pool(Protocol):
    """Workers, wherever they are."""

    def present(self) -> Sequence[int]:
        """Workers that take orders now, by number."""
        ...

    def processor_of(self, worker: int) -> str | None:
        """What a worker computes on, in words; None for a processor of this machine."""
        ...

    def send(self, worker: int, message: Message) -> None:
        """Give a worker an order. A worker that has died is noticed by `wait`."""
        ...

    def wait(self, seconds: float) -> Sequence[tuple[int, Heard]]:
        """What the workers say within a time; as soon as one says something."""
        ...

    def close(self) -> None:
        """Hang up; workers leave by themselves, and are ended when they do not."""
        ...


@dataclass
class _Worker:
    number: int
    connection: Connection
    pulse: Pulse
    pid: int | None = None
    """Once it is ready."""


class LocalPool:
    """Worker processes, numbered from 0; a dead one is replaced, and so is one that is stuck.

    A run is computed by one thread unless its order says otherwise.
    """

    def __init__(self, size: int, logs: Path, data_dir: Path | None = None, begin: Starter | None = None) -> None:
        """Start the workers, without waiting until they are there.

        Args:
            size: how many.
            logs: folder for what they have to say besides messages, in `worker-<n>.log`.
            data_dir: where named corpora are looked for first.
            begin: how they start; by default as this machine does best.

        Raises:
            InputError: the environment says nonsense of how long is too long.
        """
        self._deadlines = deadlines()
        self._starter = begin or starter(logs, data_dir)
        self._false_starts = 0
        self._waited_at = self._awake_since = time.monotonic()
        self._workers = [self._begun(number) for number in range(size)]

    def __len__(self) -> int:
        return len(self._workers)

    def present(self) -> Sequence[int]:
        """All of them: what is sent to one that is still starting waits in its pipe."""
        return range(len(self._workers))

    def processor_of(self, worker: int) -> str | None:
        """See `Pool.processor_of`."""
        assert 0 <= worker < len(self)

    def send(self, worker: int, message: Message) -> None:
        """Give a worker an order. A worker that has died is noticed by `wait`."""
        self._workers[worker].pulse.ordered(message, time.monotonic())
        try:
            self._workers[worker].connection.send_bytes(message.model_dump_json().encode())
        except (BrokenPipeError, ConnectionResetError):
            return

    def wait(self, seconds: float) -> Sequence[tuple[int, Heard]]:
        """What the workers say within a time, a message each at most; as soon as one says something."""
        self._notice_own_sleep()
        by_connection = {each.connection: each for each in self._workers}
        speaking = [by_connection[each] for each in wait(list(by_connection), timeout=seconds)]  # type: ignore[index]  # wait returns what it was given
        now = time.monotonic()  # to bury workers may take a while, in which nobody listens
        heard = [(each.number, word) for each in speaking if (word := self._word_of(each)) is not None]
        heard += self._stuck({each.number for each in speaking}, now)
        self._waited_at = time.monotonic()
        return heard

    def close(self) -> None:
        """Hang up; workers leave by themselves, and are killed when they do not."""
        for each in self._workers:
            each.connection.close()
        self._starter.close()

    def _begun(self, number: int) -> _Worker:
        return _Worker(number, self._starter.start(number), Pulse(time.monotonic()))

    def _word_of(self, worker: _Worker) -> Heard | None:
        """What a worker has just said, if it is for others."""
        try:
            report = REPORTS.validate_json(worker.connection.recv_bytes())
        except (EOFError, ConnectionResetError):
            return self._buried(worker)
        worker.pulse.heard(report, self._deadlines, time.monotonic())
        if isinstance(report, Ready):
            worker.pid, self._false_starts = report.pid, 0
        return None if isinstance(report, Ready | Beat) else report

    def _buried(self, dead: _Worker, how: str = "") -> Died:
        """How a worker died, another being on its way."""
        dead.connection.close()
        end = self._starter.end_of(dead.number)
        self._false_starts = 0 if dead.pid is not None else self._false_starts + 1
        self._workers[dead.number] = self._begun(dead.number)
        return Died(how or end.how, end.log, self._false_starts)

    # --- workers that are stuck

    def _notice_own_sleep(self) -> None:
        """What workers said while this process was stopped has not been heard yet: their time begins anew."""
        now = time.monotonic()
        if now - self._waited_at > self._deadlines.silence_seconds / 4:
            self._awake_since = now

    def _stuck(self, speaking: set[int], now: float) -> list[tuple[int, Heard]]:
        """The deaths of workers that are stuck; what those that speak have said may not all have been heard yet."""
        deaths: list[tuple[int, Heard]] = []
        for each in tuple(self._workers):
            fault = each.pulse.fault(self._deadlines, now, self._awake_since)
            if fault is not None and each.number not in speaking:
                deaths.append((each.number, self._given_up(each, fault)))
        return deaths

    def _given_up(self, stuck: _Worker, fault: Fault) -> Died:
        """Kill a worker, surely: another one is going to write into the folder of its run."""
        match fault:
            case "does not start":  # it has no folder yet
                return self._buried(stuck, f"it did not start within {self._deadlines.start_seconds:g} s")
            case "is silent":
                _signal(stuck.pid, signal.SIGKILL)
                return self._buried(stuck, f"no word for {self._deadlines.silence_seconds:g} s")
            case "hangs":
                _signal(stuck.pid, signal.SIGABRT)  # its log gets where it hangs; if it hears nothing, it is killed
                return self._buried(stuck, f"nothing done or computed for {self._deadlines.stuck_seconds:g} s")
            case never:
                assert_never(never)


def _signal(pid: int | None, number: signal.Signals) -> None:
    """To a worker that is ready and whose line is open: so it lives, and nobody else has its number."""
    assert pid is not None
    with suppress(ProcessLookupError):
        os.kill(pid, number)
