"""How worker processes of this machine begin, and how they ended: forked from a nursery, or one by one.

A worker is known by its number; there is one of a number at a time. What is said to workers is not this file's affair.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Protocol

from tlm_sweeps.compute.machine import memory_kills

LEAVING_SECONDS = 15.0
"""How long a worker may take to leave once its line is cut; more than a tracker's last words take."""
KILLED_SECONDS = 5.0
"""How long to wait for a process that was killed: one that hangs in the kernel, on a dead disk, is not waited for."""
THREADS = {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "OMP_WAIT_POLICY": "PASSIVE"}
"""Read when numpy and torch are imported: a worker raises its own number for a run that may use more. Threads that
wait for each other sleep: those that spin make a step many times slower as soon as something else wants a core."""


@dataclass(frozen=True)
class End:
    """How a worker ended."""

    how: str
    """`signal 9 (SIGKILL)`, `signal 9 (SIGKILL), out of memory?`, `exit code 1`."""
    log: Path
    """Where its last words are."""


class Starter(Protocol):
    """Starts workers and sees them out."""

    def start(self, worker: int) -> Connection:
        """Start a worker, without waiting until it is there; our end of its line."""
        ...

    def end_of(self, worker: int) -> End:
        """How a worker ended whose line is dead; it is killed when it lives on."""
        ...

    def close(self) -> None:
        """Wait until every worker has left, all lines being cut; kill those that stay."""
        ...


def starter(logs: Path, data_dir: Path | None) -> Starter:
    """How workers start on this machine.

    Args:
        logs: folder for `worker-<n>.log`, what a worker has to say besides messages.
        data_dir: where named corpora are looked for first.
    """
    # macOS can fork too, but its system libraries may not be used afterwards.
    return Forked(logs, data_dir) if sys.platform == "linux" else Spawned(logs, data_dir)


class Forked:
    """Workers forked from a nursery: there in milliseconds, with the imported code in shared memory."""

    def __init__(self, logs: Path, data_dir: Path | None, root: Path = Path("/")) -> None:
        """See `starter`; `root` is where `/proc` and `/sys` are."""
        self._logs = logs
        self._ends = _Ends(root)
        self._data_dir = data_dir
        self._nursery = _Nursery(logs / "workers.log", data_dir)
        self._came_from: dict[int, _Nursery] = {}

    def start(self, worker: int) -> Connection:
        """See `Starter.start`."""
        ours, theirs = Pipe()
        request = json.dumps({"worker": worker, "log": str(_log(self._logs, worker))}).encode()
        try:
            self._nursery.ask(request, theirs)
        except OSError:  # it is gone; workers that it forked live on
            self._nursery.close()
            self._nursery = _Nursery(self._nursery.log, self._data_dir)
            self._nursery.ask(request, theirs)
        self._came_from[worker] = self._nursery
        theirs.close()
        return ours

    def end_of(self, worker: int) -> End:
        """See `Starter.end_of`. When the nursery itself is gone, that is what is told."""
        nursery = self._came_from.pop(worker)
        code = nursery.end_of(worker)
        if code is not None:
            return End(self._ends.in_words(code), _log(self._logs, worker))
        return End(self._ends.in_words(nursery.close(KILLED_SECONDS)), nursery.log)

    def close(self) -> None:
        """See `Starter.close`."""
        for nursery in {*self._came_from.values(), self._nursery}:
            nursery.close()


class _Nursery:
    """The near side of `search.nursery`."""

    def __init__(self, log: Path, data_dir: Path | None) -> None:
        self.log = log
        self._control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._control.settimeout(2 * LEAVING_SECONDS)  # it may hang as a worker may
        self._process = _begun("tlm_sweeps.search.nursery", theirs.fileno(), log, data_dir)
        theirs.close()

    def ask(self, request: bytes, line: Connection) -> None:
        """Ask for a worker at the other end of a line; an error when there is nobody to ask."""
        socket.send_fds(self._control, [request], [line.fileno()])

    def end_of(self, worker: int) -> int | None:
        """A worker's exit code; None when the nursery is gone, or does not answer, and nobody knows."""
        with suppress(OSError):
            self._control.send(json.dumps({"worker": worker}).encode())
            code = self._control.recv(100)
            return int(code) if code else None
        return None

    def close(self, seconds: float = 2 * LEAVING_SECONDS) -> int:
        """Hang up: it sees its workers out and leaves, unless it is gone already; its exit code.

        Args:
            seconds: until it is killed; workers that it has then live on.
        """
        self._control.close()
        return _ended(self._process, seconds)


class Spawned:
    """Workers that are interpreters of their own, and import everything anew."""

    def __init__(self, logs: Path, data_dir: Path | None, root: Path = Path("/")) -> None:
        """See `starter`; `root` is where `/proc` and `/sys` are."""
        self._logs = logs
        self._ends = _Ends(root)
        self._data_dir = data_dir
        self._processes: dict[int, subprocess.Popen[bytes]] = {}

    def start(self, worker: int) -> Connection:
        """See `Starter.start`."""
        ours, theirs = Pipe()
        log = _log(self._logs, worker)
        self._processes[worker] = _begun("tlm_sweeps.search.worker", theirs.fileno(), log, self._data_dir)
        theirs.close()
        return ours

    def end_of(self, worker: int) -> End:
        """See `Starter.end_of`."""
        return End(self._ends.in_words(_ended(self._processes.pop(worker))), _log(self._logs, worker))

    def close(self) -> None:
        """See `Starter.close`."""
        for process in self._processes.values():
            _ended(process)


def _begun(module: str, handle: int, log: Path, data_dir: Path | None) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", module, str(handle), *([str(data_dir)] if data_dir else [])]
    with log.open("ab") as file:
        return subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=file,
            pass_fds=[handle],
            start_new_session=True,  # a Ctrl-C in the terminal is the coordinator's alone
            env=os.environ | THREADS,
        )


def _ended(process: subprocess.Popen[bytes], seconds: float = LEAVING_SECONDS) -> int:
    try:
        return process.wait(seconds)
    except subprocess.TimeoutExpired:
        process.kill()
        with suppress(subprocess.TimeoutExpired):
            return process.wait(KILLED_SECONDS)
        return -signal.SIGKILL


class _Ends:
    """How workers ended, in words. Only the system knows whether it has killed one for lack of memory: it counts."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._memory_kills = memory_kills(root)

    def in_words(self, code: int) -> str:
        if code >= 0:
            return f"exit code {code}"
        before, self._memory_kills = self._memory_kills, memory_kills(self._root)
        is_for_memory = code == -signal.SIGKILL and self._memory_kills > before
        return f"signal {-code} ({signal.Signals(-code).name})" + (", out of memory?" if is_for_memory else "")


def _log(logs: Path, worker: int) -> Path:
    return logs / f"worker-{worker}.log"
