"""What can go wrong with a server, to be switched on by a test."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import Any, Literal


@dataclass
class Faults:
    """The stand-in's troubles. All are off at first."""

    gone: bool = False
    """Every connection is closed before anything is read: the server has disappeared."""
    silent: bool = False
    """Requests are taken and not answered, until this is switched off."""
    refuses_key: bool = False
    """Every key is answered 401."""
    slow_seconds: float = 0.0
    """Every answer takes that long."""
    duplicate: Literal["same", "next"] | None = None
    """The next `run` command is delivered twice: again to the same agent, or to the next agent that asks."""
    closing: threading.Event = field(default_factory=threading.Event)
    """Set at the server's end: whoever hangs may go."""
    twice: list[Duplicate] = field(default_factory=list)
    """Commands that wait for their second delivery."""
    _bursts: list[_Burst] = field(default_factory=list)

    def fail(self, requests: int, only: str | None = None, status: int = 500) -> None:
        """Answer the next requests with a server error.

        Args:
            requests: how many.
            only: an operation's name, `file_stream` or `upload`; other requests are then served.
            status: the HTTP status of the answers.
        """
        self._bursts.append(_Burst(requests, only, status))

    def drop(self, requests: int, only: str | None = None) -> None:
        """Close the next requests' connections without an answer."""
        self._bursts.append(_Burst(requests, only, 0))

    @property
    def left(self) -> int:
        """How many requests are still to fail or to be dropped."""
        return sum(burst.left for burst in self._bursts)

    def strike(self, request: str) -> int | None:
        """The status that this request fails with, 0 where its connection is dropped, None where it is served."""
        for burst in self._bursts:
            if burst.left and burst.only in {None, request}:
                burst.left -= 1
                return burst.status
        return None


@dataclass(frozen=True)
class Duplicate:
    """A command that is delivered a second time."""

    agent: str
    """Who got it first: the agent's GraphQL id."""
    to: Literal["same", "next"]
    command: dict[str, Any]


@dataclass
class _Burst:
    left: int
    only: str | None
    status: int
