"""A small sweep that is disturbed at random moments, drawn from a seed, and begun again by the same command each time.

What is done to it is what happens to sweeps: processes are killed, frozen and interrupted, files are torn. Which
promises must hold afterwards is said in `tests.faults.promises`.
"""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

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

SPEC: dict[str, Any] = {
    "name": "disturbed",
    "experiment": {
        "model": {"kind": "transformer", "width": 16, "context": 8, "dropout": 0.1, "heads": 2},
        "training": {"batch_size": 8, "learning_rate": 3e-3},
        "evaluation": {"every": 0.25, "windows": 50},
    },
    "search": {"model.depth": [1, 2], "training.learning_rate": [1e-3, 3e-3]},
    "budget": {"flops": 3e8},
    "engine": {"sampler": "grid"},
    "seeds": 2,
}
"""Eight runs of about a quarter of a second."""


@dataclass(frozen=True)
class Disturbance:
    """What was done to a sweep, and when."""

    fault: Fault
    seconds: float
    """After the sweep was begun, or taken up again."""


def spec_of(text: Path, folder: Path) -> Path:
    """The sweep's spec as a file, on a text."""
    path = folder / "disturbed.json"
    experiment = SPEC["experiment"] | {"corpus": {"path": str(text)}}
    path.write_text(json.dumps(SPEC | {"experiment": experiment}), encoding="utf-8")
    return path


def undisturbed(spec: Path, runs: Path) -> None:
    """Run it to its end in peace."""
    _end_of(_begun(spec, runs))


def disturbed(spec: Path, runs: Path, seed: int, faults: int) -> list[Disturbance]:
    """Run it to its end, with so many faults on the way; what they were, in order."""
    drawn = random.Random(seed)
    done: list[Disturbance] = []
    process = _begun(spec, runs)
    while len(done) < faults:
        begun = time.monotonic()
        wait = drawn.uniform(0.0, 2.5)
        while process.poll() is None and time.monotonic() - begun < wait + _IMPORTS:
            time.sleep(0.01)
        if process.poll() is not None:
            _end_of(process)
            break
        fault = drawn.choice(FAULTS)
        _do(fault, process, runs / "disturbed", drawn)
        done.append(Disturbance(fault, wait))
        if fault in ENDS_THE_SWEEP:
            process.communicate(timeout=60)
            process = _begun(spec, runs)
    _end_of(process)
    return done


_IMPORTS = 1.0
"""Seconds until a sweep has begun to work; faults before that find nothing."""


def _begun(spec: Path, runs: Path) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "tlm_sweeps", "sweep", str(spec), "--runs-dir", str(runs)]
    return subprocess.Popen(
        [*command, "--workers", "2", "--no-report"],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env=os.environ | {"TLM_CHECKPOINT_SECONDS": "0.2"},
    )


def _end_of(process: subprocess.Popen[bytes]) -> None:
    said, _ = process.communicate(timeout=300)
    if process.returncode:
        raise AssertionError(f"the sweep left with {process.returncode}: {said.decode()}")


_SIGNALS: dict[Fault, int] = {
    "kill everything": signal.SIGKILL,
    "kill the coordinator": signal.SIGKILL,
    "kill a worker": signal.SIGKILL,
    "kill the nursery": signal.SIGKILL,
    "interrupt": signal.SIGINT,
    "terminate": signal.SIGTERM,
}


def _do(fault: Fault, process: subprocess.Popen[bytes], folder: Path, drawn: random.Random) -> None:
    below = _below(process.pid)
    nursery, workers = below[:1], below[1:]
    worker = drawn.sample(workers, min(1, len(workers)))
    if fault == "freeze a worker for a moment":
        for pid in worker:
            _signal(pid, signal.SIGSTOP)
            time.sleep(0.5)
            _signal(pid, signal.SIGCONT)
    elif fault in _SIGNALS:
        everything = [process.pid, *below]
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


def _below(pid: int) -> list[int]:
    """The processes below one, nearest first: the nursery, then its workers."""
    listing = subprocess.run(["ps", "-e", "-o", "pid=,ppid="], capture_output=True, text=True, check=True).stdout
    children: dict[int, list[int]] = {}
    for line in listing.splitlines():
        child, parent = map(int, line.split())
        children.setdefault(parent, []).append(child)
    found = list(children.get(pid, []))
    for each in found:
        found += children.get(each, [])
    return found


def _signal(pid: int, number: int) -> None:
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return  # it was quicker
