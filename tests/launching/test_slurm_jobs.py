"""Whole jobs in a real Slurm: two nodes in namespaces of this machine, started for these tests and gone with them."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.launching.conftest import SPEC
from tlm_sweeps.runs.ledger import reading
from tlm_sweeps.runs.record import Record

PROGRAMS = ("slurmctld", "slurmd", "sbatch", "srun", "munged", "unshare", "ip")
NAMESPACES = ["unshare", "--mount", "--net", "--pid", "--uts", "--fork", "--kill-child"]
PATIENCE_SECONDS = 900
LONGER = SPEC.replace("6e8", "2e9").replace("budget: {", "budget: {total: 1.2e10, ").replace("25%", "5%")


def what_lacks() -> str:
    """Why no Slurm can be started here; nothing when it can."""
    lacking = [each for each in PROGRAMS if not shutil.which(each)]
    if lacking:
        return f"not installed: {', '.join(lacking)} (Debian: slurm-wlm, munge)"
    allowed = subprocess.run([*NAMESPACES, "mount", "-t", "tmpfs", "tmpfs", "/mnt"], capture_output=True, check=False)
    return "no namespaces may be made here (they need root)" if allowed.returncode else ""


pytestmark = [pytest.mark.service, pytest.mark.slow, pytest.mark.skipif(bool(what_lacks()), reason=what_lacks())]


class Slurm:
    """A running Slurm, and the commands that are typed on its machines."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def types(self, *words: str) -> str:
        """Type a command; what it prints."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(words) + "\n")
        self._process.stdin.flush()
        done = json.loads(self._process.stdout.readline())
        assert done["code"] == 0, done
        return done["out"]

    def tlm(self, *words: str, folder: Path) -> str:
        """Type a command of ours, in a folder."""
        return self.types("env", "-C", str(folder), sys.executable, "-m", "tlm_sweeps", *words)


@pytest.fixture(scope="module")
def slurm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Slurm]:
    folder = tmp_path_factory.mktemp("slurm")
    repository = Path(__file__).parents[2]
    world = Path(__file__).with_name("slurm_world.py")
    settings = {"TLM_CACHE": str(folder / "cache"), "TLM_CHECKPOINT_SECONDS": "1", "PYTHONPATH": str(repository)}
    with subprocess.Popen(
        [*NAMESPACES, sys.executable, str(world), str(folder)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={name: value for name, value in os.environ.items() if not name.startswith("SLURM_")} | settings,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline(), "Slurm did not start"
        yield Slurm(process)
        process.communicate()


@pytest.fixture
def spec(tmp_path: Path) -> Path:
    """Runs that are long enough to be disturbed."""
    path = tmp_path / "small.yaml"
    path.write_text(LONGER)
    return path


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> tuple[Record, ...]:
    """The records of the same sweep without Slurm."""
    folder = tmp_path_factory.mktemp("here")
    (folder / "small.yaml").write_text(LONGER)
    command = [sys.executable, "-m", "tlm_sweeps", "sweep", "small.yaml", "--workers", "2", "--no-report"]
    subprocess.run(command, cwd=folder, check=True, capture_output=True)
    with reading(folder / "runs" / "small") as ledger:
        return ledger.records()


def submitted(slurm: Slurm, spec: Path, *options: str) -> str:
    """The number of a job."""
    words = ("sweep", spec.name, "--launch", "slurm", "--time", "30", "--workers", "2", "--no-report", "--json")
    return json.loads(slurm.tlm(*words, *options, folder=spec.parent))["job"]["id"]


def job_of(slurm: Slurm, spec: Path) -> dict[str, Any]:
    """How the job stands, as `status` has it."""
    return json.loads(slurm.tlm("status", "small", "--json", folder=spec.parent))["job"]


def wait(is_so: Callable[[], bool], what: str) -> None:
    until = time.monotonic() + PATIENCE_SECONDS
    while not is_so():
        assert time.monotonic() < until, what


def state_of(slurm: Slurm, job: str) -> str:
    return slurm.types("squeue", "--noheader", "--states=all", f"--jobs={job}", "--format=%T").strip()


def await_end(slurm: Slurm, spec: Path, job: str) -> None:
    output = spec.parent / "runs" / "small" / "slurm"
    wait(lambda: state_of(slurm, job) in ("COMPLETED", "FAILED", "CANCELLED"), "the job came to no end")
    said = "".join(each.read_text() for each in output.glob("output-*.log"))
    assert state_of(slurm, job) == "COMPLETED", said


def await_training(spec: Path) -> None:
    wait(lambda: any(each.stat().st_size for each in spec.parent.glob("runs/small/*/*.safetensors")), "nothing trained")


def ensure_same(spec: Path, undisturbed: tuple[Record, ...]) -> None:
    """The job's records are those of a sweep here; each setting is there once, and the pool is exact."""
    with reading(spec.parent / "runs" / "small") as ledger:
        records, spent, reserved = ledger.records(), ledger.spent_flops(), ledger.reserved_flops()
    assert results(records) == results(undisturbed)
    assert len({json.dumps(record.settings, sort_keys=True) for record in records}) == len(records) == 4
    assert {record.state for record in records} == {"complete"}
    assert sum((record.train_flops or {})["matmul"] for record in records) <= spent <= 1.2e10
    assert reserved == 0


