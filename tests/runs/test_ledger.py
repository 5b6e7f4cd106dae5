"""The ledger: durable, one writer, stale leases refused, the pool never overspent."""

import shutil
import sqlite3
import subprocess
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from tlm_sweeps.errors import InputError, RunError
from tlm_sweeps.runs.ledger import Lease, Ledger, Proposal, is_begun, reading, writing
from tlm_sweeps.runs.record import Measurement, Provenance, Record, State

NOW = "2026-01-01T00:00:00+00:00"


def record(run_id: str, trial: int = 0, state: State = "waiting") -> Record:
    return Record(run_id=run_id, sweep="s", trial=trial, seed=0, state=state, settings={}, spec={}, fingerprint="f")


def proposal(number: int) -> Proposal:
    return Proposal(number, 100, None, {"model.depth": 2}, "trial", "", f"f{number}", {"state": "x"})


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


def with_run(ledger: Ledger, run_id: str = "r0", number: int = 0) -> None:
    ledger.propose(proposal(number), (record(run_id, number),))


def test_what_was_written_is_read_back(tmp_path: Path):
    with writing(tmp_path / "s") as ledger:
        with_run(ledger)
        lease = ledger.start("r0", 100, None, NOW)
        assert lease is not None
        assert ledger.report(lease, 0.5, measurement(5))
        assert ledger.checkpoint(lease, 5, "five.safetensors", "abc")
        assert ledger.checkpoint_step("r0") == 5
        assert ledger.settle(lease, record("r0", state="complete"), 90)
    with reading(tmp_path / "s") as ledger:
        assert ledger.proposals() == (proposal(0),)
        assert [each.state for each in ledger.records()] == ["complete"]
        assert ledger.measurements("r0") == ((0.5, measurement(5)),)
        assert (ledger.spent_flops(), ledger.reserved_flops()) == (90, 0)


def test_all_curves_are_those_of_the_runs(tmp_path: Path):
    with writing(tmp_path / "s") as ledger:
        for number in range(3):
            with_run(ledger, f"r{number}", number)
        for run_id, steps in (("r1", (5, 10, 20)), ("r0", (7,))):
            lease = ledger.start(run_id, 100, None, NOW)
            assert lease is not None
            for step in steps:
                ledger.report(lease, step / 20, measurement(step))
        curves, val_nlls = ledger.curves(), ledger.val_nlls()
        for run_id in ("r0", "r1"):
            measured = ledger.measurements(run_id)
            assert curves[run_id] == [each for _, each in measured]
            assert val_nlls[run_id] == [(share, each.val_nll) for share, each in measured]
        assert curves.keys() == val_nlls.keys() == {"r0", "r1"}, "what was never measured has no curve"


def test_settings_that_came_to_nothing_are_counted_and_baselines_are_not(tmp_path: Path):
    with writing(tmp_path / "s") as ledger:
        for number, (verdict, baseline) in enumerate(
            [("trial", None), ("infeasible", None), ("duplicate", None), ("infeasible", "mlp")]
        ):
            ledger.propose(replace(proposal(number), verdict=verdict, baseline=baseline), ())
        assert ledger.unusable_proposals() == 2


def test_a_result_with_an_old_lease_is_refused(tmp_path: Path):
    with writing(tmp_path / "s") as ledger:
        with_run(ledger)
        old = ledger.start("r0", 100, None, NOW)
        ledger.release("r0")
        new = ledger.start("r0", 100, None, NOW)
        assert old is not None
        assert new is not None
        assert not ledger.settle(old, record("r0", state="complete"), 90)
        assert not ledger.report(old, 0.5, measurement(5))
        assert not ledger.checkpoint(old, 5, "file", "sha")
        assert ledger.spent_flops() == 0
        assert ledger.settle(new, record("r0", state="complete"), 90)
        assert not ledger.settle(new, record("r0", state="complete"), 90), "settled once"


def test_a_run_is_started_once(tmp_path: Path):
    with writing(tmp_path / "s") as ledger:
        with_run(ledger)
        ledger.start("r0", 1, None, NOW)
        with pytest.raises(RunError, match="not waiting"):
            ledger.start("r0", 1, None, NOW)


