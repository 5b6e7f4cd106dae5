"""A worker's end of the conversation: the coordinator's words at an unlucky moment."""

import threading
from collections.abc import Callable, Iterator
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from pathlib import Path
from typing import TypeVar

import pytest

from tlm_sweeps.search.messages import (
    REPORTS,
    Advanced,
    Ended,
    GoOn,
    Measured,
    Message,
    Pause,
    Prune,
    StackOrder,
    Stop,
    TrainOrder,
)
from tlm_sweeps.search.worker import Worker
from tlm_sweeps.spec.sweep import SweepSpec

Tiny = Callable[..., SweepSpec]
OrderOf = Callable[[SweepSpec, Path], TrainOrder]
Said = TypeVar("Said", bound=Message)


@pytest.fixture
def connection() -> Iterator[Connection]:
    """A line to a worker that works in a thread of this process until the line is cut."""
    ours, theirs = Pipe()

    def work() -> None:
        with pytest.raises((EOFError, BrokenPipeError, ConnectionResetError)):  # as `serve` expects it
            Worker(theirs, None).work()

    thread = threading.Thread(target=work)
    thread.start()
    yield ours
    ours.close()
    thread.join(30)
    assert not thread.is_alive()


def say(connection: Connection, *messages: Message) -> None:
    for message in messages:
        connection.send_bytes(message.model_dump_json().encode())


def heard_until(connection: Connection, kind: type[Said]) -> Said:
    while not isinstance(report := REPORTS.validate_json(connection.recv_bytes()), kind):
        continue
    return report


def long_order(order_of: OrderOf, tiny: Tiny, folder: Path, **changes: object) -> TrainOrder:
    """An order of minutes, first measured at the middle."""
    experiment = {
        "model": {"kind": "transformer", "width": 16, "context": 8, "heads": 2, "depth": 1},
        "training": {"batch_size": 8, "learning_rate": 3e-3},
        "evaluation": {"every": 0.5, "windows": 50},
    }
    order = order_of(tiny(experiment=experiment, budget={"flops": 1e12}), folder)
    return order.model_copy(update={"judged": False, **changes})


@pytest.mark.parametrize(("verdict", "state"), [(Prune(run_id="r"), "pruned"), (GoOn(run_id="r"), "paused")])
def test_a_pause_that_comes_before_the_verdict_waits_for_it(
    connection: Connection, order_of: OrderOf, tiny: Tiny, tmp_path: Path, verdict: Message, state: str
):
    say(connection, order_of(tiny(), tmp_path / "r"))
    heard_until(connection, Measured)
    say(connection, Pause(), verdict)
    assert heard_until(connection, Ended).state == state


def test_a_run_is_stopped_even_before_its_first_measurement_and_pays_for_what_it_did(
    connection: Connection, order_of: OrderOf, tiny: Tiny, tmp_path: Path
):
    order = long_order(order_of, tiny, tmp_path / "r")
    say(connection, order)
    begun = heard_until(connection, Advanced)
    say(connection, Stop(run_id="r", reason="the page said so"))
    ended = heard_until(connection, Ended)
    assert (ended.state, ended.reason) == ("pruned", "the page said so")
    steps = ended.results["steps"]
    assert isinstance(steps, int)
    assert begun.step <= steps < order.steps / 2
    assert ended.train_flops["matmul"] * order.steps == pytest.approx(1e12 * steps, rel=0.01)
    assert ended.results["positions"] == ended.results["targets"] == steps * 8 * 8
    assert ended.results["val_nll"] is None
    assert "test_nll" not in ended.results


def test_a_stop_while_a_verdict_is_awaited_needs_no_verdict(
    connection: Connection, order_of: OrderOf, tiny: Tiny, tmp_path: Path
):
    say(connection, order_of(tiny(), tmp_path / "r"))
    measured = heard_until(connection, Measured)
    say(connection, Stop(run_id="r", reason="enough"), GoOn(run_id="r"))
    ended = heard_until(connection, Ended)
    assert (ended.state, ended.reason) == ("pruned", "enough")
    assert ended.results["val_nll"] == measured.measurement.val_nll


def test_of_a_stack_only_the_run_that_is_stopped_leaves(
    connection: Connection, order_of: OrderOf, tiny: Tiny, tmp_path: Path
):
    orders = tuple(long_order(order_of, tiny, tmp_path / name, run_id=name) for name in ("a", "b"))
    say(connection, StackOrder(orders=orders))
    heard_until(connection, Advanced)
    say(connection, Stop(run_id="a", reason="enough"), Stop(run_id="elsewhere", reason="not here"))
    assert heard_until(connection, Ended).run_id == "a"
    while heard_until(connection, Advanced).run_id != "b":
        continue
    say(connection, Pause())
    ended = heard_until(connection, Ended)
    assert (ended.run_id, ended.state) == ("b", "paused")
