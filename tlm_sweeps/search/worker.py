"""A worker: a warm process that trains the runs it is given, and says what it measured.

Forked by `search.nursery`, or started as `python -m tlm_sweeps.search.worker FD [DATA_DIR]`, with one end of a
connection. It lives until the other end closes; it never opens the ledger. Interrupts are the coordinator's business:
it is asked to pause.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Iterator, Sequence
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Protocol, assert_never

import torch

from tlm_sweeps.compute.stacking import stack_key
from tlm_sweeps.compute.steps import Steps
from tlm_sweeps.corpora.texts import open_text, text_key
from tlm_sweeps.runs.record import Measurement
from tlm_sweeps.search.checkpoint_interval import checkpoint_seconds
from tlm_sweeps.search.deadlines import deadlines
from tlm_sweeps.search.kept_run import KeptRun, job_of
from tlm_sweeps.search.local_line import LocalLine
from tlm_sweeps.search.messages import (
    ORDERS,
    GoOn,
    Message,
    Pause,
    Probed,
    ProbeOrder,
    Prune,
    Ready,
    StackOrder,
    Stop,
    TrainOrder,
)
from tlm_sweeps.search.peak_memory import forget_peak
from tlm_sweeps.spec.experiment import ExperimentSpec
from tlm_sweeps.training import allocator
from tlm_sweeps.training.job import Text, TrainingJob
from tlm_sweeps.training.loop import Diverged, train
from tlm_sweeps.training.probing import seconds_per_step
from tlm_sweeps.training.replicas import Happened, train_together

_ADVANCED_SECONDS = 0.25
_PRUNED = "stopped by the pruner"
_STOPPED = "stopped from W&B"


class Line(Protocol):
    """A worker's end of the conversation, as `multiprocessing.connection.Connection` has it."""

    def send_bytes(self, report: bytes, /) -> None:
        """Report."""
        ...

    def recv_bytes(self) -> bytes:
        """The next order, waited for; EOFError when none will come."""
        ...

    def poll(self) -> bool:
        """Whether there is something to receive, if only the end."""
        ...


class Paused(Exception):
    """The coordinator asked for a pause, and the checkpoints are on disk."""


