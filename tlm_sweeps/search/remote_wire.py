"""A line between two machines: whole frames, said by any thread, cut by any thread. It knows no message's meaning."""

from __future__ import annotations

import hashlib
import os
import socket
import threading
import time
from multiprocessing.connection import Connection

from tlm_sweeps.search.messages import Message
from tlm_sweeps.search.remote_messages import Carrying

CONTENT = b"\0"
"""First byte of a frame that holds a piece of a file."""
_PIECE_BYTES = 2**20
_MOST_BYTES = 2**24
"""Of a frame: an order for a stack of runs is some 100 kB."""

LineCut = (EOFError, OSError)
"""What saying and hearing raise once a line is cut, from whichever side."""


class Wire:
    """One end of a line whose other end has proved that it knows the key."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._handle = socket.socket(fileno=os.dup(connection.fileno()))
        self._saying = threading.Lock()
        self.heard_at = time.monotonic()
        """When the other end was last heard."""

    def say(self, message: Message) -> None:
        """Send a message."""
        self._send(message.model_dump_json().encode())

    def carry(self, run_id: str, name: str, content: bytes) -> None:
        """Send a file. Messages may come between its pieces, other files may not: one thread carries."""
        digest = hashlib.sha256(content).hexdigest()
        self.say(Carrying(run_id=run_id, name=name, size=len(content), sha256=digest))
        for start in range(0, len(content), _PIECE_BYTES):
            self._send(CONTENT + content[start : start + _PIECE_BYTES])

    def hear(self) -> bytes:
        """The next frame, waited for; one thread listens."""
        frame = self._connection.recv_bytes(_MOST_BYTES)
        self.heard_at = time.monotonic()
        return frame

    def cut(self) -> None:
        """End it: whoever is saying or hearing, here or there, gets an error. May be done more than once."""
        try:
            self._handle.shutdown(socket.SHUT_RDWR)
        except OSError:
            return  # the other side was first

    def close(self) -> None:
        """Give the handles back, once no thread uses them any more."""
        self._handle.close()
        self._connection.close()

    def _send(self, frame: bytes) -> None:
        with self._saying:
            self._connection.send_bytes(frame)
