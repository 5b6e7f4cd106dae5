"""What a machine grants, read from the files and variables that systems, containers and Slurm really have."""

import os
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from tlm_sweeps.compute.gpus import Gpu, gpus
from tlm_sweeps.compute.machine import Granted, memory_kills, this_machine

GIB = 2**30
Files = Mapping[str, str]

V2 = {
    "proc/self/cgroup": "0::/user/job",
    "sys/fs/cgroup/user/job/cpu.max": "max 100000",
    "sys/fs/cgroup/user/cpu.max": "150000 100000",
    "sys/fs/cgroup/user/job/memory.max": str(2 * GIB),
    "sys/fs/cgroup/user/job/memory.current": str(3 * GIB // 2),
    "sys/fs/cgroup/user/job/memory.stat": f"anon 5\ninactive_file {GIB}\n",
}
V1_IN_A_CONTAINER = {
    "proc/self/cgroup": "4:memory:/docker/abc\n3:cpu,cpuacct:/docker/abc\n1:name=systemd:/docker/abc\n0::/",
    "sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us": "200000",
    "sys/fs/cgroup/cpu,cpuacct/cpu.cfs_period_us": "100000",
    "sys/fs/cgroup/memory/memory.limit_in_bytes": str(4 * GIB),
    "sys/fs/cgroup/memory/memory.usage_in_bytes": str(GIB),
    "sys/fs/cgroup/memory/memory.stat": "total_inactive_file 0",
}
V1_WITHOUT_LIMITS = V1_IN_A_CONTAINER | {
    "sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us": "-1",
    "sys/fs/cgroup/memory/memory.limit_in_bytes": "9223372036854771712",
}
MEMINFO = {"proc/meminfo": f"MemTotal: {64 * GIB // 1024} kB\nMemAvailable:   {32 * GIB // 1024} kB\n"}


@pytest.fixture
def granted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Granted]:
    """What a machine of 64 cores and 32 GiB of free memory grants, with more files and a Slurm job."""
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(64)), raising=False)
    monkeypatch.setattr(os, "cpu_count", lambda: 64)

    def of(files: Files, **environment: str) -> Granted:
        for name, text in (MEMINFO | dict(files)).items():
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="ascii")
        return this_machine(tmp_path, environment)

    return of


@pytest.mark.parametrize(
    ("files", "cores", "gibibytes"),
    [({}, 64, 32), (V2, 2, 1.5), (V1_IN_A_CONTAINER, 2, 3), (V1_WITHOUT_LIMITS, 64, 32)],
    ids=["bare", "v2", "v1", "v1 without limits"],
)
def test_a_container_s_limits_count(granted: Callable[..., Granted], files: Files, cores: int, gibibytes: float):
    found = granted(files)
    assert found.cores.amount == cores
    assert ("container" in found.cores.by) == (cores < 64)
    assert found.memory is not None
    assert found.memory.amount == gibibytes * GIB


@pytest.mark.parametrize(("quota", "cores"), [("20000 100000", 1), ("140000 100000", 1), ("250000 100000", 3)])
def test_half_a_core_counts_as_one(granted: Callable[..., Granted], quota: str, cores: int):
    files = {"proc/self/cgroup": "0::/", "sys/fs/cgroup/cpu.max": quota}
    assert granted(files).cores.amount == cores


@pytest.mark.parametrize(
    ("environment", "cores", "gibibytes"),
    [
        ({"SLURM_CPUS_ON_NODE": "16", "SLURM_CPUS_PER_TASK": "4"}, 16, 32),
        ({"SLURM_CPUS_ON_NODE": "16", "SLURM_CPUS_PER_TASK": "4", "SLURM_STEP_ID": "0"}, 4, 32),
        ({"SLURM_CPUS_PER_TASK": "8", "SLURM_MEM_PER_CPU": "1024"}, 8, 8),
        ({"SLURM_CPUS_ON_NODE": "8", "SLURM_MEM_PER_NODE": "2048"}, 8, 2),
        ({"SLURM_CPUS_ON_NODE": "128", "SLURM_MEM_PER_NODE": "0"}, 64, 32),
    ],
)
def test_a_slurm_job_gets_what_slurm_gave_it(
    granted: Callable[..., Granted], environment: Mapping[str, str], cores: int, gibibytes: float
):
    found = granted({}, **environment)
    assert found.cores.amount == cores
    assert found.memory is not None
    assert found.memory.amount == gibibytes * GIB


def test_affinity_counts(granted: Callable[..., Granted], monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {3, 5}, raising=False)
    assert granted({}).cores.amount == 2


def test_this_very_machine_has_a_core_and_memory():
    found = this_machine()
    assert 1 <= found.cores.amount <= found.seen_cores
    assert found.memory is None or found.memory.amount > 0


LISTED = """\
echo "0, GPU-aaaa, NVIDIA H200, 100000, 143771"
echo "1, GPU-bbbb, NVIDIA H200, 143000, 143771"
echo "2, GPU-cccc, Tesla, [N/A], [N/A]"
"""


@pytest.fixture
def driver(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Puts a stand-in for `nvidia-smi` on the path."""

    def install(program: str) -> None:
        tool = tmp_path / "nvidia-smi"
        tool.write_text("#!/bin/sh\n" + program)
        tool.chmod(0o755)
        monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)

    return install


def test_gpus_are_those_that_the_driver_lists_and_cuda_may_see(driver: Callable[[str], None]):
    driver(LISTED)
    assert gpus({})[0] == Gpu(0, "GPU-aaaa", "NVIDIA H200", 100000 * 2**20, 143771 * 2**20)
    seen = {
        visible: [gpu.index for gpu in gpus({"CUDA_VISIBLE_DEVICES": visible})] for visible in ("1,0", "GPU-bb", "")
    }
    assert seen == {"1,0": [1, 0], "GPU-bb": [1], "": []}
    assert [gpu.index for gpu in gpus({"CUDA_VISIBLE_DEVICES": "1,-1,0"})] == [1], (
        "CUDA stops at a name it does not know"
    )


def test_a_driver_that_fails_means_no_gpu(driver: Callable[[str], None]):
    driver("echo 'Failed to initialize NVML'; exit 9")
    assert gpus({}) == ()


@pytest.mark.parametrize(
    "files",
    [
        V2 | {"sys/fs/cgroup/user/job/memory.events": "oom 9\noom_kill 3\n", "proc/vmstat": "oom_kill 70"},
        V1_IN_A_CONTAINER
        | {"sys/fs/cgroup/memory/memory.oom_control": "oom_kill_disable 0\nunder_oom 0\noom_kill 3\n"},
        {"proc/self/cgroup": "0::/", "proc/vmstat": "oom_other 9\noom_kill 3\n"},
    ],
    ids=["version 2", "version 1", "no group"],
)
def test_kills_for_lack_of_memory_are_those_of_our_own_control_group(files: Files, tmp_path: Path):
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text, encoding="ascii")
    assert memory_kills(tmp_path) == 3


def test_a_system_that_does_not_count_kills_has_none(tmp_path: Path):
    assert memory_kills(tmp_path) == 0
