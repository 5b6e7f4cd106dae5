"""Stacked sweeps: real workers train runs of one shape as one, and the records are those of solo runs."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from tlm_sweeps.compute.planning import plan_trial
from tlm_sweeps.corpora.texts import facts_reader
from tlm_sweeps.runs.ledger import reading
from tlm_sweeps.runs.record import Record
from tlm_sweeps.search import pool
from tlm_sweeps.search.messages import Message, StackOrder, TrainOrder
from tlm_sweeps.search.stacking import Stacking
from tlm_sweeps.search.sweeping import sweep
from tlm_sweeps.spec.sweep import SweepSpec

Tiny = Callable[..., SweepSpec]
EXPERIMENT: dict[str, Any] = {
    "model": {"kind": "transformer", "width": 16, "context": 8, "heads": 2},
    "training": {"batch_size": 8, "learning_rate": 3e-3},
    "evaluation": {"every": 0.25, "windows": 50},
}
RATES = {"training.learning_rate": [1e-3, 3e-3, 1e-2], "model.depth": [1, 2]}
GRID = {"sampler": "grid"}


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """The runs that workers were ordered to train, order by order."""
    seen: list[list[str]] = []
    send = pool.LocalPool.send

    def note(self: pool.LocalPool, worker: int, message: Message) -> None:
        if isinstance(message, TrainOrder | StackOrder):
            orders: Sequence[TrainOrder] = message.orders if isinstance(message, StackOrder) else (message,)
            seen.append([each.run_id for each in orders])
        send(self, worker, message)

    monkeypatch.setattr(pool.LocalPool, "send", note)
    return seen


@pytest.fixture
def stacked(tmp_path: Path) -> Callable[..., tuple[Record, ...]]:
    """Runs a sweep with stacks to its end and reads its records."""

    def run(spec: SweepSpec, stack: int, workers: int = 1) -> tuple[Record, ...]:
        for _ in sweep(spec, tmp_path / f"runs-{stack}", workers=workers, device="cpu", stack=stack):
            pass
        with reading(tmp_path / f"runs-{stack}" / spec.name) as ledger:
            return ledger.records()

    return run


def assert_alike(found: tuple[Record, ...], expected: tuple[Record, ...]) -> None:
    """To 1e-3: over hundreds of steps at a high rate rounding adds up; `tests/training` holds a dozen steps to 1e-5."""
    assert [each.run_id for each in found] == [each.run_id for each in expected]
    for one, other in zip(found, expected, strict=True):
        assert (one.state, one.settings, one.train_flops) == (other.state, other.settings, other.train_flops)
        for what in ("train_nll", "val_nll", "test_nll"):
            assert getattr(one, what) == pytest.approx(getattr(other, what), rel=1e-3), what


def test_learning_rates_and_seeds_are_stacked_and_shapes_are_not(
    tiny: Tiny, stacked: Callable[..., tuple[Record, ...]], sent: list[list[str]]
):
    spec = tiny(experiment=EXPERIMENT, search=RATES, engine=GRID, seeds=2)
    found = stacked(spec, 6)
    depths = {each.run_id: each.settings["model.depth"] for each in found}
    assert sorted(len(runs) for runs in sent) == [6, 6]
    assert {each.stacked for each in found} == {6}
    assert all(len({depths[run] for run in runs}) == 1 for runs in sent)
    sent.clear()
    expected = stacked(spec, 1)
    assert [len(runs) for runs in sent] == [1] * 12
    assert_alike(found, expected)


def test_a_search_that_learns_is_not_asked_ahead(
    tiny: Tiny, stacked: Callable[..., tuple[Record, ...]], sent: list[list[str]]
):
    spec = tiny(experiment=EXPERIMENT, seeds=2, engine={"sampler": "tpe", "trials": 3})
    assert_alike(stacked(spec, 4), stacked(spec, 1))
    assert [len(runs) for runs in sent] == [2] * 3 + [1] * 6


def test_a_stacked_run_that_diverges_fails_alone(tiny: Tiny, stacked: Callable[..., tuple[Record, ...]]):
    experiment = EXPERIMENT | {"training": {"batch_size": 8, "optimizer": "adam"}}
    search = {"training.learning_rate": [1e-3, 1e30, 1e-2]}
    spec = tiny(experiment=experiment, search=search, engine=GRID)
    found = stacked(spec, 3)
    assert [each.state for each in found] == ["complete", "failed", "complete"]
    assert "diverged" in found[1].reason
    alone = stacked(spec, 1)
    assert_alike((found[0], found[2]), (alone[0], alone[2]))


def test_a_pruned_run_leaves_its_stack(tiny: Tiny, stacked: Callable[..., tuple[Record, ...]], sent: list[list[str]]):
    search = {"training.learning_rate": [1e-2, 1e-6, 1e-7, 1e-8]}
    spec = tiny(experiment=EXPERIMENT, search=search, engine={"sampler": "grid", "pruner": "asha"})
    found = stacked(spec, 4)
    assert [len(runs) for runs in sent] == [4]
    assert [each.state for each in found] == ["complete", "pruned", "pruned", "pruned"]
    assert all(
        each.steps is not None and found[0].steps is not None and each.steps < found[0].steps for each in found[1:]
    )


def test_an_interrupted_stack_is_resumed_from_its_checkpoints(tiny: Tiny, tmp_path: Path, stacked: Any):
    spec = tiny(
        experiment=EXPERIMENT, search={"training.learning_rate": [1e-3, 3e-3]}, engine=GRID, budget={"flops": 4e9}
    )
    pictures = sweep(spec, tmp_path / "runs-2", workers=1, device="cpu", stack=2)
    for picture in pictures:
        if picture.running and all(each.share > 0.3 for each in picture.running):
            break
    pictures.close()
    with reading(tmp_path / "runs-2" / spec.name) as ledger:
        assert [each.state for each in ledger.records()] == ["waiting", "waiting"]
        assert all(ledger.checkpoint_step(each.run_id) > 0 for each in ledger.records())
    assert_alike(stacked(spec, 2), stacked(spec, 1))


def test_memory_bounds_a_stack(tiny: Tiny):
    planned = plan_trial(tiny(experiment=EXPERIMENT), {}, facts_reader())
    assert planned.cost is not None
    need = planned.cost.memory_bytes
    assert [Stacking(8, room).most(planned) for room in (None, 100 * need, 3 * need + 1, need // 2)] == [8, 8, 3, 1]
