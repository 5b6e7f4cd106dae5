"""Whatever happens to runs, in whatever order, the ledger's promises hold; and broken ledgers are seen to be broken.

The machine keeps its own books of what it did, in plain dictionaries, and compares them with what SQLite holds.
"""

import shutil
import sqlite3
import tempfile
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from tlm_sweeps.runs.ledger import Lease, Ledger, Proposal, writing
from tlm_sweeps.runs.record import Measurement, Provenance, Record, State

NOW = "2026-01-01T00:00:00+00:00"
COST = 100
"""FLOPs of a run, which has as many steps."""
RUNS_IN_THE_POOL = 3
ENDS: tuple[State, ...] = ("complete", "failed", "pruned")


def record(run_id: str, trial: int, run_seed: int, state: State = "waiting") -> Record:
    return Record(
        run_id=run_id, sweep="s", trial=trial, seed=run_seed, state=state, settings={}, spec={}, fingerprint="f"
    )


def measurement(step: int) -> Measurement:
    return Measurement(
        step=step,
        epochs=0.1,
        train_flops={"matmul": step},
        train_nll=2.0,
        val_nll=2.5,
        learning_rate=1e-3,
        wall_seconds=1.0,
    )


@dataclass
class Book:
    """What was truly done with one run."""

    trial: int
    seed: int
    state: State = "waiting"
    spent: int = 0
    """FLOPs that were truly computed, those of lost work included."""
    reserved: int = 0
    step: int = 0
    """Where the run stands."""
    saved: list[int] = field(default_factory=list)
    """Steps of its checkpoints."""
    seen: set[int] = field(default_factory=set)
    """Steps at which it was measured and that are not to be measured again."""
    deaths: int = 0
    reached: int = 0
    """Its step when it had ended."""
    final: str | None = None
    """Its row when it had ended."""

    @property
    def charged(self) -> int:
        """What the ledger should have charged: what was computed beyond what a reservation still holds."""
        return self.spent - self.step

    def newest(self) -> int:
        return max(self.saved, default=0)

    def go_back(self, step: int) -> None:
        """What comes after the step will be done, and spent, again."""
        self.step = step
        self.saved = [each for each in self.saved if each <= step]
        self.seen = {each for each in self.seen if each <= step}


