"""What a coordinator does with what an earlier one left behind when it was killed at a bad moment.

The worker is played from a script here, so that the moment can be chosen; the ledger, the search and the plan are
real. A copy of the folder is what a kill -9 leaves.
"""

import shutil
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import pytest

from tlm_sweeps.corpora.texts import facts_reader
from tlm_sweeps.runs.ledger import Ledger, reading, writing
from tlm_sweeps.runs.record import Measurement, Provenance
from tlm_sweeps.search.coordinator import Coordinator
from tlm_sweeps.search.messages import Advanced, Checkpointed, Ended, Measured, Message, Pause, TakenUp, TrainOrder
from tlm_sweeps.search.progress import SweepProgress
from tlm_sweeps.spec.sweep import SweepSpec

Tiny = Callable[..., SweepSpec]
Script = Callable[[TrainOrder], Iterable[Message]]


def silence(_: TrainOrder) -> Iterable[Message]:
    return []


class ScriptedPool:
    """One worker that says what the script says, and pauses when asked."""

    def __init__(self, script: Script) -> None:
        self._script = script
        self._lines: deque[Message] = deque()
        self._order: TrainOrder | None = None

    def present(self) -> Sequence[int]:
        return [0]

    def processor_of(self, worker: int) -> str | None:
        assert worker == 0

    def send(self, worker: int, message: Message) -> None:
        assert worker == 0
        if isinstance(message, TrainOrder):
            self._order, self._lines = message, deque(self._script(message))
        elif isinstance(message, Pause) and self._order:
            self._lines = deque([Ended(run_id=self._order.run_id, lease=self._order.lease, state="paused")])

    def wait(self, seconds: float) -> Sequence[tuple[int, Any]]:
        assert seconds > 0
        return [(0, self._lines.popleft())] if self._lines else []


def coordinator(spec: SweepSpec, ledger: Ledger, script: Script) -> Coordinator:
    pool: Any = ScriptedPool(script)
    return Coordinator(spec, ledger, pool, facts_reader(), Provenance(), "fingerprint")


def killed(spec: SweepSpec, folder: Path, script: Script, when: Callable[[SweepProgress], bool]) -> Path:
    """What is left of a sweep that is killed at a moment: a folder beside its own."""
    left = folder.with_name(folder.name + "-left")
    with writing(folder) as ledger:
        for progress in coordinator(spec, ledger, script).run():
            if when(progress):
                shutil.copytree(folder, left)
                break
    return left


def said(order: TrainOrder, kind: type, **fields: Any) -> Any:
    return kind(run_id=order.run_id, lease=order.lease, **fields)


def measured(order: TrainOrder, step: int) -> Measured:
    measurement = Measurement(
        step=step, epochs=1, train_flops={}, train_nll=2, val_nll=2, learning_rate=1, wall_seconds=1
    )
    return said(order, Measured, share=step / order.steps, measurement=measurement)


@pytest.fixture
def spec(tiny: Tiny) -> SweepSpec:
    return tiny(search={}, engine={})


