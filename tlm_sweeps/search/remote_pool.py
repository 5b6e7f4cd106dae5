"""A pool of workers on other machines. As the local pool it moves messages, notices deaths, and decides no run's fate.

Whoever hires workers starts them somewhere; they call the pool's desk. A worker is dead when its line is cut or when
it has said nothing for too long, whatever the cluster believes of it.
"""

from __future__ import annotations

import logging
import secrets
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from queue import Empty, SimpleQueue

from tlm_sweeps.errors import RunError
from tlm_sweeps.search.messages import Ended, Message, Ready
from tlm_sweeps.search.pool import Died, Heard
from tlm_sweeps.search.remote_desk import Desk
from tlm_sweeps.search.remote_hirer import Hirer, Opening
from tlm_sweeps.search.remote_messages import (
    AnyWordFromAway,
    Beat,
    Carried,
    Carrying,
    Hello,
    Settled,
    Summons,
    Unfit,
    Welcome,
)
from tlm_sweeps.search.remote_nodes import Nodes
from tlm_sweeps.search.remote_seat import Seat
from tlm_sweeps.search.remote_wire import Wire

_LOG = logging.getLogger(__name__)
_HIRING_SECONDS = 1.0
_ENDING_SECONDS = 1.0
"""In which the cluster may say how a worker ended whose line is cut."""
_LOG_FILE = "remote.log"


@dataclass(frozen=True)
class Patience:
    """How long silence may last."""

    beat_seconds: float = 5.0
    silence_seconds: float = 60.0
    """Without a word: then a worker is dead."""
    queue_seconds: float = 60.0
    """A worker that has not called: its node is busy, and others are asked first."""
    first_seconds: float = 180.0
    """Without any worker: then the sweep ends, and can be taken up again."""


