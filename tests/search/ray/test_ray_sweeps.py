"""Whole sweeps on a Ray cluster of several nodes on this machine, whose processes are killed."""

import importlib.util
import json
import os
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tlm_sweeps.runs.ledger import reading
from tlm_sweeps.runs.record import Record
from tlm_sweeps.spec.sweep import SweepSpec

Tiny = Callable[..., SweepSpec]
Swept = Callable[..., tuple[Record, ...]]

pytestmark = [
    pytest.mark.service,
    pytest.mark.slow,
    pytest.mark.skipif(importlib.util.find_spec("ray") is None, reason="Ray is not installed (extra `ray`)"),
    pytest.mark.skipif(sys.platform != "linux", reason="it looks for processes with ps"),
]

SWEEP = """
import json, sys
from pathlib import Path
from tlm_sweeps.search.remote_asking import OnRay
from tlm_sweeps.search.sweeping import sweep
from tlm_sweeps.spec.sweep import SweepSpec
spec = SweepSpec.model_validate_json(Path(sys.argv[1]).read_text())
for picture in sweep(spec, Path(sys.argv[2]), workers=OnRay(2)):
    print(json.dumps([each.share for each in picture.running]), flush=True)
"""


@dataclass(frozen=True)
class RayNodes:
    """A running cluster."""

    environment: dict[str, str]
    raylets: list[int]


@pytest.fixture(scope="module")
def nodes() -> Iterator[RayNodes]:
    temporary = Path(tempfile.mkdtemp(prefix="ray"))  # not pytest's: a socket's path must be short
    environment = {name: value for name, value in os.environ.items() if not name.startswith("RAY_")}
    environment |= {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": secrets.token_hex(32), "RAY_USAGE_STATS_ENABLED": "0"}
    program = [sys.executable, str(Path(__file__).with_name("several_raylets.py")), str(temporary), "3"]
    with subprocess.Popen(
        program, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=environment
    ) as process:
        assert process.stdout is not None
        line = next((each for each in process.stdout if each.startswith("{")), "")
        started = json.loads(line)
        yield RayNodes({**environment, "RAY_ADDRESS": started["address"]}, started["raylets"])
        process.communicate()
    shutil.rmtree(temporary, ignore_errors=True)


@pytest.fixture
def begun(nodes: RayNodes, tmp_path: Path) -> Iterator[Callable[[SweepSpec], subprocess.Popen[str]]]:
    """Begins a sweep on two workers of the cluster, or goes on with it, in a process of its own."""
    processes: list[subprocess.Popen[str]] = []

    def begin(spec: SweepSpec) -> subprocess.Popen[str]:
        (tmp_path / "spec.json").write_text(spec.model_dump_json(exclude_unset=True))
        (tmp_path / "sweep.py").write_text(SWEEP)
        command = [sys.executable, str(tmp_path / "sweep.py"), str(tmp_path / "spec.json"), str(tmp_path / "ray")]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=nodes.environment)
        processes.append(process)
        return process

    yield begin
    for process in processes:
        process.kill()
        process.communicate()


def results(records: tuple[Record, ...]) -> list[dict[str, Any]]:
    """What must not depend on where and how often a run was trained."""
    timing = {"wall_seconds", "peak_memory_bytes", "started_at", "finished_at", "provenance"}
    return [record.model_dump(exclude=timing) for record in records]


def follow(process: subprocess.Popen[str], is_so: Callable[[list[float]], bool]) -> None:
    """Wait for a picture of which something is so; it is told the shares of the runs that are being trained."""
    assert process.stdout is not None
    for line in process.stdout:
        if is_so([share for share in json.loads(line) if share > 0]):
            return
    raise AssertionError("the sweep ended too early")


def ended(process: subprocess.Popen[str]) -> None:
    process.communicate(timeout=240)
    assert process.returncode == 0


def workers_of(raylet: int) -> list[int]:
    """Processes that train for a node."""
    listing = subprocess.run(
        ["ps", "-o", "pid=,args=", "--ppid", str(raylet)], capture_output=True, text=True, check=False
    )
    return [int(line.split()[0]) for line in listing.stdout.splitlines() if "ray::tlm-worker" in line]


def busy(nodes: RayNodes) -> list[int]:
    """Raylets that have a worker of ours."""
    return [raylet for raylet in nodes.raylets if workers_of(raylet)]


def test_whatever_is_killed_each_setting_is_trained_once_with_the_result_of_a_local_sweep(
    tiny: Tiny, swept: Swept, nodes: RayNodes, begun: Callable[[SweepSpec], subprocess.Popen[str]], tmp_path: Path
):
    engine = {"sampler": "random", "trials": 8}
    spec = tiny(budget={"flops": 2e9, "total": 4e10}, engine=engine)
    local = swept(spec, workers=2)
    log = tmp_path / "ray" / spec.name / "remote.log"

    def deaths() -> int:
        return log.read_text().count("is dead")

    driver = begun(spec)
    follow(driver, lambda shares: len(shares) == 2)
    os.kill(workers_of(busy(nodes)[0])[0], signal.SIGKILL)
    follow(driver, lambda shares: deaths() == 1 and len(shares) == 2)
    lost = busy(nodes)[0]
    for process in (lost, *workers_of(lost)):
        os.kill(process, signal.SIGKILL)
    nodes.raylets.remove(lost)
    follow(driver, lambda shares: deaths() == 2 and len(shares) >= 1)
    driver.kill()
    until = time.monotonic() + 60
    while busy(nodes) and time.monotonic() < until:
        pass
    assert busy(nodes) == [], "workers leave when nobody is at home"
    ended(begun(spec))
    with reading(tmp_path / "ray" / spec.name) as ledger:
        records, spent, reserved = ledger.records(), ledger.spent_flops(), ledger.reserved_flops()
    assert results(records) == results(local)
    useful = sum((record.train_flops or {})["matmul"] for record in records)
    assert useful < spent <= 4e10
    assert reserved == 0
    assert [record.state for record in records] == ["complete"] * 8
