"""Inside the job: the sweep as a process of its own, which is told to leave in time, and the job put back if asked.

Run by the job's script: `python -m tlm_sweeps.launching.inside [--nodes N] [--requeue] sweep SPEC …`. On one node the
sweep trains as it does anywhere. On several a Ray cluster of the job's nodes is started around it (`around`).
"""

from __future__ import annotations

import argparse
import os
import secrets
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from types import FrameType
from typing import Any

from tlm_sweeps.launching.around import CODE, PID, STOP
from tlm_sweeps.launching.slurm import is_running, requeue

_FINAL = (0, 1, 2)
"""Exit codes of a sweep that has come to an end: there is nothing to go on with, or no use in it."""
_WAIT_SECONDS = 30
"""For the other nodes, when the first one's part is over."""
_FIRST_PORT, _PORTS_OF_JOB = 20_000, 10
"""Below those that systems give away, above those that Ray's workers take."""


def main(arguments: Sequence[str]) -> int:
    """Be the job; its exit code is the sweep's.

    Args:
        arguments: options, and the words of the sweep's command.
    """
    parser = argparse.ArgumentParser(prog="tlm_sweeps.launching.inside")
    parser.add_argument("--nodes", type=int, default=1)
    parser.add_argument("--requeue", action="store_true")
    parser.add_argument("command", nargs=argparse.REMAINDER)
    given = parser.parse_args(arguments)
    job = os.environ.get("SLURM_JOB_ID", "")
    if given.nodes > 1:
        code, told = _on_several(given.command, given.nodes, job)
    else:
        code, told = _on_one(given.command)
    if told and code not in _FINAL:
        _say_paused(_put_back(job) if given.requeue else "submit it again with the same command, which goes on")
    return code


def _on_one(command: Sequence[str]) -> tuple[int, bool]:
    process = subprocess.Popen([sys.executable, "-m", "tlm_sweeps", *command])
    return _seen_out(process, process.terminate)


def _on_several(command: Sequence[str], nodes: int, job: str) -> tuple[int, bool]:
    """The sweep among the job's nodes. Its token goes to them by srun's stdin: it is in no file, script or option."""
    port = _FIRST_PORT + _PORTS_OF_JOB * (int(job) % 1000)
    with tempfile.TemporaryDirectory(prefix="tlm-sweeps-job-") as private:
        here = Path(private)
        around = [sys.executable, "-m", "tlm_sweeps.launching.around", str(port), private, *command]
        process = subprocess.Popen([*_srun(nodes), *around], stdin=subprocess.PIPE, text=True)
        assert process.stdin is not None  # it was asked for
        with process.stdin as lines:
            lines.write(secrets.token_hex(32) + "\n")
        code, told = _seen_out(process, lambda: _tell(here))
        left = here / CODE
        return (int(left.read_text()) if left.exists() else code or 1), told


def _tell(here: Path) -> None:
    """Tell the sweep to leave, or not to begin."""
    (here / STOP).touch()
    if (here / PID).exists():
        os.kill(int((here / PID).read_text()), signal.SIGTERM)


def _srun(nodes: int) -> list[str]:
    """One task on each node with all that the job has there; a node that dies ends its task only."""
    words = ["srun", f"--nodes={nodes}", f"--ntasks={nodes}", "--ntasks-per-node=1", "--overlap", "--cpu-bind=none"]
    words += ["--mem=0", "--no-kill", "--kill-on-bad-exit=0", f"--wait={_WAIT_SECONDS}"]
    return [*words, f"--cpus-per-task={os.environ['SLURM_CPUS_ON_NODE']}"]


def _seen_out(process: subprocess.Popen[Any], tell_it: Callable[[], None]) -> tuple[int, bool]:
    """Wait for a process, passing on the word to leave; its exit code, and whether there was that word."""
    told = False

    def hear(_number: int, _frame: FrameType | None) -> None:
        nonlocal told
        if not told and process.poll() is None:
            told = True
            tell_it()

    signal.signal(signal.SIGTERM, hear)
    return process.wait(), told


def _put_back(job: str) -> str:
    """What becomes of the job: Slurm itself puts a preempted one back, and a cancelled one is meant to end."""
    if not is_running(job):
        return "Slurm decides whether it comes back; submitted again with the same command it goes on"
    problem = requeue(job)
    if problem:
        return f"it could not be put back ({problem}); submit it again with the same command, which goes on"
    return "the job is put back into the queue and goes on"


def _say_paused(what: str) -> None:
    _say(f"the job was told to leave: {what}")


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
