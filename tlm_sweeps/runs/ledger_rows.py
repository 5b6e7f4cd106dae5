"""All that a ledger holds, read and written at once: for those who bring ledgers together.

What is damaged is named and left out, and what was spent on it is not forgotten.
"""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tlm_sweeps.runs.ledger import Death
from tlm_sweeps.runs.proposal import Proposal, proposal_of, proposal_row
from tlm_sweeps.runs.record import Measurement, Record
from tlm_sweeps.runs.sealing import DamagedRow, read_measurement, read_record, sealed_measurement, sealed_record

_ELSEWHERE = """
CREATE TABLE IF NOT EXISTS elsewhere (
  run_id TEXT NOT NULL, started_at TEXT NOT NULL, finished_at TEXT NOT NULL, charged INTEGER NOT NULL,
  PRIMARY KEY (run_id, started_at, finished_at)) WITHOUT ROWID;
"""
"""Trainings of runs that another training of the same run stands for: their FLOPs are part of what it is charged."""


@dataclass(frozen=True)
class Elsewhere:
    """A training that is not the one that a ledger's run has its record of, and what it spent."""

    started_at: str
    finished_at: str
    """Empty where it did not end."""
    charged: int


@dataclass(frozen=True)
class RunRows:
    """A run with everything that a ledger holds of it."""

    record: Record
    lease: int
    reserved: int
    charged: int
    """FLOPs, those of `elsewhere` included."""
    claimed: int
    measurements: tuple[tuple[float, Measurement], ...]
    checkpoints: tuple[tuple[int, str, str], ...]
    """Step, file, sha256; newest first."""
    elsewhere: tuple[Elsewhere, ...] = ()

    @property
    def step(self) -> int:
        """That it can be resumed from."""
        return self.checkpoints[0][0] if self.checkpoints else 0

    @property
    def own_charge(self) -> int:
        """FLOPs charged for the training that the record is of."""
        return self.charged - sum(each.charged for each in self.elsewhere)


@dataclass(frozen=True)
class LedgerRows:
    """All of a ledger that can be read."""

    meta: dict[str, str]
    proposals: tuple[Proposal, ...]
    runs: tuple[RunRows, ...]
    """By trial, seeds in order."""
    deaths: tuple[Death, ...]
    damaged: tuple[str, ...] = ()
    """Rows that were left out, a sentence each."""
    lost: tuple[tuple[int, int, Elsewhere], ...] = ()
    """Trial, seed and spending of runs whose records were left out."""


def read_rows(file: Path) -> LedgerRows:
    """Read a ledger's file that nobody writes.

    Raises:
        sqlite3.DatabaseError: it is no database, or torn.
    """
    connection = sqlite3.connect(f"{file.resolve().as_uri()}?mode=ro", uri=True)
    connection.text_factory = lambda text: text.decode(errors="replace")  # damage is a row's, not the ledger's
    try:
        return _read(connection)
    finally:
        connection.close()


def write_rows(file: Path, rows: LedgerRows) -> None:
    """Put rows in the place of all that a ledger holds, in one transaction. Its lock is the caller's."""
    connection = sqlite3.connect(file)
    try:
        connection.execute("PRAGMA synchronous = FULL")
        connection.executescript(_ELSEWHERE)
        with connection:
            for table in ("sweep", "proposals", "runs", "measurements", "checkpoints", "deaths", "elsewhere"):
                connection.execute(f"DELETE FROM {table}")  # noqa: S608 - the names above
            _insert(connection, rows)
    finally:
        connection.close()


def _insert(db: sqlite3.Connection, rows: LedgerRows) -> None:
    db.executemany("INSERT INTO sweep VALUES (?, ?)", rows.meta.items())
    db.executemany("INSERT INTO proposals VALUES (?, ?, ?, ?, ?, ?, ?, ?)", map(proposal_row, rows.proposals))
    db.executemany("INSERT INTO runs VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", map(_run_row, rows.runs))
    db.executemany("INSERT INTO measurements VALUES (?, ?, ?, ?)", _of_each(rows, _measurement_rows))
    db.executemany("INSERT INTO checkpoints VALUES (?, ?, ?, ?)", _of_each(rows, lambda run: run.checkpoints))
    db.executemany("INSERT INTO deaths VALUES (?, ?, ?, ?)", (tuple(vars(each).values()) for each in rows.deaths))
    others = _of_each(rows, lambda run: [tuple(vars(each).values()) for each in run.elsewhere])
    db.executemany("INSERT INTO elsewhere VALUES (?, ?, ?, ?)", others)


