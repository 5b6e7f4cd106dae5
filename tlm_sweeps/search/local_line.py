"""The worker's end of a line on this machine: beside what the worker says, a thread says that it lives."""

from __future__ import annotations

import sys
import threading
import time
from multiprocessing.connection import Connection

from tlm_sweeps.search.messages import Beat


class LocalLine:
    """What `Worker` takes for its connection. Made in the thread that trains."""

    def __init__(self, connection: Connection, beat_seconds: float) -> None:
        """Begin to beat; the thread ends with the line, or the process.

        Args:
            connection: to the pool.
            beat_seconds: between two beats.
        """
        self._connection = connection
        self._beat_seconds = beat_seconds
        self._speaking = threading.Lock()
        self._training = threading.get_ident()
        threading.Thread(target=self._beat, daemon=True).start()

    def send_bytes(self, report: bytes, /) -> None:
        """Report; a beat never comes in between."""
        with self._speaking:
            self._connection.send_bytes(report)

    def recv_bytes(self) -> bytes:
        """The next order, waited for."""
        return self._connection.recv_bytes()

    def poll(self) -> bool:
        """Whether there is an order, or nobody left to give one."""
        return self._connection.poll()

    def _beat(self) -> None:
        while True:
            time.sleep(self._beat_seconds)
            try:
                self.send_bytes(Beat(cpu_seconds=self._cpu_seconds()).model_dump_json().encode())
            except OSError:
                return  # nobody listens; the worker notices by itself

    def _cpu_seconds(self) -> float:
        """Processor time of the thread that trains; of all threads, where the system does not tell them apart."""
        if sys.platform == "linux":
            return time.clock_gettime(time.pthread_getcpuclockid(self._training))
        return time.process_time()
