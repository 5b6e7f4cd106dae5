"""A node's part in a Ray cluster of the job's nodes; on the first one, also the sweep inside it.

srun runs `python -m tlm_sweeps.launching.around PORT FOLDER sweep …` on each node and gives it the token on stdin. From
then on the token is in this process's environment, which nobody but its user can read. What `ray symmetric-run` does,
with its faults mended: a node whose Ray does not start at once tries again, nobody waits for nodes that never come (but
they are welcome later), and the exit code is the sweep's. Why: docs/decisions/0020-slurm.md.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from tlm_sweeps.compute.gpus import gpus
from tlm_sweeps.compute.machine import cores

PID, STOP, CODE = "pid", "stop", "code"
"""Files in a folder of the first node: who the sweep is, that it is to leave, and what it left with."""
_PAUSED = 130
_STORE_BYTES = 80 * 2**20
"""Ray's least, almost: nothing but short texts goes through its object store."""
_ATTEMPTS = 5
"""Ray gives its processes 30 s to start, which a node that reads Python's packages from a busy disk may not have."""
_HEAD_SECONDS = 300
"""Until the first node answers; once it has, so long is too long: the sweep is over."""
_GONE_SECONDS = 15
_LOOK_SECONDS = 1.0
_PORTS = ("dashboard-agent-grpc-port", "dashboard-agent-listen-port", "runtime-env-agent-port", "metrics-export-port")
"""That are given beside the cluster's own, the next numbers."""


def main(port: str, folder: Path, command: Sequence[str]) -> int:
    """Be this node's part until the sweep is over; the exit code of the task."""
    # Slurm tells every task to leave, and this one must be there until the sweep has left: the sweep is told apart.
    signal.signal(signal.SIGTERM, lambda _number, _frame: None)
    host = os.environ["SLURM_LAUNCH_NODE_IPADDR"]  # the first node's: the job's script runs there
    environment = _environment(f"{host}:{port}", sys.stdin.readline().strip())
    if os.environ["SLURM_NODEID"] == "0":
        return _head(host, port, folder, command, environment)
    return _other(host, int(port), environment)


def _environment(address: str, token: str) -> dict[str, str]:
    return {
        **os.environ,
        "RAY_ADDRESS": address,
        "RAY_AUTH_MODE": "token",
        "RAY_AUTH_TOKEN": token,
        "RAY_USAGE_STATS_ENABLED": "0",
        "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
    }


def _head(host: str, port: str, folder: Path, command: Sequence[str], environment: Mapping[str, str]) -> int:
    start = ["--head", f"--node-ip-address={host}", f"--port={port}", "--include-dashboard=false"]
    for _ in range(_ATTEMPTS):
        has_started = _ray(["start", *start, *_share(int(port))], environment) == 0
        code = _swept(folder, command, environment) if has_started else 1
        _ray(["stop", "--force"], environment)  # nothing else of Ray runs on a node that the job has for itself
        if has_started:
            (folder / CODE).write_text(str(code), encoding="ascii")
            return code
    _say(f"Ray did not start on {host} in {_ATTEMPTS} attempts; what it said is above")
    return 1


def _swept(folder: Path, command: Sequence[str], environment: Mapping[str, str]) -> int:
    sweep = subprocess.Popen([sys.executable, "-m", "tlm_sweeps", *command], env=environment)
    (folder / PID).write_text(str(sweep.pid), encoding="ascii")
    if (folder / STOP).exists():  # it was told to leave before anybody knew who it is
        sweep.terminate()
    code = sweep.wait()
    return _PAUSED if code == -signal.SIGTERM else code % 256


def _other(host: str, port: int, environment: Mapping[str, str]) -> int:
    """Join the first node, and again should Ray fail; until that node is gone."""
    patience = _HEAD_SECONDS
    while _answers(host, port, patience):
        _ray(["start", f"--address={host}:{port}", "--block", *_share(port)], environment)
        patience = _GONE_SECONDS
    return 0


def _answers(host: str, port: int, patience: float) -> bool:
    until = time.monotonic() + patience
    while time.monotonic() < until:
        with suppress(OSError):
            socket.create_connection((host, port), timeout=_LOOK_SECONDS).close()
            return True
        time.sleep(_LOOK_SECONDS)
    return False


def _share(port: int) -> list[str]:
    """Of this node, what the job has; and ports, which Ray's processes otherwise tell each other within 15 s or die."""
    share = [f"--num-cpus={cores()}", f"--num-gpus={len(gpus())}", f"--object-store-memory={_STORE_BYTES}"]
    return share + [f"--{name}={number}" for number, name in enumerate(_PORTS, start=port + 1)]


def _ray(words: Sequence[str], environment: Mapping[str, str]) -> int:
    """Run the program `ray` of this Python; what it says goes into the job's output, on stderr."""
    program = [sys.executable, "-m", "ray.scripts.scripts", *words]
    return subprocess.run(program, env=environment, stdin=subprocess.DEVNULL, stdout=2, check=False).returncode


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], Path(sys.argv[2]), sys.argv[3:]))
