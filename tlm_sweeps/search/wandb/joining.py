"""What a run's sessions left on disk, as the one log that W&B's server still lacks.

A run that was paused or killed and went on has a file for each session. W&B would send them one after the other: the
run would fail, start again, and hold twice what was measured again after a checkpoint. And what the server already
has would be sent a second time behind it. So the sessions are joined here, and cut to what is missing.
"""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Container, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from tlm_sweeps.search.wandb.transaction_log import DamagedLogError, read_log, write_log

if TYPE_CHECKING:
    from google.protobuf.message import Message

_ONCE = ("header", "run")
"""What only the first session may say: the run begins once."""
_AT_THE_END = ("preempting", "exit", "final", "footer")
"""What only the last session may say: that an earlier one ended is no news of the run."""


Entry = tuple[str, int | None, bytes]
"""A record: its kind, its step when it is a point of the curves, its content."""


@dataclass(frozen=True)
class JoinedRun:
    """All sessions of a run as one."""

    entries: tuple[Entry, ...]
    """Its records, in order."""
    sweep_id: str
    """The sweep that it hangs under; empty for none."""
    last_step: int | None
    """Of its curves; None for a run without a point."""
    state: str | None
    """How it ended, as its summary says; None where W&B was never told."""
    artifact_bytes: int = 0
    """Of the files that it hands over beside its log: its weights, when they were asked for."""

    @property
    def steps(self) -> tuple[int, ...]:
        """The steps of its curves' points, in order."""
        return tuple(step for _, step, _ in self.entries if step is not None)

    def ending_so(
        self, points: Iterable[tuple[int, Mapping[str, Any]]], summary: Mapping[str, Any], exit_code: int
    ) -> JoinedRun:
        """The same run with another end.

        Args:
            points: what its curves lack, by step.
            summary: what is said of it besides, its `state` among it.
            exit_code: with which it ends.
        """
        kept = (entry for entry in self.entries if entry[0] not in _AT_THE_END)
        more = [("history", step, _history(step, point)) for step, point in points]
        last = (("summary", None, _summary(summary)), ("exit", None, _exit(exit_code)))
        entries = (*_in_order(kept, more), *last)
        steps = [step for _, step, _ in entries if step is not None]
        return replace(self, entries=entries, last_step=max(steps, default=None), state=summary["state"])

    def log_of(self, steps: Container[int]) -> bytes:
        """The log of a run of whose curves only these points are to be sent."""
        return write_log(content for _, at, content in self.entries if at is None or at in steps)


def joined(logs: Iterable[bytes], sweep_id: str | None) -> JoinedRun:
    """A run from its sessions.

    Args:
        logs: what is in its files, in any order.
        sweep_id: the sweep that it hangs under; None leaves it where it is.

    Raises:
        DamagedLogError: when one of them cannot be read, or none holds a run.
    """
    sessions = sorted((each for log in logs if (each := _session(log)) is not None), key=lambda each: each.started)
    if not sessions:
        raise DamagedLogError("no run was opened in it")
    entries: list[Entry] = []
    for number, session in enumerate(sessions):
        again = min((step for _, step, _ in session.entries if step is not None), default=None)
        if again is not None:  # measured again after a checkpoint: the later one counts
            entries = [each for each in entries if each[1] is None or each[1] < again]
        dropped = (*(_ONCE if number else ()), *(_AT_THE_END if session is not sessions[-1] else ()))
        entries += [each for each in session.entries if each[0] not in dropped]
    steps = [step for _, step, _ in entries if step is not None]
    return JoinedRun(
        entries=tuple((kind, step, _under(content, kind, sweep_id)) for kind, step, content in entries),
        sweep_id=sessions[0].sweep_id if sweep_id is None else sweep_id,
        last_step=max(steps, default=None),
        state=sessions[-1].state,
        artifact_bytes=sum(session.artifact_bytes for session in sessions),
    )


@dataclass(frozen=True)
class _Session:
    started: tuple[int, int]
    """Seconds and nanoseconds of its start."""
    sweep_id: str
    entries: tuple[Entry, ...]
    state: str | None
    artifact_bytes: int


def _session(log: bytes) -> _Session | None:
    """A file's records; None where the client died before it had opened the run."""
    started, sweep_id, state, artifact_bytes = None, "", None, 0
    entries: list[Entry] = []
    for content in read_log(log):
        record = _parsed(content)
        kind = record.WhichOneof("record_type") or ""
        if kind == "run" and started is None:
            started = (record.run.start_time.seconds, record.run.start_time.nanos)
            sweep_id = record.run.sweep_id
        if kind == "summary":
            state = next((json.loads(item.value_json) for item in record.summary.update if item.key == "state"), state)
        if kind == "artifact":
            artifact_bytes += sum(file.size for file in record.artifact.manifest.contents)
        entries.append((kind, record.history.step.num if kind == "history" else None, content))
    return None if started is None else _Session(started, sweep_id, tuple(entries), state, artifact_bytes)


def _in_order(kept: Iterable[Entry], points: Iterable[Entry]) -> Iterator[Entry]:
    """Points among what is there: each before the first later one."""
    waiting = deque(sorted(points, key=lambda entry: entry[1] or 0))
    for entry in kept:
        while entry[1] is not None and waiting and (waiting[0][1] or 0) < entry[1]:
            yield waiting.popleft()
        yield entry
    yield from waiting


def _under(content: bytes, kind: str, sweep_id: str | None) -> bytes:
    """A record as it was, but for the sweep that it names."""
    if kind != "run" or sweep_id is None:
        return content
    record = _parsed(content)
    record.run.sweep_id = sweep_id
    written: bytes = record.SerializeToString()
    return written


def _history(step: int, point: Mapping[str, Any]) -> bytes:
    record = _parsed(b"")
    record.history.step.num = step
    for name, value in {"_step": step, **point}.items():
        record.history.item.add(key=name, value_json=json.dumps(value))
    return record.SerializeToString()


def _summary(values: Mapping[str, Any]) -> bytes:
    record = _parsed(b"")
    for name, value in values.items():
        record.summary.update.add(key=name, value_json=json.dumps(value))
    return record.SerializeToString()


def _exit(code: int) -> bytes:
    record = _parsed(b"")
    record.exit.exit_code = code
    return record.SerializeToString()


def _parsed(content: bytes) -> Any:
    from google.protobuf.message import DecodeError
    from wandb.proto.wandb_internal_pb2 import Record  # pyright: ignore[reportAttributeAccessIssue] - its names are made at run time

    record: Message = Record()
    try:
        record.ParseFromString(content)
    except DecodeError as error:
        raise DamagedLogError("it holds something that is no record of W&B's") from error
    return record