class Ledgers(RuleBasedStateMachine):
    """Trials of two seeds are proposed; runs start, report, checkpoint, are put down, die, fall back and end."""

    def __init__(self, kind: type[Ledger] = Ledger) -> None:
        super().__init__()
        self.kind = kind
        self.folder = Path(tempfile.mkdtemp())
        self.books: dict[str, Book] = {}
        self.current: dict[str, Lease] = {}
        self.given_up: dict[str, Lease] = {}
        self.total = self.largest_total = COST * RUNS_IN_THE_POOL
        self.come()

    def come(self) -> None:
        self.context = writing(self.folder / "s")
        self.context.__enter__()  # for its lock and its tables
        file = self.folder / "s" / "ledger.sqlite"
        self.ledger, self.db = self.kind(sqlite3.connect(file), file.parent), sqlite3.connect(file)

    def go(self) -> None:
        self.db.close()
        self.ledger.close()
        self.context.__exit__(None, None, None)

    def teardown(self) -> None:
        self.go()
        shutil.rmtree(self.folder)

    def in_state(self, state: State) -> list[str]:
        return sorted(run_id for run_id, book in self.books.items() if book.state == state)

    def some(self, data: st.DataObject, runs: list[str]) -> list[str]:
        return data.draw(st.lists(st.sampled_from(runs), min_size=1, unique=True))

    def left(self, without: Book) -> int:
        """Of the pool, as if a run had no reservation yet."""
        return self.total + without.reserved - sum(book.charged + book.reserved for book in self.books.values())

    def rows(self) -> dict[str, dict[str, Any]]:
        cursor = self.db.execute("SELECT * FROM runs")
        names = [each[0] for each in cursor.description]
        return {row[0]: dict(zip(names, row, strict=True)) for row in cursor}

    def put_back(self, run_id: str) -> None:
        """A lease ends without an end of its run."""
        book = self.books[run_id]
        self.given_up[run_id] = self.current.pop(run_id)
        book.state = "waiting"
        book.go_back(book.newest())

    # --- what happens

    @initialize()
    def begin(self) -> None:
        self.propose()

    @rule()
    def propose(self) -> None:
        trial = len(self.books) // 2
        proposed = Proposal(trial, COST, None, {"model.depth": trial}, "trial", "", f"f{trial}", {})
        records = tuple(record(f"r{trial}-{each}", trial, each) for each in (0, 1))
        self.ledger.propose(proposed, records)
        self.books |= {each.run_id: Book(trial, each.seed) for each in records}
        with pytest.raises(sqlite3.IntegrityError):  # as a coordinator that has forgotten would: no row is left of it
            self.ledger.propose(proposed, (record(f"again-{trial}", trial, 7),))

    @precondition(lambda self: self.in_state("waiting"))
    @rule(data=st.data())
    def start(self, data: st.DataObject) -> None:
        for run_id in self.some(data, self.in_state("waiting")):
            book = self.books[run_id]
            fits = self.left(book) >= COST
            lease = self.ledger.start(run_id, COST, self.total, NOW)
            assert (lease is not None) == fits, f"{self.left(book)} FLOPs are left for {COST}"
            if lease is not None:
                book.state, book.reserved = "running", COST
                self.current[run_id] = lease

    @precondition(lambda self: self.current)
    @rule(data=st.data(), steps=st.integers(1, 40), saves=st.booleans())
    def train_on(self, data: st.DataObject, steps: int, saves: bool) -> None:
        for run_id in self.some(data, sorted(self.current)):
            book, lease = self.books[run_id], self.current[run_id]
            done = min(book.step + steps, COST) - book.step
            book.step, book.spent = book.step + done, book.spent + done
            assert self.ledger.report(lease, book.step / COST, measurement(book.step))
            book.seen.add(book.step)
            if saves:
                assert self.ledger.checkpoint(lease, book.step, f"step-{book.step}", "sha")
                book.saved.append(book.step)

    @precondition(lambda self: self.current)
    @rule(data=st.data(), dies=st.booleans())
    def be_put_down_or_die(self, data: st.DataObject, dies: bool) -> None:
        for run_id in self.some(data, sorted(self.current)):
            book, lease = self.books[run_id], self.current[run_id]
            lost = book.step - book.newest()
            if dies:
                book.deaths += 1
                assert self.ledger.bury(lease, book.step, "signal 9", NOW, lost) == book.deaths
            else:
                self.ledger.release(run_id, lost)
            self.put_back(run_id)

    @precondition(lambda self: any(self.books[each].saved for each in self.current))
    @rule(data=st.data())
    def fall_back(self, data: st.DataObject) -> None:
        """The newest checkpoint was damaged: it is gone on from the one before it."""
        able = sorted(each for each in self.current if self.books[each].saved)
        book = self.books[run_id := data.draw(st.sampled_from(able))]
        before = sorted({0, *book.saved})[-2]
        self.ledger.fall_back(self.current[run_id], before, book.step - before)
        book.go_back(before)

    @rule(data=st.data(), state=st.sampled_from(ENDS))
    def end(self, data: st.DataObject, state: State) -> None:
        """A run that trains, or one that waits and will not be trained on."""
        run_id = data.draw(st.sampled_from([*self.in_state("running"), *self.in_state("waiting")] or [""]))
        if not run_id:
            return
        book, lease = self.books[run_id], self.current.pop(run_id, None)
        ended = record(run_id, book.trial, book.seed, state)
        if lease is None:
            self.ledger.end_waiting(ended, book.step)
        else:
            assert self.ledger.settle(lease, ended, book.step)
            self.given_up[run_id] = lease
        self.over(run_id, state)

    @precondition(lambda self: self.given_up)
    @rule()
    def workers_that_were_given_up_speak(self) -> None:
        """They write nothing, whatever they say: every table is as it was."""
        before = self.everything()
        for run_id, lease in self.given_up.items():
            book = self.books[run_id]
            assert not self.ledger.report(lease, 0.99, measurement(99))
            assert not self.ledger.checkpoint(lease, 99, "step-99", "zombie")
            assert not self.ledger.settle(lease, record(run_id, book.trial, book.seed, "complete"), COST)
            self.ledger.claim(lease, COST)
            self.ledger.fall_back(lease, 0, 50)
            assert self.ledger.bury(lease, 99, "signal 9", NOW, 50) == book.deaths
        assert self.everything() == before

    @rule(more=st.integers(0, 2))
    def all_die_and_come_back(self, more: int) -> None:
        """Perhaps with another total: what was granted under the old one stays granted."""
        self.go()
        self.come()
        for run_id in sorted(self.current):
            book = self.books[run_id]
            self.ledger.release(run_id, book.step - book.newest())
            self.put_back(run_id)
        self.total = COST * (RUNS_IN_THE_POOL + more)
        self.largest_total = max(self.total, self.largest_total)

    def over(self, run_id: str, state: State) -> None:
        book = self.books[run_id]
        book.reached, book.final = book.step, str(self.rows()[run_id])
        book.state, book.reserved, book.step, book.saved = state, 0, 0, []

    def everything(self) -> dict[str, list[Any]]:
        tables = ("sweep", "proposals", "runs", "measurements", "checkpoints", "deaths")
        return {table: self.db.execute(f"SELECT * FROM {table} ORDER BY 1, 2").fetchall() for table in tables}  # noqa: S608

    # --- what holds

    @invariant()
    def states_and_reservations_are_those_of_the_books(self) -> None:
        rows = self.rows()
        assert rows.keys() == self.books.keys(), "none lost, none twice"
        for run_id, book in self.books.items():
            row = rows[run_id]
            assert (row["state"], row["reserved"]) == (book.state, book.reserved), run_id
        trials = Counter((row["trial"], row["seed"]) for row in rows.values())
        assert set(trials.values()) <= {1}

    @invariant()
    def no_settled_run_changes(self) -> None:
        rows = self.rows()
        for run_id, book in self.books.items():
            assert book.final in (None, str(rows[run_id]))

    @invariant()
    def what_was_measured_and_saved_is_known_once(self) -> None:
        for run_id, book in self.books.items():
            steps = [step for (step,) in self.db.execute("SELECT step FROM measurements WHERE run_id = ?", (run_id,))]
            assert sorted(steps) == sorted(book.seen)
            assert {step for step, _, _ in self.ledger.checkpoints(run_id)} == set(book.saved)

    @invariant()
    def each_run_is_charged_what_it_computed(self) -> None:
        rows = self.rows()
        assert {run_id: rows[run_id]["charged"] for run_id in rows} == {
            run_id: book.charged for run_id, book in self.books.items()
        }

    @invariant()
    def the_pool_is_never_overspent(self) -> None:
        """But by work that was lost and done again, which is charged besides."""
        once = sum(max(book.step, book.reached) for book in self.books.values())
        assert once <= self.largest_total


