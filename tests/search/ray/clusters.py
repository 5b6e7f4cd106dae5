"""A Ray cluster of several nodes on this machine, looked into and killed in parts from outside."""

from __future__ import annotations

import json
import os
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

_PATIENCE = {"RAY_agent_register_timeout_ms": "300000", "RAY_worker_register_timeout_seconds": "300"}
"""On a machine that is busy, processes take their time to start."""
_HIDING = 'mount -t tmpfs none "$0" && exec "$@"'


@dataclass(frozen=True)
class RayNodes:
    """A running cluster."""

    environment: dict[str, str]
    """For whoever joins it."""
    raylets: dict[str, int]
    """The process of each node that has not been killed, by the node's address."""

    def workers_of(self, node: str) -> list[int]:
        """Processes that train for a node."""
        parent = str(self.raylets[node])
        listing = subprocess.run(["ps", "-o", "pid=,args=", "--ppid", parent], capture_output=True, text=True)  # noqa: PLW1510 - it fails where there is none
        return [int(line.split()[0]) for line in listing.stdout.splitlines() if "ray::tlm-worker" in line]

    def busy(self) -> list[str]:
        """Nodes that have a worker of ours."""
        return [node for node in self.raylets if self.workers_of(node)]

    def kill_workers(self, node: str) -> None:
        """Kill what trains on a node."""
        _kill(*self.workers_of(node))

    def kill(self, node: str) -> None:
        """Kill a node with all that it has."""
        workers = self.workers_of(node)
        _kill(self.raylets.pop(node), *workers)


@contextmanager
def ray_nodes(
    count: int, hidden: Path | None = None, environment: Mapping[str, str] | None = None
) -> Iterator[RayNodes]:
    """Start nodes of one CPU each, and a head of none.

    Args:
        count: nodes that work.
        hidden: a folder that is another, empty one on the nodes.
        environment: of theirs, besides ours.
    """
    temporary = Path(tempfile.mkdtemp(prefix="ray"))  # not pytest's: a socket's path must be short
    own = {name: value for name, value in os.environ.items() if not name.startswith("RAY_")} | dict(environment or {})
    own |= _PATIENCE | {
        "RAY_AUTH_MODE": "token",
        "RAY_AUTH_TOKEN": secrets.token_hex(32),
        "RAY_USAGE_STATS_ENABLED": "0",
    }
    program = [sys.executable, str(Path(__file__).with_name("several_raylets.py")), str(temporary), str(count)]
    if hidden is not None:
        program = ["unshare", "--mount", "--propagation", "private", "sh", "-c", _HIDING, str(hidden), *program]
    said = temporary / "said.txt"
    with (
        said.open("w") as talk,
        subprocess.Popen(
            program, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=talk, text=True, env=own
        ) as process,
    ):
        assert process.stdout is not None
        line = next((each for each in process.stdout if each.startswith("{")), "")
        assert line, f"the cluster has not started: {said.read_text()[-2000:]}"
        started = json.loads(line)
        yield RayNodes({**own, "RAY_ADDRESS": started["address"]}, started["raylets"])
        process.communicate()
    shutil.rmtree(temporary, ignore_errors=True)


def _kill(*processes: int) -> None:
    for process in processes:
        with suppress(ProcessLookupError):  # it was quicker
            os.kill(process, signal.SIGKILL)