class RemotePool:
    """Workers elsewhere, numbered as they come; a dead one is replaced where there is room."""

    def __init__(
        self,
        hirer: Hirer,
        host: str,
        welcome: Welcome,
        logs: Path,
        versions: dict[str, str],
        most: int | None = None,
        gpu_share: float = 0.0,
        patience: Patience = Patience(),
    ) -> None:
        """Open the desk and start the first workers, without waiting until they are there.

        Args:
            hirer: starts them.
            host: this machine's address, as the nodes see it.
            welcome: what they are told.
            logs: folder of `remote.log`, where it is written who came and went.
            versions: that workers must have.
            most: workers; None for as many as there is room for.
            gpu_share: of a GPU, for each.
            patience: with silence.
        """
        self._hirer = hirer
        self._welcome = welcome
        self._log = logs / _LOG_FILE
        self._versions = versions
        self._most = most
        self._gpu_share = gpu_share
        self._patience = patience
        self._news: SimpleQueue[tuple[Wire, Hello] | tuple[Seat, AnyWordFromAway | None]] = SimpleQueue()
        self._hired: dict[str, Opening] = {}
        self._asked_at: dict[str, float] = {}
        self._busy_until: dict[str, float] = {}
        self._seats: dict[str, Seat] = {}
        self._rooms: dict[int, int] = {}
        self._nodes = Nodes()
        self._hired_at = -_HIRING_SECONDS
        self._waited_at = self._awake_since = self._last_worker_at = time.monotonic()
        self._desk = Desk(host, lambda wire, hello: self._news.put((wire, hello)))
        self._hire()

    def __len__(self) -> int:
        return len(self._at_work())

    def present(self) -> Sequence[int]:
        """Workers that take orders now."""
        left_out = self._nodes.left_out
        return sorted(
            number
            for number, seat in self._at_work().items()
            if seat.runs or self._hired[seat.hello.ticket].node not in left_out
        )

    def processor_of(self, worker: int) -> str | None:
        """The processor that a worker computes on, in words."""
        return self._at_work()[worker].hello.processor

    def room_bytes(self) -> int | None:
        """Memory for runs on the smallest granted part of a GPU; None on CPUs."""
        return min(self._rooms.values(), default=None)

    def send(self, worker: int, message: Message) -> None:
        """Give a worker an order. A worker that has died is noticed by `wait`."""
        if (seat := self._at_work().get(worker)) is not None:
            seat.send(message)

    def await_first(self) -> None:
        """Wait until there is a worker.

        Raises:
            RunError: none comes.
        """
        while not self.present():
            self.wait(_HIRING_SECONDS)

    def wait(self, seconds: float) -> Sequence[tuple[int, Heard]]:
        """What workers say within a time; as soon as one says something.

        Raises:
            RunError: no worker is there, and none comes any more.
        """
        heard: list[tuple[int, Heard]] = []
        until = time.monotonic() + seconds
        self._notice_own_sleep()
        while True:
            try:
                news = self._news.get(timeout=0 if heard else max(0.0, until - time.monotonic()))
            except Empty:
                break
            heard += self._hear(*news)
        heard += self._silent()
        if time.monotonic() - self._hired_at >= _HIRING_SECONDS:
            self._see_to_hiring()
        self._waited_at = time.monotonic()
        return heard

    def close(self) -> None:
        """Hang up; workers leave by themselves, and are ended when they do not."""
        self._desk.close()
        for seat in self._seats.values():
            seat.hang_up()
        self._hirer.close()
        for seat in self._seats.values():
            seat.join()

    # --- what is heard

    def _hear(self, who: Wire | Seat, word: AnyWordFromAway | None) -> list[tuple[int, Heard]]:
        if isinstance(who, Wire):
            assert isinstance(word, Hello)  # the desk lets nothing else through
            self._greet(who, word)
            return []
        if self._seats.get(who.hello.ticket) is not who:
            return []  # it has been given up
        match word:
            case None:
                return self._buried(who, self._how_ended(who))
            case Settled():
                self._seat(who, word)
            case Unfit():
                self._send_away(who, word.reason)
            case Hello() | Welcome() | Beat() | Carrying() | Carried() | Ready():
                pass
            case report:
                self._judge(who, report)
                return [] if who.number is None else [(who.number, report)]
        return []

    def _greet(self, wire: Wire, hello: Hello) -> None:
        opening = self._hired.get(hello.ticket)
        if opening is None or hello.ticket in self._seats:
            wire.close()
            return
        differing = {name for name in self._versions if hello.versions.get(name) != self._versions[name]}
        if differing:
            theirs = ", ".join(f"{name} {hello.versions.get(name) or '?'}" for name in sorted(differing))
            ours = ", ".join(f"{name} {self._versions[name] or '?'}" for name in sorted(differing))
            wire.close()
            self._forget(hello.ticket)
            self._leave_out(opening, f"it has {theirs}, not {ours}")
            return
        self._seats[hello.ticket] = Seat(
            wire, hello, self._welcome, lambda *news: self._news.put(news), self._patience.beat_seconds
        )

    def _seat(self, seat: Seat, settled: Settled) -> None:
        opening = self._hired[seat.hello.ticket]
        taken = self._at_work()
        seat.number = next(number for number in range(len(taken) + 1) if number not in taken)
        if settled.room_bytes is not None:
            self._rooms[seat.number] = settled.room_bytes
        self._nodes.started(opening.node)
        where = "the runs folder is shared" if settled.shares_folder else "files are brought home"
        self._note(f"worker {seat.number} is there, on {_of(opening)} ({seat.hello.processor}; {where})")

    def _send_away(self, seat: Seat, reason: str) -> None:
        opening = self._hired[seat.hello.ticket]
        seat.hang_up()
        self._forget(seat.hello.ticket)
        self._leave_out(opening, reason)

    def _judge(self, seat: Seat, report: Message) -> None:
        """A node is suspected by crashes as by deaths: on a bad one everything fails, quickly."""
        if not isinstance(report, Ended):
            return
        opening = self._hired[seat.hello.ticket]
        if report.reason.startswith("crashed"):
            self._lost_runs(opening, [report.run_id], report.reason)
        else:
            self._nodes.ended_well(opening.node)

    # --- deaths

    def _silent(self) -> list[tuple[int, Heard]]:
        heard: list[tuple[int, Heard]] = []
        for seat in tuple(self._seats.values()):
            if seat.silent_for(self._awake_since) > self._patience.silence_seconds:
                heard += self._buried(seat, f"no word for {self._patience.silence_seconds:g} s")
        return heard

    def _notice_own_sleep(self) -> None:
        """What workers said while this process was stopped has not been heard yet: their time begins anew."""
        now = time.monotonic()
        if now - self._waited_at > self._patience.silence_seconds / 4:
            self._awake_since = now

    def _how_ended(self, seat: Seat) -> str:
        how = self._hirer.end_of(seat.hello.ticket, _ENDING_SECONDS)
        return how or "its line was cut"

    def _buried(self, seat: Seat, how: str) -> list[tuple[int, Heard]]:
        opening = self._hired[seat.hello.ticket]
        seat.hang_up()
        self._hirer.dismiss(seat.hello.ticket)
        self._forget(seat.hello.ticket)
        self._hired_at = -_HIRING_SECONDS
        if seat.number is None:
            self._did_not_start(opening, how)
            return []
        self._rooms.pop(seat.number, None)
        self._note(f"worker {seat.number} is dead, on {_of(opening)}: {how}")
        told = f"{how}, on {_of(opening)}"
        if self._lost_runs(opening, seat.runs, how):
            told += ", which gets no more work"
        return [(seat.number, Died(told, self._log, 0))]

    def _did_not_start(self, opening: Opening, how: str) -> None:
        self._note(f"a worker did not start on {_of(opening)}: {how}")
        if self._nodes.did_not_start(opening.node, how):
            self._say_left_out(opening)

    def _lost_runs(self, opening: Opening, runs: Sequence[str] | set[str], how: str) -> bool:
        others = [node for node in self._hirer.nodes() if node != opening.node]
        is_left_out = self._nodes.lost(opening.node, runs, how, others)
        if is_left_out:
            self._say_left_out(opening)
            for seat in self._seats.values():  # those that are busy may end what they train
                if self._hired[seat.hello.ticket].node == opening.node and not seat.runs:
                    seat.hang_up()
        return is_left_out

    def _leave_out(self, opening: Opening, why: str) -> None:
        if self._nodes.is_unfit(opening.node, why):
            self._say_left_out(opening)

    def _say_left_out(self, opening: Opening) -> None:
        line = f"{_of(opening)} gets no more work: {self._nodes.left_out[opening.node]}"
        self._note(line)
        _LOG.warning("%s", line)

    # --- hiring

    def _see_to_hiring(self) -> None:
        for ticket, how in self._hirer.over():
            if ticket in self._hired and ticket not in self._seats:
                opening = self._hired[ticket]
                self._forget(ticket)
                self._did_not_start(opening, how)
        self._withdraw_from_queues()
        self._hire()
        if self.present():
            self._last_worker_at = time.monotonic()
        else:
            self._ensure_hope()

    def _hire(self) -> None:
        self._hired_at = time.monotonic()
        for opening in self._hirer.openings():
            if self._most is not None and len(self._hired) >= self._most:
                return
            if opening.node in self._nodes.left_out or self._busy_until.get(opening.node, 0.0) > self._hired_at:
                continue
            ticket = secrets.token_hex(16)
            self._hired[ticket], self._asked_at[ticket] = opening, self._hired_at
            self._hirer.hire(opening, self._summons(ticket))

    def _withdraw_from_queues(self) -> None:
        """Give up workers that have not called for long: other work is on their nodes."""
        now = time.monotonic()
        for ticket in set(self._hired) - set(self._seats):
            if now - self._asked_at[ticket] > self._patience.queue_seconds:
                self._busy_until[self._hired[ticket].node] = now + 2 * self._patience.queue_seconds
                self._hirer.dismiss(ticket)
                self._forget(ticket)

    def _summons(self, ticket: str) -> Summons:
        host, port = self._desk.address
        return Summons(
            host=host,
            port=port,
            key=self._desk.key.hex(),
            ticket=ticket,
            beat_seconds=self._patience.beat_seconds,
            silence_seconds=self._patience.silence_seconds,
            gpu_share=self._gpu_share,
        )

    def _ensure_hope(self) -> None:
        """See that a worker may still come.

        Raises:
            RunError: none will.
        """
        nodes, left_out = self._hirer.nodes(), self._nodes.left_out
        if nodes and set(nodes) <= set(left_out):
            reasons = "\n  ".join(f"{nodes[node]}: {left_out[node]}" for node in sorted(nodes))
            hint = "the sweep can be taken up again once that is put right, here or there"
            raise RunError(f"no node can train this sweep:\n  {reasons}", place=str(self._log), hint=hint)
        waited = time.monotonic() - max(self._last_worker_at, self._awake_since)
        if waited > self._patience.first_seconds:
            hint = "`ray status` shows what the cluster is busy with; the sweep can be taken up again, here or there"
            raise RunError(f"no worker has come for {waited:.0f} s", place=str(self._log), hint=hint)

    def _forget(self, ticket: str) -> None:
        self._hired.pop(ticket, None)
        self._asked_at.pop(ticket, None)
        self._seats.pop(ticket, None)

    def _at_work(self) -> dict[int, Seat]:
        return {seat.number: seat for seat in self._seats.values() if seat.number is not None}

    def _note(self, line: str) -> None:
        with self._log.open("a", encoding="utf-8") as file:
            file.write(f"{datetime.now(UTC).isoformat(timespec='seconds')} {line}\n")


def _of(opening: Opening) -> str:
    return f"node {opening.address}"
