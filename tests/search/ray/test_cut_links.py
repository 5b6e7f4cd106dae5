"""A worker in another network namespace whose link home is cut, for a moment or for longer than anybody waits."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.search.ray.namespaces import Elsewhere, elsewhere
from tests.search.ray.playing import PROGRAM, Processes, pool_of, sweep_on, welcome_to
from tlm_sweeps.runs.ledger import reading
from tlm_sweeps.runs.record import Record
from tlm_sweeps.search.progress import SweepProgress
from tlm_sweeps.search.remote_pool import Patience
from tlm_sweeps.search.sweeping import sweep
from tlm_sweeps.spec.sweep import SweepSpec

pytestmark = [
    pytest.mark.service,
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform != "linux", reason="network namespaces are Linux's"),
]

SPEC: dict[str, Any] = {
    "name": "cut",
    "experiment": {
        "corpus": {"name": "python-docs", "first_tokens": {"train": 20000, "valid": 2000, "test": 2000}},
        "model": {"kind": "transformer", "width": 16, "context": 8, "dropout": 0.1, "heads": 2},
        "training": {"batch_size": 8, "learning_rate": 3e-3},
        "evaluation": {"every": 0.25, "windows": 50},
    },
    "search": {"model.depth": [2]},
    "budget": {"flops": 2e9},
    "engine": {"sampler": "grid"},
}
"""One run of some seconds."""
PATIENCE = Patience(beat_seconds=1.0, silence_seconds=40.0)
"""A worker leaves after 20 s of silence, and is gone 15 s later if it is stuck; home gives it up after 40."""
AWAY = "away"


@dataclass
class UnderWay:
    """A sweep that is watched."""

    folder: Path
    processes: Processes
    pictures: Generator[SweepProgress]

    def until(self, is_so: Callable[[], bool]) -> None:
        deadline = time.monotonic() + 400
        while next(self.pictures) and not is_so():
            assert time.monotonic() < deadline

    def for_seconds(self, seconds: float) -> None:
        over = time.monotonic() + seconds
        self.until(lambda: time.monotonic() > over)

    def log(self) -> str:
        return (self.folder / "remote.log").read_text()

    def saved_step(self) -> int:
        with reading(self.folder) as ledger:
            return max((ledger.checkpoint_step(each.run_id) for each in ledger.records()), default=0)

    def away(self) -> subprocess.Popen[str]:
        return next(process for node, process in self.processes.running.values() if node == AWAY)


@pytest.fixture
def link() -> Iterator[Elsewhere]:
    with elsewhere() as made:
        yield made


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    """What the sweep finds on this machine alone."""
    runs = tmp_path_factory.mktemp("local")
    for _ in sweep(SweepSpec.model_validate(SPEC), runs, workers=1):
        pass
    with reading(runs / "cut") as ledger:
        return results(ledger.records())


def results(records: tuple[Record, ...]) -> list[dict[str, Any]]:
    timing = {"wall_seconds", "peak_memory_bytes", "started_at", "finished_at", "provenance"}
    return [record.model_dump(exclude=timing) for record in records]


@contextmanager
def sweeping(link: Elsewhere, folder: Path) -> Iterator[UnderWay]:
    """The sweep, on one worker at a time: beyond the link while there is room, then here."""
    spec = SweepSpec.model_validate(SPEC)
    processes = Processes({AWAY: link.command(*PROGRAM), "here": PROGRAM})
    welcome = welcome_to(spec, folder, shared=False)
    with closing(pool_of(processes, welcome, folder, patience=PATIENCE, host=link.here)) as pool:
        pool.await_first()
        with closing(sweep_on(pool, spec, folder)) as pictures:
            yield UnderWay(folder, processes, pictures)


@pytest.mark.parametrize("sleeps", [False, True], ids=["it leaves by itself", "it wakes up too late"])
def test_a_run_whose_link_is_cut_goes_on_elsewhere_and_late_words_change_nothing(
    link: Elsewhere,
    undisturbed: list[dict[str, Any]],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    sleeps: bool,
):
    monkeypatch.setenv("TLM_CHECKPOINT_SECONDS", "0.2")
    folder = tmp_path / "cut"
    with sweeping(link, folder) as under_way:
        under_way.until(lambda: under_way.saved_step() > 0)
        lost = under_way.away()
        if sleeps:
            lost.send_signal(signal.SIGSTOP)
        link.cut()
        under_way.processes.out_of_reach = {AWAY}
        under_way.until(lambda: "worker 0 is dead, on node of away: no word for 40 s" in under_way.log())
        assert lost.poll() == (None if sleeps else 0), "it leaves before it is given up, if it can"
        under_way.until(lambda: "worker 0 is there, on node of here" in under_way.log())
        link.join()
        lost.send_signal(signal.SIGCONT)
        for _ in under_way.pictures:
            pass
        assert lost.wait(120) == 0
    with reading(folder) as ledger:
        assert results(ledger.records()) == undisturbed
        (death,) = ledger.deaths()
        (record,) = ledger.records()
        useful = (record.train_flops or {})["matmul"]
        assert death.step > 0
        assert useful <= ledger.spent_flops() < 2 * useful, "it went on from its checkpoint"
        assert ledger.reserved_flops() == 0


def test_a_short_cut_is_survived(
    link: Elsewhere, undisturbed: list[dict[str, Any]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("TLM_CHECKPOINT_SECONDS", "0.2")
    folder = tmp_path / "cut"
    with sweeping(link, folder) as under_way:
        under_way.until(lambda: under_way.saved_step() > 0)
        link.cut()
        under_way.for_seconds(4)
        link.join()
        for _ in under_way.pictures:
            pass
        assert under_way.processes.hired == [AWAY]
    with reading(folder) as ledger:
        assert results(ledger.records()) == undisturbed
        assert ledger.deaths() == ()
        assert ledger.spent_flops() == sum((each.train_flops or {})["matmul"] for each in ledger.records())
