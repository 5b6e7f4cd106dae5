"""The worker's end of a line to another machine, in the shape of the pipe that a local worker has.

Between the two stand a thread that listens and one that says now and then that the worker lives. Where the runs
folder is not shared, files go before the report that speaks of them, which waits until they are on home's disk.
"""

from __future__ import annotations

import os
import shutil
import threading
import time
from pathlib import Path
from queue import SimpleQueue

from tlm_sweeps.search.messages import (
    REPORTS,
    AnyOrder,
    Checkpointed,
    Ended,
    Message,
    StackOrder,
    Told,
    TrainOrder,
)
from tlm_sweeps.search.remote_files import FIRST_WEIGHTS, Incoming, Outgoing
from tlm_sweeps.search.remote_messages import (
    FROM_HOME,
    Beat,
    Carried,
    Carrying,
    Kept,
    Settled,
    Summons,
    Welcome,
)
from tlm_sweeps.search.remote_wire import CONTENT, LineCut, Wire
from tlm_sweeps.search.starting import LEAVING_SECONDS

_SHARE_OF_SILENCE = 0.5
"""The worker gives up first: when home hands its run to another one, nobody writes into the run's folder any more."""


class RemoteLine:
    """What `Worker` takes for its connection."""

    def __init__(self, wire: Wire, summons: Summons) -> None:
        """Listen, and say that the worker lives."""
        self._wire = wire
        self._summons = summons
        self._welcome: SimpleQueue[Welcome | None] = SimpleQueue()
        self._orders: SimpleQueue[bytes | None] = SimpleQueue()
        self._answers: SimpleQueue[Kept | None] = SimpleQueue()
        self._scratch: Path | None = None
        self._outgoing: dict[str, Outgoing] = {}
        self._incoming: Incoming | None = None
        self._has_left = threading.Event()
        for thread in (self._beat, self._listen):
            threading.Thread(target=thread, daemon=True).start()

    def welcomed(self) -> Welcome:
        """What home says first.

        Raises:
            EOFError: it hangs up instead.
        """
        welcome = self._welcome.get()
        if welcome is None:
            raise EOFError
        return welcome

    def settle(self, settled: Settled, scratch: Path) -> None:
        """Say that orders may come.

        Args:
            settled: where the worker is.
            scratch: folder for runs whose files are brought home, where home's folder is not shared.
        """
        self._scratch = None if settled.shares_folder else scratch
        self._tell(settled)

    def say(self, message: Message) -> None:
        """Say something that is no report of a run."""
        self._wire.say(message)

    def leave(self) -> None:
        """Hang up; the process may live on."""
        self._has_left.set()
        self._wire.cut()

    # --- as `multiprocessing.connection.Connection` has it

    def poll(self) -> bool:
        """Whether there is an order, or nobody left to give one."""
        return not self._orders.empty()

    def recv_bytes(self) -> bytes:
        """The next order, waited for."""
        order = self._orders.get()
        if order is None:
            self._orders.put(None)
            raise EOFError
        return order

    def send_bytes(self, report: bytes) -> None:
        """Report; the files that the report speaks of first.

        Raises:
            OSError: home cannot keep them.
        """
        said = REPORTS.validate_json(report)
        if self._scratch is not None and isinstance(said, Checkpointed | Ended | Told):
            said = self._after_its_files(said)
        self._tell(said)

    # --- files

    def _after_its_files(self, report: Checkpointed | Ended | Told) -> Message:
        if isinstance(report, Ended) and report.state == "paused" and report.reason:
            report = report.model_copy(update={"state": "failed"})  # it is this machine's disk that is full, not home's
        reason = self._bring_home(report.run_id, deep=isinstance(report, Told))
        if not reason or isinstance(report, Told):
            return report
        if isinstance(report, Checkpointed):
            raise OSError(reason)
        why = f"its files could not be kept at home: {reason}"
        return report.model_copy(update={"state": "failed", "reason": why, "results": {}})

    def _bring_home(self, run_id: str, *, deep: bool) -> str:
        """Send what is new of a run; why it could not be kept, or nothing."""
        outgoing = self._outgoing[run_id]
        for name, content in outgoing.changed(deep=deep):
            self._carry(run_id, name, content)
        self._tell(Carried(run_id=run_id, checkpoints=outgoing.checkpoints()))
        answer = self._answers.get()
        if answer is None:
            raise EOFError
        return answer.reason

    def _tell(self, message: Message) -> None:
        try:
            self._wire.say(message)
        except OSError as error:
            raise EOFError from error  # whichever way it was cut, the worker leaves

    def _carry(self, run_id: str, name: str, content: bytes) -> None:
        try:
            self._wire.carry(run_id, name, content)
        except OSError as error:
            raise EOFError from error

    def _receive(self, frame: bytes) -> None:
        """A piece of a file that a run begins or goes on with; one that does not arrive whole is not found later."""
        if self._incoming is None:
            return
        self._incoming.take(frame[len(CONTENT) :])
        self._finish_if_whole()

    def _begin(self, head: Carrying) -> None:
        if self._scratch is not None:
            self._incoming = Incoming(self._scratch / head.run_id, head)
            self._finish_if_whole()

    def _finish_if_whole(self) -> None:
        if self._incoming is not None and self._incoming.is_whole:
            incoming, self._incoming = self._incoming, None
            incoming.finish()

    def _rehoused(self, order: AnyOrder) -> AnyOrder:
        """The order with folders of this machine; what runs before it have left here is dropped."""
        if self._scratch is None or not isinstance(order, TrainOrder | StackOrder):
            return order
        orders = order.orders if isinstance(order, StackOrder) else (order,)
        folders = {each.run_id: self._scratch / each.run_id for each in orders}
        for old in set(self._outgoing) - set(folders):
            shutil.rmtree(self._scratch / old, ignore_errors=True)
        self._outgoing = {run_id: Outgoing(folder) for run_id, folder in folders.items()}
        for outgoing in self._outgoing.values():
            outgoing.note_all()
        moved = tuple(_moved(each, folders[each.run_id]) for each in orders)
        return StackOrder(orders=moved) if isinstance(order, StackOrder) else moved[0]

    # --- the two threads

    def _listen(self) -> None:
        try:
            while True:
                frame = self._wire.hear()
                if frame.startswith(CONTENT):
                    self._receive(frame)
                else:
                    self._take(frame)
        except LineCut:
            pass  # as it should end
        finally:  # whatever it was: there will be no orders any more, and the worker leaves at its next step
            self._wire.cut()
            self._welcome.put(None)
            self._orders.put(None)
            self._answers.put(None)
            if not self._has_left.wait(LEAVING_SECONDS):
                os._exit(1)  # it is stuck; its run may be given to another worker by now

    def _take(self, frame: bytes) -> None:
        match FROM_HOME.validate_json(frame):
            case Beat():
                return
            case Welcome() as welcome:
                self._welcome.put(welcome)
            case Carrying() as head:
                self._begin(head)
            case Kept() as answer:
                self._answers.put(answer)
            case order:
                self._orders.put(self._rehoused(order).model_dump_json().encode())

    def _beat(self) -> None:
        """Say that the worker lives; hang up when home has been silent for too long."""
        patience = self._summons.silence_seconds * _SHARE_OF_SILENCE
        while not self._has_left.wait(self._summons.beat_seconds):
            if time.monotonic() - self._wire.heard_at > patience:
                self._wire.cut()  # the listening thread sees to the rest
                return
            try:
                self._wire.say(Beat())
            except LineCut:
                return


def _moved(order: TrainOrder, folder: Path) -> TrainOrder:
    """The order, for a run whose files are all in a folder of this machine."""
    changed: dict[str, object] = {"folder": str(folder)}
    if order.first_weights is not None:
        changed["first_weights"] = (str(folder / FIRST_WEIGHTS), order.first_weights[1])
    return order.model_copy(update=changed)
