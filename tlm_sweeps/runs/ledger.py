"""The ledger of a sweep: every proposal, lease, report and record, each durable before anyone is told.

One coordinator writes (a file lock sees to it); everybody else reads. SQLite in WAL mode with `synchronous=FULL`.
A run's FLOPs are reserved in the transaction that starts it and settled in the one that ends it, so that the pool
is never overspent, whatever dies and whenever. This file knows tables and transactions, not what a setting means.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tlm_sweeps.compute.collecting import without_collecting
from tlm_sweeps.errors import InputError, RunError
from tlm_sweeps.runs.ledger_lock import held
from tlm_sweeps.runs.proposal import Proposal, proposal_of, proposal_row
from tlm_sweeps.runs.record import Measurement, Provenance, Record, State
from tlm_sweeps.runs.sealing import read_measurement, read_record, sealed_measurement, sealed_record, unsealed
from tlm_sweeps.runs.unwritable import unusable

FILE = "ledger.sqlite"
_PUT_BACK = "put the ledger back, move the folder away, or give the sweep another name"
_VERSION = 1
_SCHEMA = """
CREATE TABLE sweep (key TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE proposals (
  number INTEGER PRIMARY KEY, budget_flops INTEGER, baseline TEXT, settings TEXT NOT NULL, verdict TEXT NOT NULL,
  reason TEXT NOT NULL, fingerprint TEXT NOT NULL, sampler_state TEXT NOT NULL);
CREATE TABLE runs (
  run_id TEXT PRIMARY KEY, trial INTEGER NOT NULL, seed INTEGER NOT NULL, state TEXT NOT NULL, lease INTEGER NOT NULL,
  reserved INTEGER NOT NULL, charged INTEGER NOT NULL, record TEXT NOT NULL, claimed INTEGER NOT NULL DEFAULT 0);
CREATE TABLE measurements (
  run_id TEXT NOT NULL, step INTEGER NOT NULL, share REAL NOT NULL, measurement TEXT NOT NULL,
  PRIMARY KEY (run_id, step)) WITHOUT ROWID;
CREATE TABLE checkpoints (
  run_id TEXT NOT NULL, step INTEGER NOT NULL, file TEXT NOT NULL, sha256 TEXT NOT NULL,
  PRIMARY KEY (run_id, step)) WITHOUT ROWID;
"""
_ADDED_LATER = """
CREATE INDEX IF NOT EXISTS runs_flops ON runs (state, charged, reserved);
CREATE TABLE IF NOT EXISTS deaths (run_id TEXT NOT NULL, step INTEGER NOT NULL, how TEXT NOT NULL, at TEXT NOT NULL);
"""
"""Ledgers without them are read as well. Sums over all runs read the index and not the records: 0.5 ms of 10,000."""


@dataclass(frozen=True)
class Lease:
    """The right to train a run. A result that comes back with an older token is refused."""

    run_id: str
    token: int


@dataclass(frozen=True)
class Death:
    """A worker that died while it trained a run."""

    run_id: str
    step: int
    """That the run was known to have reached."""
    how: str
    """`signal 9 (SIGKILL)`."""
    at: str
    """UTC, ISO 8601."""


class Ledger:
    """The open ledger of one sweep. Get one from `created_or_opened` (to write) or `reading`."""

    def __init__(self, connection: sqlite3.Connection, folder: Path) -> None:
        self._db = connection
        self.folder = folder

    def close(self) -> None:
        """Let go of the file."""
        self._db.close()

    # --- what the sweep is

    def meta(self, key: str) -> str | None:
        """A fact on the sweep as a whole."""
        row = self._db.execute("SELECT value FROM sweep WHERE key = ?", (key,)).fetchone()
        return row[0] if row else None

    def set_meta(self, facts: Mapping[str, str]) -> None:
        """Keep facts on the sweep as a whole."""
        with self._db:
            self._db.executemany("INSERT OR REPLACE INTO sweep VALUES (?, ?)", facts.items())

    # --- proposals

    def propose(self, proposal: Proposal, records: tuple[Record, ...]) -> None:
        """Keep a proposal and its runs (one a seed, a single infeasible one, or none) in one transaction."""
        with self._db:
            self._db.execute("INSERT INTO proposals VALUES (?, ?, ?, ?, ?, ?, ?, ?)", proposal_row(proposal))
            self._insert(records)

    def add(self, records: tuple[Record, ...]) -> None:
        """Keep more runs of trials that there are, in one transaction."""
        with self._db:
            self._insert(records)

    def proposals(self) -> tuple[Proposal, ...]:
        """All proposals in order."""
        rows = self._db.execute("SELECT * FROM proposals ORDER BY number")
        return tuple(map(proposal_of, rows))

    def unusable_proposals(self) -> int:
        """How many settings of the search were infeasible or the same as another."""
        (count,) = self._db.execute(
            "SELECT count(*) FROM proposals WHERE baseline IS NULL AND verdict != 'trial'"
        ).fetchone()
        return count

    # --- runs

    def start(
        self, run_id: str, reserve: int, total: int | None, now: str, by: Provenance | None = None
    ) -> Lease | None:
        """Start (or start again) a waiting run and reserve its FLOPs; None when the pool cannot hold them."""
        record = self.record(run_id)
        planned = record.provenance
        origin = planned.taken_up(by, resumes=self.checkpoint_step(run_id) > 0) if by else planned
        update = {"state": "running", "started_at": record.started_at or now, "provenance": origin}
        begun = record.model_copy(update=update)
        with self._db:
            if total is not None:
                (used,) = self._db.execute("SELECT coalesce(sum(charged + reserved), 0) FROM runs").fetchone()
                (own,) = self._db.execute("SELECT reserved FROM runs WHERE run_id = ?", (run_id,)).fetchone()
                if used - own + reserve > total:
                    return None
            changed = self._db.execute(
                "UPDATE runs SET state = 'running', lease = lease + 1, reserved = ?, record = ? "
                "WHERE run_id = ? AND state = 'waiting'",
                (reserve, sealed_record(begun), run_id),
            ).rowcount
            if not changed:
                raise RunError(f"run {run_id} is not waiting to be started")
            (token,) = self._db.execute("SELECT lease FROM runs WHERE run_id = ?", (run_id,)).fetchone()
            return Lease(run_id, token)

    def report(self, lease: Lease, share: float, measurement: Measurement) -> bool:
        """Keep a measurement; False (and nothing kept) when the lease is no longer the run's."""
        with self._db:
            if not self._is_current(lease):
                return False
            row = (lease.run_id, measurement.step, share, sealed_measurement(lease.run_id, share, measurement))
            self._db.execute("INSERT OR REPLACE INTO measurements VALUES (?, ?, ?, ?)", row)
            return True

    def checkpoint(self, lease: Lease, step: int, file: str, sha256: str) -> bool:
        """Keep where a run can be resumed from."""
        with self._db:
            if not self._is_current(lease):
                return False
            self._db.execute(
                "INSERT OR REPLACE INTO checkpoints VALUES (?, ?, ?, ?)", (lease.run_id, step, file, sha256)
            )
            return True

    def settle(self, lease: Lease, record: Record, charged: int) -> bool:
        """End a run: its record, what it spent, its reservation returned; False when the lease is not current."""
        with self._db:
            if not self._is_current(lease):
                return False
            self._db.execute(
                "UPDATE runs SET state = ?, reserved = 0, charged = charged + ?, record = ? WHERE run_id = ?",
                (record.state, charged, sealed_record(record), lease.run_id),
            )
            self._db.execute("DELETE FROM checkpoints WHERE run_id = ?", (lease.run_id,))
            return True

    def claim(self, lease: Lease, claimed: int) -> None:
        """Keep how much of its budget a run may have spent by now: an upper bound, should everything die."""
        with self._db:
            if self._is_current(lease):
                self._db.execute("UPDATE runs SET claimed = ? WHERE run_id = ?", (claimed, lease.run_id))

    def claimed(self, run_id: str) -> int:
        """How much of its budget a run may have spent, as last claimed."""
        (claimed,) = self._db.execute("SELECT claimed FROM runs WHERE run_id = ?", (run_id,)).fetchone()
        return claimed

    def release(self, run_id: str, lost: int = 0) -> None:
        """Put an unfinished run back to waiting; it keeps its reservation, since its checkpoint has spent of it.

        What it measured after its newest checkpoint is forgotten: it will be measured again.

        Args:
            run_id: a running run, whose lease ends here.
            lost: FLOPs spent after its last checkpoint, which will be spent again: charged besides.
        """
        with self._db:
            self._put_back(run_id, lost)

    def bury(self, lease: Lease, step: int, how: str, now: str, lost: int) -> int:
        """A run's worker died: keep that, and put the run back to waiting as `release` does, in one transaction.

        Args:
            lease: the worker's; nothing happens where it is not current.
            step: that the run is known to have reached.
            how: the worker died, in words.
            now: UTC, ISO 8601.
            lost: FLOPs that will be spent again.

        Returns:
            How many workers have died of this run by now.
        """
        with self._db:
            if self._is_current(lease):
                self._db.execute("INSERT INTO deaths VALUES (?, ?, ?, ?)", (lease.run_id, step, how, now))
                self._put_back(lease.run_id, lost)
        return sum(each.run_id == lease.run_id for each in self.deaths())

    def deaths(self) -> tuple[Death, ...]:
        """Workers that died while they trained a run, in order."""
        if not self._db.execute("SELECT 1 FROM sqlite_master WHERE name = 'deaths'").fetchone():
            return ()  # begun by an older version, and not written since
        return tuple(Death(*row) for row in self._db.execute("SELECT * FROM deaths ORDER BY rowid"))

    def fall_back(self, lease: Lease, step: int, lost: int) -> None:
        """A run could only be taken up at a step before its newest checkpoint: charge what is spent again."""
        with self._db:
            if self._is_current(lease):
                self._db.execute("UPDATE runs SET charged = charged + ? WHERE run_id = ?", (lost, lease.run_id))
                self._db.execute("DELETE FROM checkpoints WHERE run_id = ? AND step > ?", (lease.run_id, step))
                self._forget_after(lease.run_id, step)

    def end_waiting(self, record: Record, charged: int = 0) -> None:
        """End a waiting run that will not be trained on (its trial was pruned, or the pool is spent)."""
        with self._db:
            self._db.execute(
                "UPDATE runs SET state = ?, reserved = 0, charged = charged + ?, record = ? "
                "WHERE run_id = ? AND state = 'waiting'",
                (record.state, charged, sealed_record(record), record.run_id),
            )

    def records(self) -> tuple[Record, ...]:
        """The records of all runs, by trial and seed, with their present states."""
        rows = self._db.execute("SELECT run_id, trial, seed, state, record FROM runs ORDER BY trial, rowid").fetchall()
        with without_collecting():
            return tuple(read_record(*row) for row in rows)

    def seeds(self) -> set[tuple[int, int]]:
        """Trial and seed of every run."""
        return set(self._db.execute("SELECT trial, seed FROM runs").fetchall())

    def record(self, run_id: str) -> Record:
        """The record of one run."""
        row = self._db.execute(
            "SELECT run_id, trial, seed, state, record FROM runs WHERE run_id = ?", (run_id,)
        ).fetchone()
        if row is None:
            raise RunError(f"the ledger of {self.folder.name} knows no run {run_id}")
        return read_record(*row)

    def measurements(self, run_id: str) -> tuple[tuple[float, Measurement], ...]:
        """A run's evaluations in order, each with the share of the budget spent by then."""
        rows = self._db.execute(
            "SELECT step, share, measurement FROM measurements WHERE run_id = ? ORDER BY step", (run_id,)
        )
        return tuple((share, read_measurement(run_id, step, share, text)) for step, share, text in rows)

    def curves(self) -> dict[str, list[Measurement]]:
        """All evaluations in order, by run; runs without any are missing."""
        found: dict[str, list[Measurement]] = {}
        rows = self._db.execute("SELECT run_id, step, share, measurement FROM measurements ORDER BY run_id, step")
        with without_collecting():
            for row in rows:
                found.setdefault(row[0], []).append(read_measurement(*row))
        return found

    def val_nlls(self) -> dict[str, list[tuple[float, float]]]:
        """Share of the budget spent and validation NLL of all evaluations in order, by run; a sixth of the time."""
        found: dict[str, list[tuple[float, float]]] = {}
        for run_id, step, share, val_nll, text in self._db.execute(
            "SELECT run_id, step, share, json_extract(measurement, '$.val_nll'), measurement FROM measurements "
            "ORDER BY run_id, step"
        ):
            unsealed(text, f"measurement of `{run_id}`", run_id, step, share)
            found.setdefault(run_id, []).append((share, val_nll))
        return found

    def checkpoints(self, run_id: str) -> tuple[tuple[int, str, str], ...]:
        """A run's acknowledged checkpoints, newest first: step, file, sha256."""
        rows = self._db.execute(
            "SELECT step, file, sha256 FROM checkpoints WHERE run_id = ? ORDER BY step DESC", (run_id,)
        )
        return tuple(rows.fetchall())

    def checkpoint_step(self, run_id: str) -> int:
        """The step of a run's newest acknowledged checkpoint; 0 without one."""
        (step,) = self._db.execute("SELECT max(step) FROM checkpoints WHERE run_id = ?", (run_id,)).fetchone()
        return step or 0

    def spent_flops(self) -> int:
        """FLOPs charged so far, those of lost work included."""
        (charged,) = self._db.execute("SELECT coalesce(sum(charged), 0) FROM runs").fetchone()
        return charged

    def reserved_flops(self) -> int:
        """FLOPs reserved for the runs in flight."""
        (reserved,) = self._db.execute("SELECT coalesce(sum(reserved), 0) FROM runs").fetchone()
        return reserved

    def states(self) -> dict[State, int]:
        """How many runs are in each state."""
        return dict(self._db.execute("SELECT state, count(*) FROM runs GROUP BY state").fetchall())

    def _insert(self, records: tuple[Record, ...]) -> None:
        for record in records:
            row = (record.run_id, record.trial, record.seed, record.state, 0, 0, 0, sealed_record(record))
            self._db.execute("INSERT INTO runs VALUES (?, ?, ?, ?, ?, ?, ?, ?, 0)", row)

    def _put_back(self, run_id: str, lost: int) -> None:
        self._db.execute(
            "UPDATE runs SET state = 'waiting', lease = lease + 1, charged = charged + ?, claimed = 0 "
            "WHERE run_id = ? AND state = 'running'",
            (lost, run_id),
        )
        self._forget_after(run_id, self.checkpoint_step(run_id))

    def _forget_after(self, run_id: str, step: int) -> None:
        self._db.execute("DELETE FROM measurements WHERE run_id = ? AND step > ?", (run_id, step))

    def _is_current(self, lease: Lease) -> bool:
        row = self._db.execute("SELECT lease, state FROM runs WHERE run_id = ?", (lease.run_id,)).fetchone()
        return row == (lease.token, "running")


@contextmanager
def writing(folder: Path) -> Iterator[Ledger]:
    """Open (or begin) the ledger of a sweep as its only writer.

    Raises:
        InputError: when another process has it open to write, or the folder cannot be written.
    """
    with held(folder):
        _ensure_file(folder)
        _ensure_not_lost(folder)
        connection = sqlite3.connect(folder / FILE)
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = FULL")
            _ensure_schema(connection, folder)
            yield Ledger(connection, folder)
        except (sqlite3.DatabaseError, UnicodeDecodeError) as error:  # the second: in SQLite's own message
            raise unusable(folder / FILE, error) from error
        finally:
            connection.close()


def is_begun(folder: Path) -> bool:
    """Whether a sweep has a ledger that can be read: a kill may leave an empty one, which its command begins anew."""
    if not (folder / FILE).exists():
        return False
    if not (folder / FILE).is_file():
        return True  # whoever reads it will say what is wrong
    connection = _connected_to_read(folder)
    try:
        return connection.execute("PRAGMA user_version").fetchone() != (0,)
    except (sqlite3.DatabaseError, UnicodeDecodeError):
        return True  # whoever reads it will say what is wrong
    finally:
        connection.close()


@contextmanager
def reading(folder: Path) -> Iterator[Ledger]:
    """Open the ledger of a sweep read-only; the sweep may be running."""
    if not is_begun(folder):
        if folder.is_dir():
            _ensure_not_lost(folder)
        raise InputError(
            f"no sweep `{folder.name}` in {folder.parent}", hint="`tlm-sweeps list` shows the sweeps there are"
        )
    _ensure_file(folder)
    connection = _connected_to_read(folder)
    try:
        _ensure_version(connection, folder)
        yield Ledger(connection, folder)
    except (sqlite3.DatabaseError, UnicodeDecodeError) as error:
        raise unusable(folder / FILE, error) from error
    finally:
        connection.close()


def _connected_to_read(folder: Path) -> sqlite3.Connection:
    return sqlite3.connect(f"{(folder / FILE).resolve().as_uri()}?mode=ro", uri=True, timeout=30)


def _ensure_file(folder: Path) -> None:
    if (folder / FILE).is_dir():
        raise RunError(f"the ledger of `{folder.name}` is no file", place=str(folder / FILE), hint=_PUT_BACK)


def _ensure_not_lost(folder: Path) -> None:
    """Runs without a ledger are somebody's results: nothing is trained over them."""
    if not is_begun(folder) and any(path.is_dir() for path in folder.glob(f"{folder.name}-*")):
        is_gone = "empty" if (folder / FILE).exists() else "gone"
        raise InputError(f"{folder} holds runs, but its {FILE} is {is_gone}", hint=_PUT_BACK)


def _ensure_schema(connection: sqlite3.Connection, folder: Path) -> None:
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if version == 0:
        connection.executescript(f"BEGIN; {_SCHEMA} PRAGMA user_version = {_VERSION}; COMMIT;")
    _ensure_version(connection, folder)
    connection.executescript(_ADDED_LATER)


def _ensure_version(connection: sqlite3.Connection, folder: Path) -> None:
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if version != _VERSION:
        raise RunError(
            f"the ledger of {folder.name} has format {version}, this program reads {_VERSION}",
            hint="use the version of tlm-sweeps that wrote it",
        )
