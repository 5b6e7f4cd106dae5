"""An agent's heartbeat, in a thread of its own: a server that hangs must not hold up a coordinator.

It tells W&B which runs are being trained and queues what W&B wants done. While nothing is being trained it beats fast,
so that the next proposal is there at once; else every few seconds, as W&B's own agents do.
"""

from __future__ import annotations

import logging
import queue
import threading
from types import TracebackType
from typing import Self

from tlm_sweeps.search.wandb.service import Command, Exit, Service, SweepGoneError

BUSY_SECONDS = 5.0
"""Between beats while a run is being trained: what W&B's agents do."""
IDLE_SECONDS = 1.0
_MOST_SILENCE = 3
"""Beats that bring nothing while idle before the pace slows down."""

_log = logging.getLogger("tlm_sweeps.wandb")


class Heart:
    """Beats until it is stopped, the sweep is over or gone."""

    def __init__(self, service: Service) -> None:
        """Register as an agent and begin."""
        self._service = service
        self._agent_id = service.register()
        self._training: frozenset[str] = frozenset()
        self._commands: queue.SimpleQueue[Command] = queue.SimpleQueue()
        self._nudged = threading.Event()
        self._must_end = threading.Event()
        self._idle_beats = 0
        self.is_gone = False
        """Whether the sweep has been deleted."""
        self._thread = threading.Thread(target=self._beat, name="wandb-heart", daemon=True)

    def __enter__(self) -> Self:
        return self

    def begin(self, *run_ids: str) -> None:
        """Beat from now on, naming what is held already."""
        self._training = frozenset(run_ids)
        self._thread.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._must_end.set()
        self._nudged.set()
        # A request under way may hang for long: the thread is a daemon, and is left to it.
        if self._thread.is_alive():
            self._thread.join(timeout=2.0)

    def training(self, *run_ids: str) -> None:
        """Say what is being trained from now on, with the next beat, which comes at once."""
        self._training = frozenset(run_ids)
        self._idle_beats = 0
        self._nudged.set()

    def next(self, seconds: float) -> Command | None:
        """The next command, if there is one within a time."""
        try:
            return self._commands.get(timeout=seconds) if seconds > 0 else self._commands.get_nowait()
        except queue.Empty:
            return None

    def _beat(self) -> None:
        while not self._must_end.is_set():
            training = self._training
            try:
                commands = self._service.beat(self._agent_id, training)
            except SweepGoneError:
                self.is_gone = True
                commands = [Exit()]
            except Exception:  # noqa: BLE001 - whatever is wrong with the server, an agent waits until it is right again
                _log.exception("a heartbeat failed")
                commands = []
            for each in commands:
                self._commands.put(each.model_copy(update={"listed": training}) if isinstance(each, Exit) else each)
            if any(isinstance(each, Exit) for each in commands):
                return
            self._idle_beats += 1
            self._nudged.wait(self._pause(training, given=bool(commands)))
            self._nudged.clear()

    def _pause(self, training: frozenset[str], *, given: bool) -> float:
        """Seconds until the next beat: what was given is on its way into training, which will nudge."""
        return BUSY_SECONDS if training or given or self._idle_beats > _MOST_SILENCE else IDLE_SECONDS
