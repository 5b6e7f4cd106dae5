"""Every durable write of a small sweep as the moment at which a process dies, or from which on the disk is full.

strace injects the fault into a system call, so nothing of the program is changed or known. It counts the calls of each
process by itself: the fault of call 7 meets whichever process makes its seventh one first.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from tests.faults.small_sweeps import EVERY_STEP, begun, command, end_of

CALLS = ("fdatasync", "pwrite64", "fsync", "rename", "unlink", "write")
"""The first two are the ledger's, the others those of checkpoints, models and measurements."""
_UNFILLABLE = ("unlink",)
"""Calls that a full disk does not refuse."""
_PATIENCE_SECONDS = 900.0


@dataclass(frozen=True)
class Moment:
    """One write, and what happens at it."""

    fault: Literal["kill", "full"]
    call: str
    number: int
    """Of the call within a process, from 1."""


@dataclass(frozen=True)
class Met:
    """What a sweep did at a moment."""

    moment: Moment
    met: bool
    """Whether some process came to that call: a sweep makes a few more or fewer from one time to the next."""
    code: int
    said: str


def is_possible() -> bool:
    """Whether strace is here and may follow a process."""
    if shutil.which("strace") is None:
        return False
    return subprocess.run(["strace", "-o", os.devnull, "true"], capture_output=True, check=False).returncode == 0


@dataclass(frozen=True)
class Writes:
    """What a sweep writes in peace, a checkpoint after every step."""

    most: Counter[str]
    """Of each call, how many the busiest process makes."""
    files: tuple[str, ...]
    """That are written, below the runs folder."""


def writes_in_peace(spec: Path, runs: Path) -> Writes:
    """Run a sweep undisturbed, and look."""
    trace = runs.with_suffix(".trace")
    process, tracer = _traced(spec, runs, ["-y", "-e", f"trace={','.join(CALLS)}"], trace)
    end_of(process)
    tracer.wait(_PATIENCE_SECONDS)
    lines = [each for each in trace.read_text(encoding="utf-8", errors="replace").splitlines() if f"{runs}/" in each]
    by_process = Counter(_CALL.findall("\n".join(lines)))
    most: Counter[str] = Counter()
    for (_, call), number in by_process.items():
        most[call] = max(most[call], number)
    return Writes(most, tuple(sorted({name for each in lines for name in re.findall(rf'{runs}/([^">]+)[">]', each)})))


def moments(most: Counter[str], every: int = 1, begin: int = 1) -> Iterator[Moment]:
    """Each write, or every so many of a kind: killed at it, and a disk that is full from it on.

    They come by their numbers, the kinds beside each other, so that the first of them are of every kind.

    >>> [each.number for each in moments(Counter(unlink=5), every=2)]
    [1, 3, 5]
    """
    for number in range(begin, max(most.values(), default=0) + 1, every):
        for call in (each for each in CALLS if number <= most[each]):
            yield Moment("kill", call, number)
            if call not in _UNFILLABLE:
                yield Moment("full", call, number)


def met(spec: Path, runs: Path, moment: Moment, files: Sequence[str]) -> Met:
    """Run a sweep into a moment, and by the same command to its end."""
    what = "signal=SIGKILL" if moment.fault == "kill" else "error=ENOSPC"
    when = f"{moment.number}" if moment.fault == "kill" else f"{moment.number}+"
    inject = ["-e", f"trace={moment.call}", "-e", f"inject={moment.call}:{what}:when={when}"]
    of_files = [word for name in files for word in ("-P", str(runs / name))]
    trace = runs.with_suffix(".trace")
    process, tracer = _traced(spec, runs, [*inject, *of_files], trace)
    if moment.fault == "kill":
        _until(lambda: _has(trace, _DEATH) or tracer.poll() is not None)
        tracer.terminate()  # one process dies; those that come after it live
    said, _ = process.communicate(timeout=_PATIENCE_SECONDS)
    tracer.wait(_PATIENCE_SECONDS)
    end_of(begun(command(spec, runs, workers=1), EVERY_STEP))
    return Met(moment, _has(trace, _DEATH if moment.fault == "kill" else _REFUSAL), process.returncode, said.decode())


def faults_of(found: Met) -> list[str]:
    """What is wrong with how the command ended, besides what it left behind."""
    where = f"{found.moment.fault} at {found.moment.call} {found.moment.number}"
    wrong = [f"{where}: it showed `{each}`" for each in ("Traceback", "internal error") if each in found.said]
    expected = {0, -signal.SIGKILL} if found.moment.fault == "kill" else {0, 1}
    if found.code not in expected:
        wrong.append(f"{where}: it left with {found.code}: {found.said}")
    if found.code == 1 and not re.search("error: .*cannot be (used|written)", found.said):
        wrong.append(f"{where}: it did not say that it could not write: {found.said}")
    return wrong


_CALL = re.compile(rf"^(\d+) +({'|'.join(CALLS)})\(", re.MULTILINE)
_DEATH = "+++ killed by SIGKILL +++"
_REFUSAL = "(INJECTED)"


def _traced(
    spec: Path, runs: Path, how: list[str], trace: Path
) -> tuple[subprocess.Popen[bytes], subprocess.Popen[bytes]]:
    """The sweep under way, and strace attached to it before its first instruction."""
    process = begun(["sh", "-c", 'kill -STOP $$; exec "$@"', "sh", *command(spec, runs, workers=1)], EVERY_STEP)
    os.waitpid(process.pid, os.WUNTRACED)
    follow = ["strace", "-f", "-qq", "-o", str(trace), "-p", str(process.pid), *how]
    tracer = subprocess.Popen(follow, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _until(lambda: _has(Path(f"/proc/{process.pid}/status"), f"TracerPid:\t{tracer.pid}") or tracer.poll() is not None)
    assert tracer.poll() is None, f"strace left with {tracer.returncode}"
    os.kill(process.pid, signal.SIGCONT)
    return process, tracer


def _has(file: Path, words: str) -> bool:
    return file.exists() and words in file.read_text(encoding="utf-8", errors="replace")


def _until(is_so: Callable[[], bool]) -> None:
    patience = time.monotonic() + _PATIENCE_SECONDS
    while not is_so():
        if time.monotonic() > patience:
            raise AssertionError("strace did not come, or did not leave")
        time.sleep(0.01)
