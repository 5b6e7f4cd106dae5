"""A node's part in a Ray cluster of the job: `ray symmetric-run` there, and on the first node the sweep inside it.

srun runs `python -m tlm_sweeps.launching.around NODES PORT FOLDER sweep …` on each node and gives it the token on
stdin. From then on the token is in this process's environment, which nobody but its user can read.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

from tlm_sweeps.compute.gpus import gpus
from tlm_sweeps.compute.machine import cores
from tlm_sweeps.launching.inside import PID, STOP

_STORE_BYTES = 80 * 2**20
"""Ray's least, almost: nothing but short texts goes through its object store."""
_WAIT_SECONDS = 600
"""For the slowest node: all of them read Python's packages from the same disk at the same moment."""
_SWEEP = "--sweep"
PAUSED = 130


def around(nodes: str, port: str, folder: str, command: Sequence[str]) -> None:
    """Become `ray symmetric-run`, which runs this module again on the head's node."""
    address = f"{os.environ['SLURM_LAUNCH_NODE_IPADDR']}:{port}"  # the first node's: the job's script runs there
    scripts = Path(sys.executable).parent
    os.environ |= {
        "PATH": f"{scripts}{os.pathsep}{os.environ.get('PATH', os.defpath)}",  # it calls `ray` by name
        "RAY_ADDRESS": address,
        "RAY_AUTH_MODE": "token",
        "RAY_AUTH_TOKEN": sys.stdin.readline().strip(),
        "RAY_USAGE_STATS_ENABLED": "0",
        "RAY_SYMMETRIC_RUN_CLUSTER_WAIT_TIMEOUT": str(_WAIT_SECONDS),
        "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
    }
    # Slurm tells every task to leave, and this one must be there until the sweep has left: the sweep is told apart.
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    ray = ["ray", "symmetric-run", "--address", address, "--min-nodes", nodes]
    ray += [f"--num-cpus={cores()}", f"--num-gpus={len(gpus())}", f"--object-store-memory={_STORE_BYTES}"]
    ray += ["--include-dashboard=false", "--"]
    os.execvp("ray", [*ray, sys.executable, "-m", "tlm_sweeps.launching.around", _SWEEP, folder, *command])  # noqa: S606 - no shell is wanted


def sweep(folder: Path, command: Sequence[str]) -> None:
    """Become the sweep, once it is known which process that is."""
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    (folder / PID).write_text(str(os.getpid()), encoding="ascii")
    if (folder / STOP).exists():
        sys.exit(PAUSED)
    os.execv(sys.executable, [sys.executable, "-m", "tlm_sweeps", *command])  # noqa: S606 - as above


if __name__ == "__main__":
    if sys.argv[1] == _SWEEP:
        sweep(Path(sys.argv[2]), sys.argv[3:])
    else:
        around(sys.argv[1], sys.argv[2], sys.argv[3], sys.argv[4:])