def _of_each(rows: LedgerRows, what: Callable[[RunRows], Iterable[tuple[Any, ...]]]) -> Iterable[tuple[Any, ...]]:
    return ((run.record.run_id, *each) for run in rows.runs for each in what(run))


def _run_row(run: RunRows) -> tuple[Any, ...]:
    record = run.record
    counts = (run.lease, run.reserved, run.charged, sealed_record(record), run.claimed)
    return (record.run_id, record.trial, record.seed, record.state, *counts)


def _measurement_rows(run: RunRows) -> Iterable[tuple[Any, ...]]:
    run_id = run.record.run_id
    return ((each.step, share, sealed_measurement(run_id, share, each)) for share, each in run.measurements)


def _read(db: sqlite3.Connection) -> LedgerRows:
    damaged: list[str] = []
    lost: list[tuple[int, int, Elsewhere]] = []
    tables = {name for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    proposals, runs = [], []
    for row in db.execute("SELECT * FROM proposals ORDER BY number"):
        try:
            proposals.append(proposal_of(row))
        except DamagedRow as error:
            damaged.append(_sentence(error))
    parts = _Parts(db, tables)
    rows = db.execute(
        "SELECT run_id, trial, seed, state, lease, reserved, charged, claimed, record FROM runs ORDER BY trial, rowid"
    )
    for run_id, trial, seed, state, lease, reserved, charged, claimed, text in rows:
        try:
            record, measured = read_record(run_id, trial, seed, state, text), parts.measurements(run_id)
        except DamagedRow as error:
            damaged.append(_sentence(error))
            mark = hashlib.sha256(f"{run_id} {text}".encode()).hexdigest()[:12]
            lost.append((trial, seed, Elsewhere(f"damaged {mark}", "", max(charged or 0, claimed or 0))))
            continue
        kept = (lease, reserved, charged, claimed, measured, parts.checkpoints(run_id), parts.elsewhere(run_id))
        runs.append(RunRows(record, *kept))
    deaths = db.execute("SELECT * FROM deaths ORDER BY rowid") if "deaths" in tables else ()
    meta = dict(db.execute("SELECT key, value FROM sweep"))
    return LedgerRows(
        meta, tuple(proposals), tuple(runs), tuple(Death(*row) for row in deaths), tuple(damaged), tuple(lost)
    )


class _Parts:
    """What other tables hold of a run."""

    def __init__(self, db: sqlite3.Connection, tables: set[str]) -> None:
        self._db = db
        self._tables = tables

    def measurements(self, run_id: str) -> tuple[tuple[float, Measurement], ...]:
        rows = self._db.execute(
            "SELECT step, share, measurement FROM measurements WHERE run_id = ? ORDER BY step", (run_id,)
        ).fetchall()
        return tuple((share, read_measurement(run_id, step, share, text)) for step, share, text in rows)

    def checkpoints(self, run_id: str) -> tuple[tuple[int, str, str], ...]:
        rows = self._db.execute(
            "SELECT step, file, sha256 FROM checkpoints WHERE run_id = ? ORDER BY step DESC", (run_id,)
        )
        return tuple(rows.fetchall())

    def elsewhere(self, run_id: str) -> tuple[Elsewhere, ...]:
        if "elsewhere" not in self._tables:
            return ()
        rows = self._db.execute(
            "SELECT started_at, finished_at, charged FROM elsewhere WHERE run_id = ? ORDER BY started_at, finished_at",
            (run_id,),
        )
        return tuple(Elsewhere(*row) for row in rows)


def _sentence(error: DamagedRow) -> str:
    return error.problems[0].message
