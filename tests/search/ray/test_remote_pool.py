"""The pool of workers elsewhere, with real workers and real training; only the machines are one machine."""

import hashlib
import signal
import socket
import subprocess
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from multiprocessing import AuthenticationError
from multiprocessing.connection import Client
from pathlib import Path

import pytest

from tests.chains import PRETRAINING
from tests.search.ray.playing import FAILS, PROGRAM, Processes, heard_until, pool_of, welcome_to
from tlm_sweeps.errors import RunError
from tlm_sweeps.search.messages import Checkpointed, Ended, Pause, TakenUp, TrainOrder
from tlm_sweeps.search.pool import Died, Heard, LocalPool
from tlm_sweeps.search.remote_desk import Desk
from tlm_sweeps.search.remote_messages import Hello, Summons
from tlm_sweeps.search.remote_pool import Patience, RemotePool
from tlm_sweeps.search.remote_wire import Wire
from tlm_sweeps.spec.sweep import SweepSpec

Tiny = Callable[..., SweepSpec]
OrderOf = Callable[[SweepSpec, Path], TrainOrder]


@contextmanager
def pool_for(spec: SweepSpec, home: Path, *, shared: bool, patience: Patience | None = None) -> Iterator[RemotePool]:
    with closing(pool_of(Processes(), welcome_to(spec, home, shared=shared), home, patience=patience)) as pool:
        pool.await_first()
        yield pool


def is_end(report: Heard) -> bool:
    return isinstance(report, Ended | Died)


def trained(pool: RemotePool | LocalPool, order: TrainOrder) -> Ended:
    pool.send(0, order)
    ended = heard_until(pool, is_end)  # type: ignore[arg-type]  # either pool
    assert isinstance(ended, Ended), ended
    return ended


def of_run(ended: Ended) -> dict[str, object]:
    return {name: value for name, value in ended.results.items() if name not in ("wall_seconds", "peak_memory_bytes")}


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.mark.parametrize("shared", [True, False], ids=["shared", "brought home"])
def test_a_worker_elsewhere_finds_the_same_and_leaves_the_same_files(
    tiny: Tiny, order_of: OrderOf, tmp_path: Path, shared: bool
):
    spec = tiny(budget={"flops": 2e8, "tolerance": 0.05})
    with pool_for(spec, tmp_path / "home", shared=shared) as pool:
        away = trained(pool, order_of(spec, tmp_path / "home" / "away"))
    with closing(LocalPool(1, tmp_path)) as local:
        here = trained(local, order_of(spec, tmp_path / "here"))
    assert away.state == here.state == "complete", away.reason
    assert of_run(away) == of_run(here)
    theirs, ours = contents(tmp_path / "home" / "away"), contents(tmp_path / "here")
    assert theirs.keys() == ours.keys()
    assert theirs["model.safetensors"] == ours["model.safetensors"]


def test_a_run_goes_on_elsewhere_from_the_checkpoint_that_came_home(tiny: Tiny, order_of: OrderOf, tmp_path: Path):
    spec, home = tiny(budget={"flops": 1e9}), tmp_path / "home"
    order = order_of(spec, home / "r")
    with closing(LocalPool(1, tmp_path)) as local:
        whole = trained(local, order_of(spec, tmp_path / "whole"))
    with pool_for(spec, home, shared=False) as first:
        first.send(0, order)
        heard_until(first, lambda report: isinstance(report, TakenUp))
        first.send(0, Pause())
        saved = heard_until(first, lambda report: isinstance(report, Checkpointed))
        assert isinstance(saved, Checkpointed)
        heard_until(first, is_end)
    with pool_for(spec, home, shared=False) as second:
        known = ((saved.step, saved.name, saved.sha256),)
        second.send(0, order.model_copy(update={"checkpoints": known}))
        begun = heard_until(second, lambda report: isinstance(report, TakenUp))
        assert isinstance(begun, TakenUp)
        assert begun.step == saved.step > 0
        ended = heard_until(second, is_end)
    assert isinstance(ended, Ended)
    assert of_run(ended) == of_run(whole)


def test_a_run_begins_elsewhere_with_the_weights_of_another_one(order_of: OrderOf, tmp_path: Path):
    spec, home = SweepSpec.model_validate(PRETRAINING), tmp_path / "home"
    with closing(LocalPool(1, tmp_path)) as local:
        trained(local, order_of(spec, tmp_path / "before"))
        weights = tmp_path / "before" / "model.safetensors"
        begins = {"first_weights": (str(weights), hashlib.sha256(weights.read_bytes()).hexdigest())}
        here = trained(local, order_of(spec, tmp_path / "here").model_copy(update=begins))
    with pool_for(spec, home, shared=False) as pool:
        away = trained(pool, order_of(spec, home / "away").model_copy(update=begins))
    assert away.state == here.state == "complete", away.reason
    assert of_run(away) == of_run(here)
    assert contents(home / "away").keys() == contents(tmp_path / "here").keys(), "the weights are not brought back"