def results(records: tuple[Record, ...]) -> list[dict[str, Any]]:
    """What must not depend on where and how often a run was trained."""
    timing = {"wall_seconds", "peak_memory_bytes", "started_at", "finished_at", "provenance"}
    return [record.model_dump(exclude=timing) for record in records]


def test_a_job_gives_the_records_of_a_sweep_here(slurm: Slurm, spec: Path, undisturbed: tuple[Record, ...]):
    job = submitted(slurm, spec)
    await_end(slurm, spec, job)
    assert job_of(slurm, spec)["stage"] == "over"
    ensure_same(spec, undisturbed)


def test_a_job_that_is_preempted_and_put_back_ends_as_one_that_was_not(
    slurm: Slurm, spec: Path, undisturbed: tuple[Record, ...]
):
    job = submitted(slurm, spec, "--requeue")
    await_training(spec)
    slurm.types("srun", "--partition=high", "--nodes=2", "--exclusive", "true")
    await_end(slurm, spec, job)
    assert "PREEMPT" in Path(job_of(slurm, spec)["output"]).read_text()
    ensure_same(spec, undisturbed)


def test_a_job_near_its_limit_checkpoints_and_puts_itself_back(
    slurm: Slurm, spec: Path, undisturbed: tuple[Record, ...]
):
    job = submitted(slurm, spec, "--requeue")
    await_training(spec)
    slurm.types("scancel", "--batch", "--signal=TERM", job)  # what `--signal=B:TERM@…` does
    await_end(slurm, spec, job)
    said = Path(job_of(slurm, spec)["output"]).read_text()
    assert "paused; the same command goes on" in said
    assert "put back into the queue" in said
    assert json.loads(slurm.tlm("status", "small", "--json", folder=spec.parent))["deaths"] == []
    ensure_same(spec, undisturbed)


def test_a_cancelled_job_is_not_put_back_and_the_same_command_goes_on(
    slurm: Slurm, spec: Path, undisturbed: tuple[Record, ...]
):
    job = submitted(slurm, spec, "--requeue")
    await_training(spec)
    slurm.types("scancel", job)
    wait(lambda: state_of(slurm, job) == "CANCELLED", "it was not cancelled")
    assert "the same command goes on" in slurm.tlm("status", "small", folder=spec.parent)
    await_end(slurm, spec, submitted(slurm, spec))
    ensure_same(spec, undisturbed)


def test_a_job_whose_processes_are_all_killed_is_gone_on_with(
    slurm: Slurm, spec: Path, undisturbed: tuple[Record, ...]
):
    job = submitted(slurm, spec)
    await_training(spec)
    slurm.types(
        "pkill", "-KILL", "-f", "slurmstepd|-m tlm_sweeps"
    )  # inside the tests' own machines: no others are seen
    wait(lambda: job_of(slurm, spec)["stage"] == "over", "Slurm did not notice")
    assert state_of(slurm, job) != "COMPLETED"
    await_end(slurm, spec, submitted(slurm, spec))
    ensure_same(spec, undisturbed)