def test_a_second_writer_is_told_who_has_the_sweep(tmp_path: Path):
    holder = "import sys, time; from pathlib import Path; from tlm_sweeps.runs.ledger import writing\n"
    holder += "with writing(Path(sys.argv[1])): print('held', flush=True); sys.stdin.read()"
    command = [sys.executable, "-c", holder, str(tmp_path / "s")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        with pytest.raises(InputError, match=f"as pid {process.pid} on .* since 2") as told, writing(tmp_path / "s"):
            pass
        assert f"`kill {process.pid}`" in told.value.problems[0].hint
        with reading(tmp_path / "s") as ledger:
            assert ledger.records() == ()
        process.kill()
    with writing(tmp_path / "s") as ledger:
        assert ledger.records() == (), "a dead holder's lock is free"


def test_an_unwritable_folder_is_the_users_to_mend(tmp_path: Path):
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="cannot write"), writing(tmp_path / "file" / "s"):
        pass


def test_a_missing_sweep_is_named(tmp_path: Path):
    with pytest.raises(InputError, match="no sweep `s`"), reading(tmp_path / "s"):
        pass


def test_a_reader_cannot_write(tmp_path: Path):
    with writing(tmp_path / "s") as ledger:
        with_run(ledger)
    with pytest.raises(RunError, match="readonly"), reading(tmp_path / "s") as ledger:
        ledger.release("r0")


def test_a_damaged_ledger_is_named_to_readers_and_to_its_writer(tmp_path: Path):
    with writing(tmp_path / "s") as ledger:
        for number in range(50):
            with_run(ledger, f"r{number}", number)
    path = tmp_path / "s" / "ledger.sqlite"
    path.write_bytes(path.read_bytes()[:3000])
    with pytest.raises(RunError, match="cannot be used"), reading(tmp_path / "s") as ledger:
        ledger.records()
    with pytest.raises(RunError, match="cannot be used"), writing(tmp_path / "s") as ledger:
        ledger.records()


def test_runs_whose_ledger_is_gone_are_not_trained_over(tmp_path: Path):
    with writing(tmp_path / "s") as ledger:
        with_run(ledger)
    (tmp_path / "s" / "s-0000-s0").mkdir()
    (tmp_path / "s" / "ledger.sqlite").unlink()
    with pytest.raises(InputError, match=r"holds runs, but its ledger\.sqlite is gone"), writing(tmp_path / "s"):
        pass


def test_what_was_measured_after_the_checkpoint_is_forgotten_with_the_lease(tmp_path: Path):
    with writing(tmp_path / "s") as ledger:
        with_run(ledger)
        lease = ledger.start("r0", 100, None, NOW)
        assert lease is not None
        for step in (5, 10, 15):
            ledger.report(lease, step / 20, measurement(step))
        ledger.checkpoint(lease, 10, "ten", "abc")
        ledger.claim(lease, 17)
        assert ledger.claimed("r0") == 17
        ledger.release("r0", lost=7)
        assert [kept.step for _, kept in ledger.measurements("r0")] == [5, 10]
        assert (ledger.claimed("r0"), ledger.spent_flops()) == (0, 7)
        again = ledger.start("r0", 100, None, NOW)
        assert again is not None
        ledger.fall_back(again, 0, lost=10)
        assert ledger.measurements("r0") == ()
        assert ledger.checkpoints("r0") == ()
        assert ledger.spent_flops() == 17


def test_a_run_says_which_commits_trained_it_and_not_which_one_planned_it(tmp_path: Path):
    planned, second, third = (
        Provenance(
            commit=name, dirty=name == "b", threads=1, argv=(name,), corpus={"fingerprint": "f"} if name == "a" else {}
        )
        for name in "abc"
    )
    with writing(tmp_path / "s") as ledger:
        ledger.propose(proposal(0), (record("r0").model_copy(update={"provenance": planned}),))
        began = ledger.start("r0", 100, None, NOW, second.model_copy(update={"threads": 8}))
        assert began is not None
        trained = ledger.record("r0").provenance
        assert (trained.commit, trained.argv, trained.earlier_commits) == ("b", ("b",), ()), "nothing of a's is in it"
        assert (trained.threads, trained.corpus) == (1, {"fingerprint": "f"}), "the run's own"
        ledger.checkpoint(began, 10, "ten", "abc")
        for by in (third, third):
            ledger.release("r0")
            assert ledger.start("r0", 100, None, NOW, by) is not None
        resumed = ledger.record("r0").provenance
        assert (resumed.commit, resumed.earlier_commits) == ("c", ("b",))
        assert resumed.dirty, "its first steps were"


