"""What this machine lets us use: cores and memory, as the system, a container and Slurm grant them. It decides nothing.

The smallest of all grants counts: a container may see 64 cores and have the time of two.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

_MIB = 2**20
_UNLIMITED_BYTES = 2**60
"""Control groups of version 1 write a number near 2^63 where there is no limit."""


@dataclass(frozen=True)
class Grant:
    """So much of something, and who says so."""

    amount: int
    by: str
    """In words that end a sentence: `this container's CPU quota`."""


@dataclass(frozen=True)
class Granted:
    """What we may use of this machine."""

    seen_cores: int
    """That the machine has."""
    cores: Grant
    memory: Grant | None
    """Bytes that can still be taken; None where the system does not tell."""


def this_machine(root: Path = Path("/"), environment: Mapping[str, str] = os.environ) -> Granted:
    """What is granted now.

    Args:
        root: where `/proc` and `/sys` are; tests have their own.
        environment: for what Slurm says.
    """
    cores = [_seen_cores(), *_quotas(root), *_slurm_cores(environment)]
    smallest = min(cores, key=lambda each: each.amount)
    memory = [*_free_memory(root), *_memory_limits(root), *_slurm_memory(environment, smallest.amount)]
    return Granted(os.cpu_count() or 1, smallest, min(memory, key=lambda each: each.amount, default=None))


def cores() -> int:
    """Cores that this process may use."""
    return this_machine().cores.amount


def memory_kills(root: Path = Path("/")) -> int:
    """How many processes of our control group the system has killed so far for lack of memory.

    Of the whole machine, where no group tells. Whoever asks twice knows whether one was killed in between.

    Args:
        root: where `/proc` and `/sys` are; tests have their own.
    """
    for group in _groups(root, "memory"):  # ours is the first one
        for file in ("memory.events", "memory.oom_control"):  # of version 2, and 1
            if found := _named(_text(group / file), "oom_kill"):
                return _number(found)
    return _number(_named(_text(root / "proc/vmstat"), "oom_kill"))


def _seen_cores() -> Grant:
    if hasattr(os, "sched_getaffinity"):
        allowed = len(os.sched_getaffinity(0))
        return Grant(allowed, "this machine" if allowed == os.cpu_count() else "the affinity of this process")
    return Grant(os.cpu_count() or 1, "this machine")


def _quotas(root: Path) -> Iterator[Grant]:
    """CPU time that control groups grant, in cores; half a core counts as one, since workers can share it."""
    for group in _groups(root, "cpu"):
        quota, period = _quota(group)
        if quota > 0 and period > 0:
            yield Grant(max(1, math.floor(quota / period + 0.5)), "this container's CPU quota")


def _quota(group: Path) -> tuple[int, int]:
    """Microseconds of CPU time in a period; (0, 0) without a limit."""
    quota, _, period = _text(group / "cpu.max").partition(" ")  # version 2
    if not quota:
        quota, period = _text(group / "cpu.cfs_quota_us"), _text(group / "cpu.cfs_period_us")
    return _number(quota), _number(period)


def _slurm_cores(environment: Mapping[str, str]) -> Iterator[Grant]:
    """What Slurm gave: to this task within a step of `srun`, to the whole job on this node in a batch script."""
    of_task, of_node = (_number(environment.get(f"SLURM_CPUS_{name}", "")) for name in ("PER_TASK", "ON_NODE"))
    is_step = "SLURM_STEP_ID" in environment
    given = (of_task or of_node) if is_step else (of_node or of_task)
    if given > 0:
        yield Grant(given, "Slurm")


def _free_memory(root: Path) -> Iterator[Grant]:
    for line in _text(root / "proc/meminfo").splitlines():
        name, _, amount = line.partition(":")
        if name == "MemAvailable":
            yield Grant(int(amount.split()[0]) * 1024, "this machine's memory")


def _memory_limits(root: Path) -> Iterator[Grant]:
    """What control groups leave us: their limit less what is taken, files that can be dropped not counted."""
    for group in _groups(root, "memory"):
        for limit, used, dropped in (
            ("memory.max", "memory.current", "inactive_file"),  # version 2
            ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"),
        ):
            most = _number(_text(group / limit))
            if 0 < most < _UNLIMITED_BYTES:
                taken = _number(_text(group / used)) - _number(_named(_text(group / "memory.stat"), dropped))
                yield Grant(max(0, most - max(0, taken)), "this container's memory limit")


def _slurm_memory(environment: Mapping[str, str], cores: int) -> Iterator[Grant]:
    of_node, of_core = (_number(environment.get(f"SLURM_MEM_PER_{name}", "")) for name in ("NODE", "CPU"))
    given = of_node or of_core * cores
    if given > 0:  # 0 is all there is
        yield Grant(given * _MIB, "Slurm's memory")


def _groups(root: Path, controller: str) -> Iterator[Path]:
    """Folders of the control groups that limit us, ours and those above it, that can be seen from here."""
    for line in _text(root / "proc/self/cgroup").splitlines():
        _, names, ours = line.split(":", 2)
        mount = root / "sys/fs/cgroup"
        if names:  # version 1: a hierarchy for each controller
            if controller not in names.split(","):
                continue
            mount = next((mount / each for each in (names, controller) if (mount / each).is_dir()), mount)
        inside = Path(ours.lstrip("/"))
        for group in (inside, *inside.parents):
            if ".." not in group.parts:
                yield mount / group  # a container may see its own group as the root of all


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="ascii", errors="replace").strip()
    except OSError:
        return ""


def _number(text: str) -> int:
    """A whole number; 0 for `max`, -1 and whatever else says that there is no limit."""
    return int(text) if text.isdecimal() else 0


def _named(text: str, name: str) -> str:
    return next((line.split()[-1] for line in text.splitlines() if line.startswith(name + " ")), "")