def test_a_checkpoint_that_home_cannot_keep_is_not_believed_and_the_run_says_why(
    tiny: Tiny, order_of: OrderOf, tmp_path: Path
):
    spec, home = tiny(budget={"flops": 2e9}), tmp_path / "home"
    with pool_for(spec, home, shared=False) as pool:
        (home / "r").write_text("where the folder should be")
        pool.send(0, order_of(spec, home / "r"))
        heard_until(pool, lambda report: isinstance(report, TakenUp))
        pool.send(0, Pause())
        ended = heard_until(pool, lambda report: isinstance(report, Ended | Checkpointed))
    assert isinstance(ended, Ended), "no checkpoint"
    assert ended.state == "failed"
    assert "File exists" in ended.reason or "Not a directory" in ended.reason


@pytest.mark.parametrize(
    ("how", "told"), [(signal.SIGKILL, "exit code -9"), (signal.SIGSTOP, "no word for 8 s")], ids=["killed", "stopped"]
)
def test_a_worker_that_dies_or_falls_silent_is_told_of_and_replaced(
    tiny: Tiny, order_of: OrderOf, tmp_path: Path, how: signal.Signals, told: str
):
    spec, home, processes = tiny(budget={"flops": 1e10}), tmp_path / "home", Processes()
    patience = Patience(beat_seconds=0.5, silence_seconds=8.0)
    with closing(pool_of(processes, welcome_to(spec, home, shared=False), home, patience=patience)) as pool:
        pool.await_first()
        pool.send(0, order_of(spec, home / "r"))
        heard_until(pool, lambda report: isinstance(report, TakenUp))
        processes.signal(how)
        died = heard_until(pool, lambda report: isinstance(report, Died))
        assert isinstance(died, Died)
        assert told in died.how
        assert "of here" in died.how
        pool.await_first()
        assert len(processes.hired) == 2
        assert "worker 0 is dead" in died.log.read_text()


def test_a_worker_whose_home_falls_silent_leaves(tiny: Tiny, tmp_path: Path):
    spec, lines = tiny(), []
    welcome = welcome_to(spec, tmp_path / "home", shared=False)

    def greet(wire: Wire, _: Hello) -> None:
        lines.append(wire)
        wire.say(welcome)

    desk = Desk("127.0.0.1", greet)
    host, port = desk.address
    summons = Summons(host=host, port=port, key=desk.key.hex(), ticket="t", beat_seconds=0.2, silence_seconds=1)
    try:
        done = subprocess.run(PROGRAM, input=summons.model_dump_json(), text=True, timeout=60, check=False)
        assert done.returncode == 0, "it left although nobody hung up"
    finally:
        desk.close()
        for wire in lines:
            wire.close()


def test_a_node_that_cannot_start_workers_gets_no_more_work(tiny: Tiny, tmp_path: Path):
    spec, home = tiny(), tmp_path / "home"
    processes = Processes({"bad": FAILS, "good": PROGRAM})
    with closing(pool_of(processes, welcome_to(spec, home, shared=True), home, most=2)) as pool:
        while processes.hired.count("bad") < 3 or not pool.present():
            pool.wait(0.2)
        for _ in range(8):
            pool.wait(0.5)
        assert processes.hired.count("bad") == 3
        assert processes.hired.count("good") == 1
        assert "node of bad gets no more work: 3 workers in a row did not start" in (home / "remote.log").read_text()


def test_without_a_node_that_can_train_the_sweep_ends_with_the_reasons(tiny: Tiny, tmp_path: Path):
    spec, home = tiny(), tmp_path / "home"
    other_text = welcome_to(spec, home, shared=True).model_copy(update={"fingerprint": "another"})
    with closing(pool_of(Processes(), other_text, home)) as pool, pytest.raises(RunError) as refused:
        pool.await_first()
    assert "of here: its text `words.txt` is another one" in str(refused.value) or "is another one" in str(
        refused.value
    )


def test_who_does_not_know_the_key_is_not_heard_and_holds_up_nobody(tmp_path: Path):
    called = []
    desk = Desk("127.0.0.1", lambda _, hello: called.append(hello))
    try:
        with socket.create_connection(desk.address), pytest.raises(AuthenticationError):
            Client(desk.address, family="AF_INET", authkey=b"guessed")
    finally:
        desk.close()
    assert called == []


def test_workers_have_the_versions_of_home(tiny: Tiny, tmp_path: Path):
    spec, home = tiny(), tmp_path / "home"
    welcome = welcome_to(spec, home, shared=True)
    pool = RemotePool(Processes(), "127.0.0.1", welcome, home, {"torch": "1.0"}, 1)
    with closing(pool), pytest.raises(RunError, match=r"torch 2[^ ]*, not torch 1\.0"):
        pool.await_first()
