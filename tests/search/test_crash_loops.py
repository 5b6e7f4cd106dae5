"""A machine on which everything crashes burns no more than a few settings; one bad setting stops nothing."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tlm_sweeps.errors import RunError
from tlm_sweeps.runs.ledger import reading
from tlm_sweeps.runs.record import Record
from tlm_sweeps.search.crash_loops import CrashLoop
from tlm_sweeps.spec.sweep import SweepSpec

Tiny = Callable[..., SweepSpec]
Swept = Callable[..., tuple[Record, ...]]
DISK = "crashed: OSError: [Errno 5] Input/output error"
DEATH = "its worker died 3 times, at last: signal 9 (SIGKILL), see worker-0.log"


def test_a_machine_on_which_every_run_crashes_keeps_the_settings_that_are_left(
    tiny: Tiny, swept: Swept, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    (tmp_path / "broken").mkdir()
    full = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100))"  # nearly a full disk
    (tmp_path / "broken" / "sitecustomize.py").write_text(full)
    search = {"model.depth": [1, 2], "training.learning_rate": {"log_uniform": [1e-3, 1e-2]}}
    spec = tiny(search=search, engine={"sampler": "random", "trials": 13}, budget={"flops": 1e8, "tolerance": 0.1})
    with monkeypatch.context() as broken:
        broken.setenv("PYTHONPATH", f"{tmp_path / 'broken'}:{os.environ.get('PYTHONPATH', '')}")
        with pytest.raises(RunError, match=r"10 runs in a row crashed alike.*OSError") as caught:
            swept(spec)
    with reading(tmp_path / "runs" / "tiny") as ledger:
        states = ledger.states()
        assert states.pop("failed") == 10
        assert sum(states.values()) <= 1, "and the one that was in flight waits"
        assert set(states) <= {"waiting"}
    assert "the same command goes on" in caught.value.problems[0].hint
    assert [each.state for each in swept(spec)] == 10 * ["failed"] + 3 * ["complete"]


def ended(trial: int, reason: str = "", seed: int = 0, **changes: Any) -> Record:
    usual = {"run_id": f"t-{trial:04d}-s{seed}", "sweep": "t", "trial": trial, "seed": seed, "started_at": "now"}
    about = {"settings": {}, "spec": {}, "fingerprint": "f", "state": "failed" if reason else "complete"}
    return Record.model_validate(usual | about | {"reason": reason} | changes)


def stops_after(records: list[Record], folder: Path) -> int | None:
    """How many of the runs it takes until the sweep is stopped; None when it never is."""
    crashes = CrashLoop(folder)
    for number, record in enumerate(records, start=1):
        crashes.hear(record)
        try:
            crashes.ensure_none()
        except RunError:
            return number
    return None


@pytest.mark.parametrize("reason", [DISK, DEATH, "out of memory"])
def test_ten_runs_in_a_row_that_crash_alike_stop_the_sweep(reason: str, tmp_path: Path):
    assert stops_after([ended(0), *(ended(trial, reason) for trial in range(1, 30))], tmp_path) == 11


def test_what_differs_from_run_to_run_is_the_same_crash(tmp_path: Path):
    crashes = [ended(n, f"crashed: FileNotFoundError: [Errno 2] run {n}") for n in range(20)]
    assert stops_after(crashes, tmp_path) == 10
    deaths = [ended(n, f"its worker died 3 times, at last: exit code 1, see worker-{n}.log") for n in range(20)]
    assert stops_after(deaths, tmp_path) == 10


def test_a_run_that_comes_to_its_end_in_between_clears_the_machine(tmp_path: Path):
    between = [ended(9), ended(9, "diverged: the loss is nan"), ended(9, "stopped by the pruner", state="pruned")]
    for each in between:
        nearly = [ended(trial, DISK) for trial in range(9)]
        assert stops_after([*nearly, each, *nearly], tmp_path) is None


def test_other_crashes_are_counted_by_themselves(tmp_path: Path):
    assert stops_after([ended(n, DISK if n % 2 else DEATH) for n in range(40)], tmp_path) is None


def test_one_setting_that_crashes_with_every_seed_stops_nothing(tmp_path: Path):
    assert stops_after([ended(0, DISK, seed) for seed in range(30)], tmp_path) is None
    assert stops_after([ended(seed // 6, DISK, seed % 6) for seed in range(30)], tmp_path) == 13


def test_runs_that_were_never_trained_say_nothing(tmp_path: Path):
    """Other seeds of a trial whose first one crashed, and what is infeasible."""
    sibling = {"state": "failed", "started_at": None}
    untrained = [ended(0, "its first seed, 0: failed", 1, **sibling), ended(0, "too wide", 2, **sibling)]
    crashes = [each for trial in range(20) for each in (ended(trial, DISK), *untrained)]
    assert stops_after(crashes, tmp_path) == 1 + 9 * 3
