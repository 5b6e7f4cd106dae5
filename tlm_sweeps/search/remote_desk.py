"""Where workers of other machines call: an address on one interface, and a key that they must know."""

from __future__ import annotations

import os
import secrets
import socket
import struct
import threading
from collections.abc import Callable
from contextlib import suppress
from multiprocessing import AuthenticationError
from multiprocessing.connection import Connection, answer_challenge, deliver_challenge

from tlm_sweeps.search.remote_messages import FROM_AWAY, Hello
from tlm_sweeps.search.remote_wire import LineCut, Wire

_GREETING_SECONDS = 10
"""In which a caller must have proved that it knows the key, and said hello."""
_MOST_BYTES = 2**16
"""Of a hello."""
_MOST_GREETED = 64
"""Callers at a time that have not done so yet; more wait in the system's queue."""


class Desk:
    """Takes calls in threads of its own: a caller that says nothing holds up nobody."""

    def __init__(self, host: str, on_call: Callable[[Wire, Hello], None]) -> None:
        """Listen.

        Args:
            host: address of the interface.
            on_call: is told of each caller that knows the key, in a thread of the desk.

        Raises:
            OSError: nothing can listen there.
        """
        self.key = secrets.token_bytes(32)
        self._on_call = on_call
        self._socket = socket.create_server((host, 0))
        self._greeted = threading.BoundedSemaphore(_MOST_GREETED)
        threading.Thread(target=self._take_calls, daemon=True).start()

    @property
    def address(self) -> tuple[str, int]:
        """Host and port."""
        host, port = self._socket.getsockname()[:2]
        return host, port

    def close(self) -> None:
        """Take no more calls."""
        with suppress(OSError):  # macOS does not shut down what only listens
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()

    def _take_calls(self) -> None:
        while True:
            self._greeted.acquire()
            try:
                caller, _ = self._socket.accept()
            except OSError:
                return  # closed
            threading.Thread(target=self._greet, args=[caller], daemon=True).start()

    def _greet(self, caller: socket.socket) -> None:
        try:
            caller.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            _limit(caller, _GREETING_SECONDS)
            self._hear_out(Connection(caller.detach()))
        finally:
            self._greeted.release()

    def _hear_out(self, connection: Connection) -> None:
        try:
            deliver_challenge(connection, self.key)
            answer_challenge(connection, self.key)
            hello = FROM_AWAY.validate_json(connection.recv_bytes(_MOST_BYTES))
            with socket.socket(fileno=os.dup(connection.fileno())) as same:
                _limit(same, 0)
        except (AuthenticationError, ValueError, *LineCut):
            connection.close()
            return
        if isinstance(hello, Hello):
            self._on_call(Wire(connection), hello)
        else:
            connection.close()


def _limit(caller: socket.socket, seconds: int) -> None:
    """How long one reading or writing may take; 0 for as long as it takes."""
    for option in (socket.SO_RCVTIMEO, socket.SO_SNDTIMEO):
        caller.setsockopt(socket.SOL_SOCKET, option, struct.pack("ll", seconds, 0))