def test_lost_work_is_charged_once_however_often_the_sweep_is_killed_again(spec: SweepSpec, tmp_path: Path):
    def half(order: TrainOrder) -> Iterable[Message]:
        return [said(order, TakenUp, step=0), measured(order, order.steps // 2)]

    left = killed(spec, tmp_path / "one", half, lambda now: bool(now.running) and now.running[0].share >= 0.49)
    again = killed(spec, left, silence, lambda now: bool(now.running))
    with reading(again) as ledger:
        charged = ledger.spent_flops()
        assert 0.48e9 <= charged <= 0.5e9
    with writing(again) as ledger:
        coordinator(spec, ledger, silence)
        assert ledger.spent_flops() == charged


def test_work_before_the_first_evaluation_is_charged_too(spec: SweepSpec, tmp_path: Path):
    def tenth(order: TrainOrder) -> Iterable[Message]:
        return [said(order, TakenUp, step=0), said(order, Advanced, step=order.steps // 10)]

    left = killed(spec, tmp_path / "one", tenth, lambda now: bool(now.running) and now.running[0].share > 0.09)
    with writing(left) as ledger:
        coordinator(spec, ledger, silence)
        assert 0.09e9 <= ledger.spent_flops() <= 1e9, "at least what was spent, at most the budget"


def test_a_word_of_a_lease_that_has_ended_is_not_heard(spec: SweepSpec, tmp_path: Path):
    def late(order: TrainOrder) -> Iterable[Message]:
        stale = {"run_id": order.run_id, "lease": order.lease - 1}
        return [
            Ended(**stale, state="complete", results={"val_nll": 1.0}, train_flops={"matmul": 7}),
            said(order, Ended, state="complete", results={"val_nll": 2.0}, train_flops={"matmul": 9}),
        ]

    with writing(tmp_path / "s") as ledger:
        list(coordinator(spec, ledger, late).run())
        assert [record.val_nll for record in ledger.records()] == [2.0]
        assert ledger.spent_flops() == 9


def test_a_damaged_checkpoint_costs_what_is_trained_again(spec: SweepSpec, tmp_path: Path):
    def checkpointed(order: TrainOrder) -> Iterable[Message]:
        step = order.steps // 2
        return [said(order, TakenUp, step=0), said(order, Checkpointed, step=step, name="half", sha256="x")]

    with writing(tmp_path / "s") as ledger:
        for _ in coordinator(spec, ledger, checkpointed).run():
            if ledger.checkpoint_step(ledger.records()[0].run_id):
                break
    with writing(tmp_path / "s") as ledger:
        charged = 0
        for _ in coordinator(spec, ledger, lambda order: [said(order, TakenUp, step=0)]).run():
            charged = ledger.spent_flops()
            if charged:
                break
        assert 0.48e9 <= charged <= 0.5e9
        assert ledger.checkpoints(ledger.records()[0].run_id) == ()


def test_a_trial_whose_first_seed_had_just_been_stopped_is_closed(tiny: Tiny, tmp_path: Path):
    spec = tiny(seeds=2, engine={"sampler": "random", "trials": 1, "pruner": "median"})
    left = killed(spec, tmp_path / "one", silence, lambda now: bool(now.running))
    with writing(left) as ledger:
        first = ledger.records()[0]
        ledger.release(first.run_id)
        lease = ledger.start(first.run_id, 1, None, "now")
        assert lease is not None
        ledger.settle(lease, first.model_copy(update={"state": "pruned", "reason": "stopped"}), 10)
    with writing(left) as ledger:
        pictures = list(coordinator(spec, ledger, silence).run())
        assert pictures[-1].trials_over == 1
        assert [record.state for record in ledger.records()] == ["pruned", "pruned"]
        assert all("first seed" in each.reason for each in ledger.records()[1:])


def test_a_run_that_the_total_no_longer_holds_ends_with_what_it_spent(tiny: Tiny, tmp_path: Path):
    spec = tiny(search={}, engine={}, budget={"flops": 1e9, "total": 1e9})

    def checkpointed(order: TrainOrder) -> Iterable[Message]:
        step = order.steps // 2
        return [
            said(order, TakenUp, step=0),
            said(order, Checkpointed, step=step, name="half", sha256="x"),
            measured(order, order.steps * 3 // 4),
        ]

    left = killed(spec, tmp_path / "one", checkpointed, lambda now: bool(now.running) and now.running[0].share >= 0.7)
    with writing(left) as ledger:
        list(coordinator(spec, ledger, silence).run())
        (record,) = ledger.records()
        assert (record.state, record.reason) == ("failed", "the sweep's total is spent")
        assert record.train_flops is not None
        assert record.train_flops["matmul"] == pytest.approx(0.5e9, rel=0.02)
        assert ledger.spent_flops() == pytest.approx(0.75e9, rel=0.02), "the lost quarter is charged besides"
        assert ledger.reserved_flops() == 0
