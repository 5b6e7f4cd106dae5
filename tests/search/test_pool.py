"""The pool and its processes, whether they are forked or started one by one: real workers, and real deaths."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from tlm_sweeps.search.messages import Ended, GoOn, Measured, TakenUp, TrainOrder
from tlm_sweeps.search.pool import Died, Heard, LocalPool
from tlm_sweeps.search.starting import Forked, Spawned
from tlm_sweeps.spec.sweep import SweepSpec

Tiny = Callable[..., SweepSpec]
OrderOf = Callable[[SweepSpec, Path], TrainOrder]
KINDS = (Forked, Spawned)

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="it looks into /proc")


@contextmanager
def pool_of(kind: type[Forked | Spawned], folder: Path, size: int = 1) -> Iterator[LocalPool]:
    with closing(LocalPool(size, folder, begin=kind(folder, None))) as pool:
        yield pool


def heard_until(pool: LocalPool, kind: type[Heard]) -> Heard:
    """What the only worker says next of a kind; its measurements are answered."""
    patience = time.monotonic() + 240
    while time.monotonic() < patience:
        for worker, report in pool.wait(0.2):
            if isinstance(report, kind):
                return report
            assert not isinstance(report, Died), report
            if isinstance(report, Measured):
                pool.send(worker, GoOn(run_id=report.run_id))
    raise AssertionError(f"not heard: {kind}")


def children(pid: int) -> list[int]:
    """The nursery or the workers that a process has started."""
    listing = subprocess.run(["ps", "-o", "pid=,args=", "--ppid", str(pid)], capture_output=True, text=True, check=True)
    return [int(line.split()[0]) for line in listing.stdout.splitlines() if "tlm_sweeps.search" in line]


def threads(process: int) -> int:
    return len(list(Path(f"/proc/{process}/task").iterdir()))


def trained(pool: LocalPool, order: TrainOrder) -> Ended:
    pool.send(0, order)
    ended = heard_until(pool, Ended)
    assert isinstance(ended, Ended)
    assert ended.state == "complete", ended.reason
    return ended


def of_run(ended: Ended) -> dict[str, object]:
    return {name: value for name, value in ended.results.items() if name not in ("wall_seconds", "peak_memory_bytes")}


def test_forked_and_spawned_workers_find_the_same_to_the_last_bit(tiny: Tiny, order_of: OrderOf, tmp_path: Path):
    found = []
    for kind in KINDS:
        with pool_of(kind, tmp_path) as pool:
            found.append([of_run(trained(pool, order_of(tiny(), tmp_path / f"{kind.__name__}{n}"))) for n in range(2)])
    assert found[0][0] == found[0][1] == found[1][0] == found[1][1]


@pytest.mark.parametrize("kind", KINDS)
def test_a_killed_worker_is_told_of_and_replaced(
    kind: type[Forked | Spawned], tiny: Tiny, order_of: OrderOf, tmp_path: Path
):
    with pool_of(kind, tmp_path) as pool:
        pool.send(0, order_of(tiny(), tmp_path / "r"))
        heard_until(pool, TakenUp)
        (first,) = children(os.getpid())
        os.kill(children(first)[0] if kind is Forked else first, signal.SIGKILL)
        died = heard_until(pool, Died)
        assert died == Died("signal 9 (SIGKILL)", tmp_path / "worker-0.log", 0)
        trained(pool, order_of(tiny(), tmp_path / "other"))
    assert children(os.getpid()) == []


@pytest.mark.parametrize("kind", KINDS)
def test_out_of_memory_is_said_only_where_the_system_counted_a_kill(
    kind: type[Forked | Spawned], tiny: Tiny, order_of: OrderOf, tmp_path: Path
):
    counted = tmp_path / "proc/vmstat"
    counted.parent.mkdir()
    counted.write_text("oom_kill 1")
    with closing(LocalPool(1, tmp_path, begin=kind(tmp_path, None, root=tmp_path))) as pool:
        for kills, how in ((1, ""), (2, ", out of memory?"), (2, "")):
            pool.send(0, order_of(tiny(), tmp_path / "r"))
            heard_until(pool, TakenUp)
            counted.write_text(f"oom_kill {kills}")
            (first,) = children(os.getpid())
            os.kill(children(first)[0] if kind is Forked else first, signal.SIGKILL)
            assert heard_until(pool, Died) == Died(f"signal 9 (SIGKILL){how}", tmp_path / "worker-0.log", 0)


def test_nothing_that_a_fork_would_break_runs_in_the_nursery(tiny: Tiny, order_of: OrderOf, tmp_path: Path):
    with pool_of(Forked, tmp_path) as pool:
        trained(pool, order_of(tiny(), tmp_path / "r"))
        (nursery,) = children(os.getpid())
        (worker,) = children(nursery)
        assert threads(nursery) == 1
        assert threads(worker) == 2, "one trains, one says that it lives"
        for process in (nursery, worker):
            assert "libcuda.so" not in Path(f"/proc/{process}/maps").read_text()


def test_an_order_for_two_threads_is_computed_by_two(tiny: Tiny, order_of: OrderOf, tmp_path: Path):
    wide = {"model": {"kind": "linear", "width": 64, "context": 64}, "training": {"batch_size": 256, "predict": "last"}}
    spec = tiny(experiment=wide, search={}, budget={"flops": 1e9, "tolerance": 0.1}, engine={})
    with pool_of(Forked, tmp_path) as pool:
        for wanted in (1, 2):
            trained(pool, order_of(spec, tmp_path / f"r{wanted}").model_copy(update={"threads": wanted}))
            (worker,) = children(children(os.getpid())[0])
            assert (threads(worker) > 2) == (wanted > 1)


def test_workers_outlive_their_nursery_and_new_ones_get_a_new_one(tiny: Tiny, order_of: OrderOf, tmp_path: Path):
    with pool_of(Forked, tmp_path) as pool:
        pool.send(0, order_of(tiny(), tmp_path / "r"))
        heard_until(pool, TakenUp)
        (nursery,) = children(os.getpid())
        (worker,) = children(nursery)
        os.kill(nursery, signal.SIGKILL)
        assert isinstance(ended := heard_until(pool, Ended), Ended)
        assert ended.state == "complete", ended.reason
        os.kill(worker, signal.SIGKILL)
        assert heard_until(pool, Died) == Died("signal 9 (SIGKILL)", tmp_path / "workers.log", 0)
        trained(pool, order_of(tiny(), tmp_path / "other"))


def test_what_a_worker_says_is_in_its_log(tiny: Tiny, order_of: OrderOf, tmp_path: Path):
    with pool_of(Forked, tmp_path) as pool:
        pool.send(0, order_of(tiny(), tmp_path / "r"))
        heard_until(pool, TakenUp)
        os.kill(children(children(os.getpid())[0])[0], signal.SIGSEGV)
        heard_until(pool, Died)
    assert "Segmentation fault" in (tmp_path / "worker-0.log").read_text()
