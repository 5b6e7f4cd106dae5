"""The Stop button of W&B's page: it ends the run, as a pruned one, and the record says who wanted it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import pytest

from tests.train_orders import train_order
from tlm_sweeps.search.messages import REPORTS, Ended, Pause, StackOrder, Told, TrainOrder
from tlm_sweeps.search.worker import Worker
from tlm_sweeps.spec.sweep import SweepSpec, TrackingSpec
from tlm_sweeps.tracking.tracked_run import WandbPlace

SPEC = {
    "name": "long",
    "experiment": {
        "corpus": {"name": "python-docs", "first_tokens": {"train": 20_000, "valid": 2_000, "test": 2_000}},
        "model": {"kind": "transformer", "width": 16, "depth": 1, "heads": 2, "context": 16},
        "training": {"learning_rate": 1e-3, "batch_size": 8},
        "evaluation": {"every": 0.01, "windows": 20},
    },
    "budget": {"flops": 1e13},
}
"""A run of many minutes."""


@pytest.fixture
def order(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> TrainOrder:
    """To train it, told to a server."""
    monkeypatch.setenv("TLM_CACHE", str(tmp_path_factory.getbasetemp() / "cache"))
    return train_order(
        SweepSpec.model_validate(SPEC),
        tmp_path / "run",
        tracking=TrackingSpec(wandb="online", project="shapes", entity="ann"),
        place=WandbPlace(sweep_id="abcd1234", run_id="q7x1"),
    )


def started() -> tuple[Connection, threading.Thread]:
    """A worker in a thread, and the end of the pipe at which it is told what to do."""
    ours, theirs = Pipe()

    def work() -> None:
        with pytest.raises(EOFError):
            Worker(theirs, None).work()

    worker = threading.Thread(target=work)
    worker.start()
    return ours, worker


def test_a_stop_from_the_page_ends_the_run_there_and_here(order: TrainOrder, serve: Callable[[str], Any]):
    server = serve("good")
    server.is_stopped = True  # the client asks at the start, and every 15 s
    ours, worker = started()
    ours.send_bytes(order.model_dump_json().encode())
    reports = [REPORTS.validate_json(ours.recv_bytes())]
    while not isinstance(reports[-1], Told):
        reports.append(REPORTS.validate_json(ours.recv_bytes()))
    (ended,) = [report for report in reports if isinstance(report, Ended)]
    ours.close()
    worker.join(60)

    assert (ended.state, ended.reason) == ("pruned", "stopped from W&B")
    assert 0 < ended.train_flops["matmul"] < 1e13
    assert "test_nll" not in ended.results
    assert server.exit_codes == [0]


def test_a_stack_is_checkpointed_before_anybody_waits_for_wandb(order: TrainOrder, serve: Callable[[str], Any]):
    server = serve("hangs")
    orders = tuple(
        order.model_copy(update={"run_id": f"r{n}", "lease": n + 1, "folder": f"{order.folder}-{n}", "place": None})
        for n in range(3)
    )
    ours, worker = started()
    ours.send_bytes(StackOrder(orders=orders).model_dump_json().encode())
    kinds: list[str] = []
    while kinds.count("advanced") < 1:
        kinds.append(REPORTS.validate_json(ours.recv_bytes()).kind)
    ours.send_bytes(Pause().model_dump_json().encode())
    server.closing.set()  # the test need not wait as long as a run would
    while kinds.count("told") < 3:
        kinds.append(REPORTS.validate_json(ours.recv_bytes()).kind)
    ours.close()
    worker.join(60)
    assert "told" not in kinds[: len(kinds) - kinds[::-1].index("checkpointed")]