class Worker:
    """One end of the conversation, with the texts it has opened."""

    def __init__(self, connection: Line, data_dir: Path | None) -> None:
        self._connection = connection
        self._data_dir = data_dir
        self._texts: dict[str, Text] = {}

    def work(self) -> None:
        """Train what is ordered until the coordinator hangs up."""
        self._send(Ready(pid=os.getpid()))
        while True:
            match ORDERS.validate_json(self._connection.recv_bytes()):
                case TrainOrder() as order:
                    self._run([order])
                case StackOrder() as stack:
                    self._run(stack.orders)
                case ProbeOrder() as probe:
                    self._probe(probe)
                case GoOn() | Prune() | Stop() | Pause():
                    continue  # came when the runs it was meant for had ended

    def _run(self, orders: Sequence[TrainOrder]) -> None:
        """Train runs to whatever end they come; what stops one by itself leaves the others alone."""
        torch.set_num_threads(orders[0].threads)
        allocator.give_back()  # what the run before this one has left, so that the peak is this run's own
        forget_peak()
        runs = [KeptRun(order, self._send, len(orders)) for order in orders]
        self._train(runs)
        for run in runs:
            run.tell_end()

    def _train(self, runs: Sequence[KeptRun]) -> None:
        try:
            for run in runs:
                run.take_up(self._text(run.order.experiment))
            for run in runs:
                run.track()
            self._follow(runs)
            for run in runs:
                if not run.has_ended:
                    run.complete()
        except (EOFError, BrokenPipeError, ConnectionResetError):
            raise  # the coordinator is gone
        except Paused:
            return
        except Exception as error:  # noqa: BLE001 - whatever runs die of is their record, and the sweep goes on
            for run in runs:
                if not run.has_ended:
                    run.fail(error)

    def _follow(self, runs: Sequence[KeptRun]) -> None:
        """Drive the training generator: pass measurements on, checkpoint now and then, obey."""
        leaving: set[int] = set()
        interval = checkpoint_seconds()
        said = kept = time.monotonic()
        for place, event in _events(runs, leaving):
            run, now = runs[place], time.monotonic()
            if isinstance(event, Diverged):
                run.fail(event)
            elif isinstance(event, Measurement):
                run.measured(event)
                self._obey(runs, leaving, judged=run if run.order.judged else None)
            elif now - said > _ADVANCED_SECONDS:
                said = now
                for each in _under_way(runs):
                    each.advanced()
                    if each.is_stop_asked:
                        _end(runs, leaving, each.order.run_id, _STOPPED)
                self._obey(runs, leaving)
            if now - kept > interval:
                kept = now
                for each in _under_way(runs):
                    each.checkpoint()

    def _obey(self, runs: Sequence[KeptRun], leaving: set[int], judged: KeptRun | None = None) -> None:
        """Do what the coordinator says, if it says anything; wait for its verdict on a judged measurement."""
        must_pause = False
        while judged is not None or self._connection.poll():
            match ORDERS.validate_json(self._connection.recv_bytes()):
                case GoOn() as verdict:
                    judged = None if judged and verdict.run_id == judged.order.run_id else judged
                case Prune() as verdict:
                    judged = None if judged and verdict.run_id == judged.order.run_id else judged
                    _end(runs, leaving, verdict.run_id, _PRUNED)
                case Stop() as wish:
                    judged = None if judged and wish.run_id == judged.order.run_id else judged
                    _end(runs, leaving, wish.run_id, wish.reason)
                case Pause():
                    must_pause = True  # once the verdict is known: it would not be asked for again
                case TrainOrder() | StackOrder() | ProbeOrder() as other:
                    raise RuntimeError(f"ordered to {other.kind} while training {runs[0].order.run_id}")
                case never:
                    assert_never(never)
        if must_pause:
            for run in _under_way(runs):
                run.pause()
            raise Paused

    def _probe(self, order: ProbeOrder) -> None:
        torch.set_num_threads(order.threads)
        steps = Steps(order.experiment.training.batch_size, order.windows_per_epoch, order.steps)
        job = TrainingJob(order.experiment, order.seed, steps)
        try:
            seconds = seconds_per_step(job, self._text(order.experiment), torch.device(order.device))
        except Exception as error:  # noqa: BLE001 - a probe that fails only leaves the question open
            self._send(Probed(seconds={}, reason=f"{type(error).__name__}: {error}"))
        else:
            self._send(Probed(seconds=dict(seconds)))

    def _text(self, experiment: ExperimentSpec) -> Text:
        key = text_key(experiment)
        if key not in self._texts:
            self._texts[key] = open_text(experiment, self._data_dir)
        return self._texts[key]

    def _send(self, message: Message) -> None:
        self._connection.send_bytes(message.model_dump_json().encode())


def _under_way(runs: Sequence[KeptRun]) -> list[KeptRun]:
    return [run for run in runs if not run.has_ended]


def _end(runs: Sequence[KeptRun], leaving: set[int], run_id: str, reason: str) -> None:
    """End one of the runs early, for good; nothing happens where it has ended already."""
    for place, run in enumerate(runs):
        if run.order.run_id == run_id and not run.has_ended:
            run.prune(reason)
            leaving.add(place)


def _events(runs: Sequence[KeptRun], leaving: set[int]) -> Iterator[tuple[int, Happened]]:
    """What happens to each run, by its place. On a GPU even one run is a stack: that is what records its steps."""
    states = [run.state for run in runs]
    order, facts = runs[0].order, states[0].corpus.facts
    stacks = stack_key(order.experiment, job_of(order).steps, facts) is not None
    if len(runs) > 1 or (stacks and order.device != "cpu"):
        yield from train_together(states, leaving)
        return
    try:
        for event in train(states[0]):
            yield 0, event
            if leaving:
                return
    except Diverged as error:
        yield 0, error


def serve(connection: Connection, data_dir: Path | None) -> None:
    """Work for one coordinator; the process ends when it hangs up."""
    for number in (signal.SIGINT, signal.SIGTERM):  # schedulers send SIGTERM to every process of a job
        signal.signal(number, signal.SIG_IGN)
    allocator.keep_freed_memory()
    torch.set_num_threads(1)
    try:
        Worker(LocalLine(connection, deadlines().beat_seconds), data_dir).work()
    except (EOFError, BrokenPipeError, ConnectionResetError):
        os._exit(0)  # the coordinator is gone: nothing of ours is worth a clean-up


if __name__ == "__main__":
    serve(Connection(int(sys.argv[1])), Path(sys.argv[2]) if len(sys.argv) > 2 else None)
