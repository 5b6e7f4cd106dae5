"""A worker's end of the conversation: the coordinator's words at an unlucky moment."""

import threading
from collections.abc import Callable, Iterator
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from pathlib import Path

import pytest

from tlm_sweeps.search.messages import REPORTS, Ended, GoOn, Measured, Message, Pause, Prune, TrainOrder
from tlm_sweeps.search.worker import Worker
from tlm_sweeps.spec.sweep import SweepSpec

Tiny = Callable[..., SweepSpec]
OrderOf = Callable[[SweepSpec, Path], TrainOrder]


@pytest.fixture
def connection() -> Iterator[Connection]:
    """A line to a worker that works in a thread of this process until the line is cut."""
    ours, theirs = Pipe()

    def work() -> None:
        with pytest.raises(EOFError):
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


def heard_until(connection: Connection, kind: type[Message]) -> Message:
    while not isinstance(report := REPORTS.validate_json(connection.recv_bytes()), kind):
        continue
    return report


@pytest.mark.parametrize(("verdict", "state"), [(Prune(run_id="r"), "pruned"), (GoOn(run_id="r"), "paused")])
def test_a_pause_that_comes_before_the_verdict_waits_for_it(
    connection: Connection, order_of: OrderOf, tiny: Tiny, tmp_path: Path, verdict: Message, state: str
):
    say(connection, order_of(tiny(), tmp_path / "r"))
    heard_until(connection, Measured)
    say(connection, Pause(), verdict)
    ended = heard_until(connection, Ended)
    assert isinstance(ended, Ended)
    assert ended.state == state
