"""Workers that are frozen or hang: real processes, really stopped and really blocked in a system call."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from multiprocessing import Pipe
from pathlib import Path
from typing import Any

import pytest

from tlm_sweeps.errors import InputError
from tlm_sweeps.runs.ledger import reading
from tlm_sweeps.runs.record import Record
from tlm_sweeps.search.deadlines import Deadlines, deadlines
from tlm_sweeps.search.local_line import LocalLine
from tlm_sweeps.search.messages import REPORTS, Advanced, Beat, Ended, Ready, TakenUp, TrainOrder
from tlm_sweeps.search.pool import Died, Heard, LocalPool
from tlm_sweeps.search.pulse import Pulse
from tlm_sweeps.search.starting import Forked, Spawned
from tlm_sweeps.search.sweeping import sweep
from tlm_sweeps.spec.sweep import SweepSpec

Tiny = Callable[..., SweepSpec]
OrderOf = Callable[[SweepSpec, Path], TrainOrder]
STUCK_SECONDS = 3.0

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="it looks for workers as Linux lists them")


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TLM_STUCK_SECONDS", str(STUCK_SECONDS))


@contextmanager
def pool_of(kind: type[Forked | Spawned], folder: Path) -> Iterator[LocalPool]:
    with closing(LocalPool(1, folder, begin=kind(folder, None))) as pool:
        yield pool


def heard_until(pool: LocalPool, kind: type[Heard]) -> Any:
    """What the only worker says next of a kind."""
    patience = time.monotonic() + 120
    while time.monotonic() < patience:
        for _, report in pool.wait(0.2):
            if isinstance(report, kind):
                return report
            assert not isinstance(report, Died), report
    raise AssertionError(f"not heard: {kind}")


def workers() -> list[int]:
    """The workers below this process, forked by a nursery or begun by itself."""
    listing = subprocess.run(["ps", "-e", "-o", "pid=,ppid=,args="], capture_output=True, text=True, check=True)
    rows = [line.split(None, 2) for line in listing.stdout.splitlines()]
    below = [(int(pid), args) for pid, parent, args in rows if int(parent) == os.getpid() and "tlm_sweeps." in args]
    forked = [int(pid) for pid, parent, _ in rows if int(parent) in {each for each, args in below if "nursery" in args}]
    return forked + [pid for pid, args in below if "search.worker" in args]


@pytest.mark.parametrize("kind", [Forked, Spawned])
def test_a_frozen_worker_is_killed_and_replaced(
    kind: type[Forked | Spawned], tiny: Tiny, order_of: OrderOf, tmp_path: Path
):
    with pool_of(kind, tmp_path) as pool:
        pool.send(0, order_of(tiny(), tmp_path / "r").model_copy(update={"judged": False}))
        heard_until(pool, TakenUp)
        (frozen,) = workers()
        os.kill(frozen, signal.SIGSTOP)
        assert heard_until(pool, Died) == Died(f"no word for {STUCK_SECONDS:g} s", tmp_path / "worker-0.log", 0)
        assert not Path(f"/proc/{frozen}").exists(), "it cannot come back and write into the run's folder"
        pool.send(0, order_of(tiny(), tmp_path / "other").model_copy(update={"judged": False}))
        assert heard_until(pool, Ended).state == "complete"


def test_an_idle_worker_that_is_frozen_is_replaced_too(tiny: Tiny, order_of: OrderOf, tmp_path: Path):
    order = order_of(tiny(), tmp_path / "r").model_copy(update={"judged": False})
    with pool_of(Forked, tmp_path) as pool:
        pool.send(0, order)
        heard_until(pool, Ended)
        (frozen,) = workers()
        os.kill(frozen, signal.SIGSTOP)
        assert heard_until(pool, Died).how.startswith("no word")
        pool.send(0, order)
        assert heard_until(pool, Ended).state == "complete"


def test_a_worker_that_lives_and_hangs_is_ended_and_its_log_says_where(tiny: Tiny, order_of: OrderOf, tmp_path: Path):
    (tmp_path / "r").mkdir()
    os.mkfifo(tmp_path / "r" / "metrics.jsonl")  # as a file on a dead disk: to open it takes for ever
    with pool_of(Forked, tmp_path) as pool:
        pool.send(0, order_of(tiny(), tmp_path / "r"))
        heard_until(pool, TakenUp)
        died = heard_until(pool, Died)
        assert died.how == f"nothing done or computed for {STUCK_SECONDS:g} s"
        assert "kept_run.py" in died.log.read_text()


def test_a_pool_that_slept_itself_blames_nobody(tiny: Tiny, order_of: OrderOf, tmp_path: Path):
    with pool_of(Forked, tmp_path) as pool:
        pool.send(0, order_of(tiny(), tmp_path / "r").model_copy(update={"judged": False}))
        heard_until(pool, TakenUp)
        (worker,) = workers()
        os.kill(worker, signal.SIGSTOP)  # the machine sleeps: nothing runs, and the clock is ahead afterwards
        threading.Event().wait(1.2 * STUCK_SECONDS)
        os.kill(worker, signal.SIGCONT)
        assert heard_until(pool, Ended).state == "complete"


def test_how_often_a_worker_beats_changes_no_result(
    tiny: Tiny, order_of: OrderOf, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    found = []
    for number, seconds in enumerate((str(STUCK_SECONDS), "3600")):
        monkeypatch.setenv("TLM_STUCK_SECONDS", seconds)
        with pool_of(Forked, tmp_path) as pool:
            pool.send(0, order_of(tiny(), tmp_path / f"r{number}").model_copy(update={"judged": False}))
            found.append(heard_until(pool, Ended))
    timing = {"wall_seconds", "peak_memory_bytes"}
    slow, quick = ({name: value for name, value in each.results.items() if name not in timing} for each in found)
    assert slow == quick
    assert slow["val_nll"]


def read(folder: Path) -> tuple[Record, ...]:
    with reading(folder) as ledger:
        return ledger.records()


def results(records: tuple[Record, ...]) -> list[dict[str, Any]]:
    timing = {"wall_seconds", "peak_memory_bytes", "started_at", "finished_at", "provenance"}
    return [record.model_dump(exclude=timing) for record in records]


def test_a_run_whose_worker_is_frozen_goes_on_and_ends_bit_for_bit_as_if_nothing_had_happened(
    tiny: Tiny, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("TLM_CHECKPOINT_SECONDS", "0.1")
    spec = tiny(engine={"sampler": "random", "trials": 1}, budget={"flops": 2e9})
    said: list[str] = []
    frozen: list[int] = []
    for picture in sweep(spec, tmp_path / "runs", workers=1):
        said += picture.complaints
        if not frozen and picture.running and picture.running[0].share > 0.2:
            frozen = workers()
            os.kill(frozen[0], signal.SIGSTOP)
    for _ in sweep(spec, tmp_path / "undisturbed", workers=1):
        pass
    assert frozen
    (goes_on,) = said
    assert f"its worker died (no word for {STUCK_SECONDS:g} s, see worker-0.log)" in goes_on
    assert "goes on from step" in goes_on
    assert results(read(tmp_path / "runs" / "tiny")) == results(read(tmp_path / "undisturbed" / "tiny"))


# --- the rule, on a clock of its own


USUAL = Deadlines(600)
HOUR = 3600


def fault_after(pulse: Pulse, until: float, cpu_per_second: float = 0.0, since: float = 0.0) -> tuple[float, Any]:
    """When a worker that only beats is found stuck, and how; its training thread computes at a constant rate."""
    now = 0.0
    while now < until:
        now += USUAL.beat_seconds
        pulse.heard(Beat(cpu_seconds=cpu_per_second * now), USUAL, now)
        if fault := pulse.fault(USUAL, now, since):
            return now, fault
    return now, None


@pytest.fixture
def begun(tiny: Tiny, order_of: OrderOf, tmp_path: Path) -> Callable[..., Pulse]:
    """Makes the pulse of a worker that has been given a run at time 0."""

    def make(device: str = "cpu") -> Pulse:
        pulse = Pulse(0)
        pulse.heard(Ready(pid=1), USUAL, 0)
        pulse.ordered(order_of(tiny(), tmp_path).model_copy(update={"device": device}), 0)
        return pulse

    return make


def test_a_step_or_an_evaluation_may_take_hours_as_long_as_it_computes(begun: Callable[..., Pulse]):
    assert fault_after(begun(), 6 * HOUR, cpu_per_second=1.0)[1] is None
    assert fault_after(begun(), 6 * HOUR, cpu_per_second=0.05)[1] is None, "on a very busy machine"


def test_a_worker_that_beats_and_computes_nothing_hangs_after_the_deadline(begun: Callable[..., Pulse]):
    when, how = fault_after(begun(), HOUR)
    assert how == "hangs"
    assert USUAL.stuck_seconds < when <= USUAL.stuck_seconds + USUAL.beat_seconds


def test_a_gpu_that_hangs_is_told_by_what_it_does_not_report(begun: Callable[..., Pulse]):
    assert fault_after(begun("cuda:0"), HOUR, cpu_per_second=1.0)[1] == "hangs"


def test_without_orders_nothing_has_to_get_on(begun: Callable[..., Pulse]):
    pulse = begun()
    pulse.heard(Advanced(run_id="r", lease=1, step=1), USUAL, 1)
    pulse.heard(Ended(run_id="r", lease=1, state="complete"), USUAL, 2)
    assert fault_after(pulse, 6 * HOUR)[1] is None


def test_starting_may_take_long_but_not_for_ever():
    pulse = Pulse(0)
    assert pulse.fault(USUAL, 600, 0) is None
    assert pulse.fault(USUAL, 601, 0) == "does not start"
    assert pulse.fault(Deadlines(1), 600, 0) is None, "imports come from the disk, however short a step is"


def test_time_in_which_nobody_listened_does_not_count(begun: Callable[..., Pulse]):
    assert begun().fault(USUAL, HOUR, since=HOUR) is None
    assert begun().fault(USUAL, HOUR, since=0) == "is silent"


def test_beats_tell_whether_the_training_thread_computes():
    ours, theirs = Pipe()
    LocalLine(theirs, 0.02)

    def beat() -> float:
        word = REPORTS.validate_json(ours.recv_bytes())
        assert isinstance(word, Beat)
        return word.cpu_seconds

    before, until = beat(), time.thread_time() + 0.2
    while time.thread_time() < until:
        pass
    while beat() < before + 0.15:
        continue
    ours.close()


@pytest.mark.parametrize("written", ["soon", "0", "-1", "nan", "1e9"])
def test_a_deadline_that_is_none_is_refused_with_a_hint_that_is_true(written: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("TLM_STUCK_SECONDS", written)
    with pytest.raises(InputError, match=f"`{written}`") as caught:
        deadlines()
    assert "leave TLM_STUCK_SECONDS unset for 600" in caught.value.problems[0].hint
    monkeypatch.delenv("TLM_STUCK_SECONDS")
    assert deadlines() == Deadlines(600)
