"""A pool of warm worker processes on this machine. It moves messages and notices deaths, and decides nothing."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from multiprocessing import Pipe
from multiprocessing.connection import Connection, wait
from pathlib import Path

from tlm_sweeps.search.messages import REPORTS, Advanced, Checkpointed, Ended, Measured, Message, Ready, TakenUp

_CLOSE_SECONDS = 15.0
"""More than a tracker's last words take."""


@dataclass(frozen=True)
class Died:
    """A worker process is gone."""

    how: str
    """`signal 9 (SIGKILL)`, `exit code 1`."""
    log: Path
    """Where its last words are."""
    false_starts: int
    """How many workers in a row, this one included, died before they had started; then no run is to blame."""


Heard = TakenUp | Advanced | Measured | Checkpointed | Ended | Died
"""What a worker can be heard of."""


@dataclass
class _Process:
    number: int
    process: subprocess.Popen[bytes]
    connection: Connection
    log: Path
    is_ready: bool = False


class LocalPool:
    """Worker processes, one thread each, numbered from 0; a dead one is replaced."""

    def __init__(self, size: int, logs: Path, data_dir: Path | None = None) -> None:
        """Start the workers; each writes what it has to say besides messages to `worker-<n>.log` in `logs`."""
        self._logs = logs
        self._data_dir = data_dir
        self._false_starts = 0
        self._processes = [self._started(number) for number in range(size)]

    def __len__(self) -> int:
        return len(self._processes)

    def send(self, worker: int, message: Message) -> None:
        """Give a worker an order. A worker that has died is noticed by `wait`."""
        try:
            self._processes[worker].connection.send_bytes(message.model_dump_json().encode())
        except (BrokenPipeError, ConnectionResetError):
            return

    def wait(self, seconds: float) -> Sequence[tuple[int, Heard]]:
        """What the workers say within a time, a message each at most; as soon as one says something."""
        by_connection = {each.connection: each for each in self._processes}
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
        for each in self._processes:
            each.connection.close()
        for each in self._processes:
            try:
                each.process.wait(_CLOSE_SECONDS)
            except subprocess.TimeoutExpired:
                each.process.kill()
                each.process.wait()

    def _buried(self, dead: _Process) -> Died:
        dead.connection.close()
        try:
            code = dead.process.wait(_CLOSE_SECONDS)
        except subprocess.TimeoutExpired:
            dead.process.kill()
            code = dead.process.wait()
        how = f"signal {-code} ({signal.Signals(-code).name})" if code < 0 else f"exit code {code}"
        self._false_starts = 0 if dead.is_ready else self._false_starts + 1
        self._processes[dead.number] = self._started(dead.number)
        return Died(how, dead.log, self._false_starts)

    def _started(self, number: int) -> _Process:
        ours, theirs = Pipe()
        command = [sys.executable, "-m", "tlm_sweeps.search.worker", str(theirs.fileno())]
        log = self._logs / f"worker-{number}.log"
        with log.open("ab") as file:
            process = subprocess.Popen(
                [*command, *([str(self._data_dir)] if self._data_dir else [])],
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=file,
                pass_fds=[theirs.fileno()],
                start_new_session=True,  # a Ctrl-C in the terminal is the coordinator's alone
                env=os.environ | {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"},
            )
        theirs.close()
        return _Process(number, process, ours, log)
