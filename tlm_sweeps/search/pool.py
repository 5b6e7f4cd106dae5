"""Pools of workers, and the pool of this machine. They move messages and notice deaths, and decide nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Protocol

from tlm_sweeps.search.messages import (
    REPORTS,
    Advanced,
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
from tlm_sweeps.search.starting import Starter, starter


@dataclass(frozen=True)
class Died:
    """A worker process is gone."""

    how: str
    """`signal 9 (SIGKILL)`, `exit code 1`."""
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
    is_ready: bool = False


class LocalPool:
    """Worker processes, one thread each unless an order says otherwise, numbered from 0; a dead one is replaced."""

    def __init__(self, size: int, logs: Path, data_dir: Path | None = None, begin: Starter | None = None) -> None:
        """Start the workers, without waiting until they are there.

        Args:
            size: how many.
            logs: folder for what they have to say besides messages, in `worker-<n>.log`.
            data_dir: where named corpora are looked for first.
            begin: how they start; by default as this machine does best.
        """
        self._starter = begin or starter(logs, data_dir)
        self._false_starts = 0
        self._workers = [_Worker(number, self._starter.start(number)) for number in range(size)]

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
        try:
            self._workers[worker].connection.send_bytes(message.model_dump_json().encode())
        except (BrokenPipeError, ConnectionResetError):
            return

    def wait(self, seconds: float) -> Sequence[tuple[int, Heard]]:
        """What the workers say within a time, a message each at most; as soon as one says something."""
        by_connection = {each.connection: each for each in self._workers}
        heard: list[tuple[int, Heard]] = []
        for connection in wait(list(by_connection), timeout=seconds):
            each = by_connection[connection]  # type: ignore[index]  # wait returns what it was given
            try:
                report = REPORTS.validate_json(each.connection.recv_bytes())
            except (EOFError, ConnectionResetError):
                heard.append((each.number, self._buried(each)))
                continue
            if isinstance(report, Ready):
                each.is_ready, self._false_starts = True, 0
            else:
                heard.append((each.number, report))
        return heard

    def close(self) -> None:
        """Hang up; workers leave by themselves, and are killed when they do not."""
        for each in self._workers:
            each.connection.close()
        self._starter.close()

    def _buried(self, dead: _Worker) -> Died:
        """How a worker died, another being on its way."""
        dead.connection.close()
        end = self._starter.end_of(dead.number)
        self._false_starts = 0 if dead.is_ready else self._false_starts + 1
        self._workers[dead.number] = _Worker(dead.number, self._starter.start(dead.number))
        return Died(end.how, end.log, self._false_starts)