def test_a_ledger_of_another_format_is_refused(tmp_path: Path):
    with writing(tmp_path / "s"):
        pass
    with sqlite3.connect(tmp_path / "s" / "ledger.sqlite") as connection:
        connection.execute("PRAGMA user_version = 99")
    connection.close()
    with pytest.raises(RunError, match="format 99"), reading(tmp_path / "s"):
        pass


class Pool(RuleBasedStateMachine):
    """Runs start, checkpoint, end, are put down and lost; the process dies and comes back. The pool holds."""

    TOTAL = 1000
    COST = 130

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp())
        self.open()
        self.leases: dict[str, Lease] = {}
        self.number = 0
        self.spent_for_real = 0

    def open(self) -> None:
        self.context = writing(self.folder / "s")
        self.ledger = self.context.__enter__()

    def teardown(self) -> None:
        self.context.__exit__(None, None, None)
        shutil.rmtree(self.folder)

    def waiting(self) -> list[str]:
        return [each.run_id for each in self.ledger.records() if each.state == "waiting"]

    @rule()
    def propose(self) -> None:
        with_run(self.ledger, f"r{self.number}", self.number)
        self.number += 1

    @precondition(lambda self: self.waiting())
    @rule(data=st.data())
    def start(self, data: st.DataObject) -> None:
        run_id = data.draw(st.sampled_from(self.waiting()))
        lease = self.ledger.start(run_id, self.COST, self.TOTAL, NOW)
        if lease is not None:
            self.leases[run_id] = lease

    @precondition(lambda self: self.leases)
    @rule(data=st.data(), spent=st.integers(0, COST), state=st.sampled_from(["complete", "failed", "pruned"]))
    def end(self, data: st.DataObject, spent: int, state: State) -> None:
        run_id = data.draw(st.sampled_from(sorted(self.leases)))
        lease = self.leases.pop(run_id)
        ended = self.ledger.record(run_id).model_copy(update={"state": state})
        assert self.ledger.settle(lease, ended, spent)
        self.spent_for_real += spent
        assert not self.ledger.settle(lease, ended, spent)

    @precondition(lambda self: self.leases)
    @rule(data=st.data(), lost=st.integers(0, 40))
    def lose(self, data: st.DataObject, lost: int) -> None:
        """A worker dies after its last checkpoint: the work after it was spent and will be again."""
        used = self.ledger.spent_flops() + self.ledger.reserved_flops()
        lost = min(lost, self.TOTAL - used)
        run_id = data.draw(st.sampled_from(sorted(self.leases)))
        del self.leases[run_id]
        self.ledger.release(run_id, lost)
        self.spent_for_real += lost

    @rule()
    def die_and_come_back(self) -> None:
        self.context.__exit__(None, None, None)
        self.open()
        for each in self.ledger.records():
            if each.state == "running":
                self.ledger.release(each.run_id)
        self.leases.clear()

    @invariant()
    def never_overspent(self) -> None:
        assert self.ledger.spent_flops() == self.spent_for_real
        assert self.ledger.spent_flops() + self.ledger.reserved_flops() <= self.TOTAL

    @invariant()
    def leases_are_the_running_runs(self) -> None:
        running = {each.run_id for each in self.ledger.records() if each.state == "running"}
        assert running == set(self.leases)


TestPool = Pool.TestCase
TestPool.settings = settings(max_examples=30, stateful_step_count=30, deadline=None)


def test_an_empty_ledger_that_a_kill_has_left_is_no_sweep_and_is_begun_anew(tmp_path: Path):
    (tmp_path / "s").mkdir()
    (tmp_path / "s" / "ledger.sqlite").touch()
    assert not is_begun(tmp_path / "s")
    with pytest.raises(InputError, match="no sweep `s`"), reading(tmp_path / "s"):
        pass
    with writing(tmp_path / "s") as ledger:
        ledger.set_meta({"spec": "{}"})
    assert is_begun(tmp_path / "s")
    with reading(tmp_path / "s") as ledger:
        assert ledger.meta("spec") == "{}"
