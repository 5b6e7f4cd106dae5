"""A small sweep that is disturbed at random moments, drawn from a seed, and begun again by the same command each time.

What is done to it is what happens to sweeps: processes are killed, frozen and interrupted, files are torn. Which
promises must hold afterwards is said in `tests.faults.promises`.
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

from tests.faults.small_sweeps import NAME, begun, below, command, end_of

Fault = Literal[
    "kill everything",
    "kill the coordinator",
    "kill a worker",
    "kill the nursery",
    "interrupt",
    "terminate",
    "freeze a worker for a moment",
    "tear the newest checkpoint",
    "flip a bit in the newest checkpoint",
]
FAULTS: tuple[Fault, ...] = get_args(Fault)
ENDS_THE_SWEEP = ("kill everything", "kill the coordinator", "interrupt", "terminate")


@dataclass(frozen=True)
class Disturbance:
    """What was done to a sweep, and when."""

    fault: Fault
    seconds: float
    """Of processor time, since the last one or since the sweep, begun or taken up again, had workers."""


def disturbed(spec: Path, runs: Path, seed: int, faults: int) -> list[Disturbance]:
    """Run it to its end, with so many faults on the way; what they were, in order."""
    drawn = random.Random(seed)
    done: list[Disturbance] = []
    process = begun(command(spec, runs))
    while len(done) < faults:
        moment = drawn.uniform(0.0, _LATEST_SECONDS)
        if not _has_worked(process, moment):
            break
        fault = drawn.choice(FAULTS)
        _do(fault, process, runs / NAME, drawn)
        done.append(Disturbance(fault, moment))
        if fault in ENDS_THE_SWEEP:
            process.communicate(timeout=300)
            process = begun(command(spec, runs))
    end_of(process)
    return done


_LATEST_SECONDS = 1.0


def _has_worked(process: subprocess.Popen[bytes], seconds: float) -> bool:
    """Wait until a sweep that has workers has used so much processor time; False when it ends before."""
    workers_came = None
    while process.poll() is None:
        now = below(process.pid)
        if workers_came is None and len(now.pids) > 1:
            workers_came = now.seconds
        if workers_came is not None and now.seconds - workers_came >= seconds:
            return True
        time.sleep(0.02)
    return False


_SIGNALS: dict[Fault, int] = {
    "kill everything": signal.SIGKILL,
    "kill the coordinator": signal.SIGKILL,
    "kill a worker": signal.SIGKILL,
    "kill the nursery": signal.SIGKILL,
    "interrupt": signal.SIGINT,
    "terminate": signal.SIGTERM,
}


def _do(fault: Fault, process: subprocess.Popen[bytes], folder: Path, drawn: random.Random) -> None:
    others = below(process.pid).pids
    nursery, workers = others[:1], others[1:]
    worker = drawn.sample(workers, min(1, len(workers)))
    if fault == "freeze a worker for a moment":
        for pid in worker:
            _signal(pid, signal.SIGSTOP)
            time.sleep(0.5)
            _signal(pid, signal.SIGCONT)
    elif fault in _SIGNALS:
        everything = [process.pid, *others]
        hit = {"kill everything": everything, "kill a worker": worker, "kill the nursery": nursery}
        for pid in hit.get(fault, [process.pid]):
            _signal(pid, _SIGNALS[fault])
    else:
        _damage_newest(folder, drawn, tear=fault.startswith("tear"))


def _damage_newest(folder: Path, drawn: random.Random, *, tear: bool) -> None:
    files = sorted(folder.glob("*/step-*.safetensors"), key=lambda path: path.name)
    if not files:
        return
    content = bytearray(files[-1].read_bytes())
    if tear:
        del content[len(content) // 2 :]
    else:
        content[drawn.randrange(len(content))] ^= 1 << drawn.randrange(8)
    files[-1].write_bytes(bytes(content))


def _signal(pid: int, number: int) -> None:
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return  # it was quicker
