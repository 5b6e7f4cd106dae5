"""What the stand-in refuses, and how it says so; every refusal is kept, so that a test can ask for none."""

from __future__ import annotations

from dataclasses import dataclass


class Refused(Exception):
    """A request that W&B's server would refuse too.

    Args:
        message: what is wrong with the request.
        status: the HTTP status of the answer. W&B's client tries again after 5xx, not after most of 4xx.
    """

    def __init__(self, message: str, *, status: int = 400) -> None:
        super().__init__(message)
        self.message = message
        self.status = status


@dataclass(frozen=True)
class Refusal:
    """One refused request."""

    request: str
    """The operation's name, or the path where there is none."""
    message: str
    status: int
