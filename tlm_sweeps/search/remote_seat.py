"""Home's end of one worker's line: two threads, so that no slow, full or cut line holds the coordinator up."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from queue import Empty, SimpleQueue

from tlm_sweeps.errors import TlmError
from tlm_sweeps.search.messages import Ended, Message, StackOrder, TrainOrder
from tlm_sweeps.search.remote_files import FIRST_WEIGHTS, Incoming, keep_only
from tlm_sweeps.search.remote_messages import (
    FROM_AWAY,
    AnyWordFromAway,
    Beat,
    Carried,
    Carrying,
    Hello,
    Kept,
    Settled,
    Welcome,
)
from tlm_sweeps.search.remote_wire import CONTENT, LineCut, Wire

_SUFFIXES = (".safetensors", ".json")
"""Of a checkpoint's two files, the description last."""


class Seat:
    """A worker that has called. Files of the runs that it was ordered to train are written here, and no others."""

    def __init__(
        self,
        wire: Wire,
        hello: Hello,
        welcome: Welcome,
        on_word: Callable[[Seat, AnyWordFromAway | None], None],
        beat_seconds: float,
    ) -> None:
        """Welcome the worker and listen.

        Args:
            wire: the line.
            hello: what it said first.
            welcome: the answer.
            on_word: is told of each message that is not about files, and of the end of the line (None), in a thread
                of the seat.
            beat_seconds: how often the worker hears something at least.
        """
        self.hello = hello
        self.number: int | None = None
        """Of the worker, once it takes orders."""
        self.runs: set[str] = set()
        """Ordered, and not ended."""
        self._wire = wire
        self._on_word = on_word
        self._beat_seconds = beat_seconds
        self._shares_folder = False
        self._folders: dict[str, Path] = {}
        self._incoming: Incoming | None = None
        self._problem = ""
        self._outgoing: SimpleQueue[Message | None] = SimpleQueue()
        self.send(welcome)
        self._speaking = threading.Thread(target=self._speak, daemon=True)
        self._listening = threading.Thread(target=self._listen, daemon=True)
        self._speaking.start()
        self._listening.start()

    def send(self, message: Message) -> None:
        """Have something said; files go before the order that needs them."""
        if isinstance(message, TrainOrder | StackOrder):
            for each in _orders(message):
                self._folders[each.run_id] = Path(each.folder)
                self.runs.add(each.run_id)
        self._outgoing.put(message)

    def silent_for(self, since: float) -> float:
        """Seconds without a word.

        Args:
            since: silence before that moment does not count.
        """
        return time.monotonic() - max(since, self._wire.heard_at)

    def hang_up(self) -> None:
        """Cut the line. Nothing that the worker says or sends afterwards is taken."""
        self._wire.cut()
        self._outgoing.put(None)

    def join(self) -> None:
        """Wait until nothing of the line is left, which has been cut."""
        self._listening.join()

    # --- the two threads

    def _speak(self) -> None:
        try:
            while True:
                try:
                    message = self._outgoing.get(timeout=self._beat_seconds)
                except Empty:
                    message = Beat()
                if message is None:
                    return
                if isinstance(message, TrainOrder | StackOrder) and not self._shares_folder:
                    self._send_files(message)
                self._wire.say(message)
        except LineCut:
            self._wire.cut()

    def _send_files(self, order: TrainOrder | StackOrder) -> None:
        """What is there of what the ledger knows; the worker looks whether it is whole, as it does with its own."""
        for each in _orders(order):
            for name, path in _needed_by(each):
                if path.is_file():
                    self._wire.carry(each.run_id, name, path.read_bytes())

    def _listen(self) -> None:
        try:
            while True:
                frame = self._wire.hear()
                if frame.startswith(CONTENT):
                    self._receive(frame[len(CONTENT) :])
                else:
                    self._take(FROM_AWAY.validate_json(frame))
        except (*LineCut, ValueError, TlmError):
            if self._incoming is not None:
                self._incoming.drop()
            self.hang_up()
            self._on_word(self, None)
            self._speaking.join()
            self._wire.close()

    def _take(self, word: AnyWordFromAway) -> None:
        match word:
            case Hello() | Beat():
                return
            case Carrying() as head:
                self._begin(head)
            case Carried() as bundle:
                self._wire.say(Kept(run_id=bundle.run_id, reason=self._finished(bundle)))
            case Settled() as settled:
                self._shares_folder = settled.shares_folder
                self._on_word(self, settled)
            case other:
                if isinstance(other, Ended):
                    self.runs.discard(other.run_id)
                self._on_word(self, other)

    # --- files; a problem with the disk is the worker's to be told, and no end of the line

    def _begin(self, head: Carrying) -> None:
        try:
            self._incoming = Incoming(self._folders[head.run_id], head)
            self._finish_if_whole()
        except OSError as error:
            self._fail(error)

    def _receive(self, piece: bytes) -> None:
        if self._incoming is None:
            return  # it could not be written from some piece on
        try:
            self._incoming.take(piece)
            self._finish_if_whole()
        except OSError as error:
            self._fail(error)

    def _finish_if_whole(self) -> None:
        if self._incoming is not None and self._incoming.is_whole:
            self._incoming.finish()
            self._incoming = None

    def _finished(self, bundle: Carried) -> str:
        """Why what came could not be kept, or nothing."""
        try:
            folder = self._folders[bundle.run_id]
            if not self._problem:
                keep_only(folder, bundle.checkpoints)
        except OSError as error:
            self._fail(error)
        problem, self._problem = self._problem, ""
        return problem

    def _fail(self, error: OSError) -> None:
        self._problem = str(error)
        if self._incoming is not None:
            self._incoming.drop()
            self._incoming = None


def _needed_by(order: TrainOrder) -> Iterator[tuple[str, Path]]:
    """Files that a run begins or goes on with, and their names in its folder."""
    for _, checkpoint, _ in order.checkpoints:
        for name in (f"{checkpoint}{suffix}" for suffix in _SUFFIXES):
            yield name, Path(order.folder) / name
    if order.first_weights is not None:
        yield FIRST_WEIGHTS, Path(order.first_weights[0])


def _orders(order: TrainOrder | StackOrder) -> tuple[TrainOrder, ...]:
    return order.orders if isinstance(order, StackOrder) else (order,)
