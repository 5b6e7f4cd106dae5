"""A second network on this machine: a namespace of its own, joined to ours by a link that can be cut."""

from __future__ import annotations

import secrets
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import pytest


@dataclass(frozen=True)
class Elsewhere:
    """A namespace. What runs there reaches nothing but our end of the link."""

    name: str
    here: str
    """Address of our end."""

    def command(self, *argv: str) -> tuple[str, ...]:
        """A command that runs there, as the process that is started."""
        return ("ip", "netns", "exec", self.name, *argv)

    def cut(self) -> None:
        """Pull the plug at the other end: what is sent from now on is lost, and nobody is told."""
        _ip("-n", self.name, "link", "set", "away", "down")

    def join(self) -> None:
        """Put it back."""
        _ip("-n", self.name, "link", "set", "away", "up")


@contextmanager
def elsewhere() -> Iterator[Elsewhere]:
    """A namespace and its link, gone afterwards; the test is skipped where neither can be made."""
    if not shutil.which("ip"):
        pytest.skip("there is no `ip` (iproute2)")
    name, net = f"tlm-{secrets.token_hex(3)}", f"198.18.{secrets.randbelow(256)}"  # RFC 2544: for tests of networks
    try:
        _ip("netns", "add", name)
    except subprocess.CalledProcessError as error:
        pytest.skip(f"no network namespace can be made here: {error.stderr.strip()}")
    try:
        _ip("link", "add", name, "type", "veth", "peer", "name", "away", "netns", name)
        _ip("address", "add", f"{net}.1/30", "dev", name)
        _ip("link", "set", name, "up")
        _ip("-n", name, "address", "add", f"{net}.2/30", "dev", "away")
        _ip("-n", name, "link", "set", "away", "up")
        yield Elsewhere(name, f"{net}.1")
    finally:
        _ip("netns", "delete", name)  # and with it both ends of the link


def _ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True, capture_output=True, text=True)
