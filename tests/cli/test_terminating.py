"""SIGTERM, as schedulers send it: to the command, or to every process of the job at once. The sweep pauses."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

Tlm = Callable[..., Any]
pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="finds the processes of a sweep in /proc")


@pytest.fixture
def tracked_spec(spec: Path) -> Path:
    """The same sweep with runs of about a minute, told to W&B's files."""
    longer = spec.read_text().replace("6e8", "3e11").replace("every: 25%", "every: 1%")
    spec.write_text(longer + "tracking: {wandb: offline}\n")
    return spec


@pytest.mark.parametrize("whom", ["the command", "every process"])
def test_a_terminated_sweep_pauses_and_no_run_of_it_has_failed(whom: str, tlm: Tlm, tracked_spec: Path):
    command = [sys.executable, "-m", "tlm_sweeps", "sweep", str(tracked_spec), "--workers", "1"]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as process:
        watchdog = threading.Timer(60, process.kill)
        watchdog.start()
        while process.poll() is None and not _has_measured():
            os.sched_yield()
        for pid in [process.pid] if whom == "the command" else list(_family(process.pid)):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGTERM)
        _, err = process.communicate()
        watchdog.cancel()

    assert process.returncode == 130, err
    assert tlm("status", "--json").data["states"] == {"waiting": 1}
    if whom == "the command":  # else wandb-core is told too, and obeys
        kinds = _records(next(Path("runs").rglob("*.wandb")))
        assert b"preempting" in kinds
        assert b'"exit_code":1' in kinds
        assert "W&B" not in err


def _has_measured() -> bool:
    return any(file.stat().st_size for file in Path("runs").rglob("metrics.jsonl"))


def _family(pid: int) -> Iterator[int]:
    """A process and all that it has started, and they in turn."""
    yield pid
    for found in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):  # it has ended meanwhile
            if int(found.read_text().rpartition(")")[2].split()[1]) == pid:
                yield from _family(int(found.parent.name))


def _records(file: Path) -> bytes:
    """What W&B's own reader finds in a run's file."""
    command = [sys.executable, "-m", "wandb", "leet", "inspect", "--json", str(file)]
    return subprocess.run(command, capture_output=True, check=True).stdout
