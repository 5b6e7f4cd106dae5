"""Small sweeps for the fault harness: their specs, the command that runs them, and their processes."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

NAME = "disturbed"

SPEC: dict[str, Any] = {
    "name": NAME,
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

FEW_STEPS: dict[str, Any] = SPEC | {
    "search": {"training.learning_rate": [1e-3, 3e-3]},
    "budget": {"flops": 2.4e7, "tolerance": 0.2},
    "seeds": 1,
}
"""Two runs of a few steps: as few writes as show every kind."""

EVERY_STEP = "0.000001"
"""Seconds between checkpoints when each step is to have one."""


def text_in(folder: Path) -> Path:
    """A text of random words."""
    words = random.Random(0).choices(("the", "model", "reads", "a", "window", "of", "tokens"), k=6000)
    (folder / "words.txt").write_text(" ".join(words), encoding="utf-8")
    return folder / "words.txt"


def spec_of(text: Path, folder: Path, spec: dict[str, Any] = SPEC) -> Path:
    """A sweep's spec as a file, on a text."""
    path = folder / f"{spec['name']}.json"
    experiment = spec["experiment"] | {"corpus": {"path": str(text)}}
    path.write_text(json.dumps(spec | {"experiment": experiment}), encoding="utf-8")
    return path


def command(spec: Path, runs: Path, workers: int = 2) -> list[str]:
    """What a user would type."""
    given = [sys.executable, "-m", "tlm_sweeps", "sweep", str(spec), "--runs-dir", str(runs)]
    return [*given, "--workers", str(workers), "--no-report"]


def begun(given: list[str], checkpoint_seconds: str = "0.2", **surroundings: str) -> subprocess.Popen[bytes]:
    """The command under way, in an environment with these variables besides."""
    return subprocess.Popen(
        given,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env=os.environ | surroundings | {"TLM_CHECKPOINT_SECONDS": checkpoint_seconds},
    )


def end_of(process: subprocess.Popen[bytes]) -> None:
    """Wait for the command to end well."""
    said, _ = process.communicate(timeout=900)
    if process.returncode:
        raise AssertionError(f"the sweep left with {process.returncode}: {said.decode()}")


def undisturbed(spec: Path, runs: Path) -> None:
    """Run it to its end in peace."""
    end_of(begun(command(spec, runs)))


@dataclass(frozen=True)
class Below:
    """The processes of a sweep."""

    pids: list[int]
    """Below the coordinator, nearest first: the nursery, then its workers."""
    seconds: float
    """Of processor time that all of them have used so far, the coordinator and those that have ended included: a clock
    that stands still while the machine has no time for them."""


def below(pid: int) -> Below:
    """Look at a sweep's processes, in Linux's `/proc`."""
    children: dict[int, list[int]] = {}
    ticks: dict[int, int] = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = path.read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
        except (FileNotFoundError, ProcessLookupError):
            continue  # it has just ended
        children.setdefault(int(fields[1]), []).append(int(path.parent.name))
        ticks[int(path.parent.name)] = sum(map(int, fields[11:15]))
    found = list(children.get(pid, []))
    for each in found:
        found += children.get(each, [])
    return Below(found, sum(ticks.get(each, 0) for each in (pid, *found)) / os.sysconf("SC_CLK_TCK"))