Ledgers.TestCase.settings = settings(max_examples=25, stateful_step_count=30, deadline=None)
TestLedgers = Ledgers.TestCase


class Unfenced(Ledger):
    """Takes whatever lease it is shown for the present one."""

    def renewed(self, lease: Lease) -> Lease:
        with sqlite3.connect(self.folder / "ledger.sqlite") as db:
            (token,) = db.execute("SELECT lease FROM runs WHERE run_id = ?", (lease.run_id,)).fetchone()
        db.close()
        return Lease(lease.run_id, token)

    def report(self, lease: Lease, share: float, measurement: Measurement) -> bool:
        return super().report(self.renewed(lease), share, measurement)

    def checkpoint(self, lease: Lease, step: int, file: str, sha256: str) -> bool:
        return super().checkpoint(self.renewed(lease), step, file, sha256)

    def settle(self, lease: Lease, record: Record, charged: int) -> bool:
        return super().settle(self.renewed(lease), record, charged)


class Unreserved(Ledger):
    """Looks whether the pool holds a run, and reserves nothing of it."""

    def start(self, run_id: str, reserve: int, total: int | None, now: str, by: Provenance | None = None):
        fits = total is None or self.spent_flops() + reserve <= total
        return super().start(run_id, 0, None, now, by) if fits else None


class Unchecked(Ledger):
    """Reserves, and does not look whether the pool holds it."""

    def start(self, run_id: str, reserve: int, total: int | None, now: str, by: Provenance | None = None):
        assert total is not None
        return super().start(run_id, reserve, None, now, by)


class Lenient(Ledger):
    """Charges nothing for work that is lost."""

    def release(self, run_id: str, lost: int = 0) -> None:
        super().release(run_id, min(lost, 0))


class Unforgetting(Ledger):
    """Lets a run whose worker died keep what it measured after its checkpoint."""

    def bury(self, lease: Lease, step: int, how: str, now: str, lost: int) -> int:
        kept = self.measurements(lease.run_id)
        deaths = super().bury(lease, step, how, now, lost)
        with sqlite3.connect(self.folder / "ledger.sqlite") as db:
            for share, each in kept:
                row = (lease.run_id, each.step, share, each.model_dump_json())
                db.execute("INSERT OR REPLACE INTO measurements VALUES (?, ?, ?, ?)", row)
        db.close()
        return deaths


@pytest.mark.parametrize("mutant", [Unfenced, Unreserved, Unchecked, Lenient, Unforgetting])
def test_a_ledger_that_breaks_a_promise_is_caught(mutant: type[Ledger]):
    tried = 0

    class OnMutant(Ledgers):
        def __init__(self) -> None:
            nonlocal tried
            tried += 1
            super().__init__(mutant)

    sought = settings(
        max_examples=300,
        stateful_step_count=30,
        deadline=None,
        database=None,
        derandomize=True,
        phases=[Phase.generate],
        report_multiple_bugs=False,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large],
    )
    with pytest.raises(AssertionError) as caught:
        run_state_machine_as_test(OnMutant, settings=sought)
    where = caught.traceback[-1].name  # `pytest -rP` shows it
    print(f"{mutant.__name__}: caught in example {tried} by {where}")
