"""A few seeds of the fault harness; `python -m tests.faults` tries as many as one likes."""

import shutil
import sqlite3
import sys
from pathlib import Path

import pytest

from tests.faults.disturbing import disturbed
from tests.faults.promises import broken_promises
from tests.faults.small_sweeps import spec_of, text_in, undisturbed

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="it looks for a sweep's processes in /proc")


@pytest.fixture(scope="module")
def spec(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The harness's sweep on a text of random words."""
    folder = tmp_path_factory.mktemp("faults")
    return spec_of(text_in(folder), folder)


@pytest.fixture(scope="module")
def in_peace(spec: Path) -> Path:
    """The sweep's folder when nothing happens to it."""
    undisturbed(spec, spec.parent / "in-peace")
    return spec.parent / "in-peace" / "disturbed"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("UPDATE runs SET reserved = 5 WHERE trial = 0", "10 FLOPs stay reserved"),
        ("UPDATE runs SET charged = charged - 1 WHERE trial = 0", "are charged, but the records spent"),
        ("UPDATE runs SET record = json_set(record, '$.val_nll', 0.5) WHERE trial = 1", "val_nll is 0.5, undisturbed"),
        ("UPDATE runs SET trial = 0 WHERE trial = 1", "a setting was trained twice"),
        ("DELETE FROM runs WHERE trial = 2", "other settings"),
        ("UPDATE runs SET state = 'waiting' WHERE trial = 3", "is waiting"),
        ("UPDATE runs SET state = 'failed' WHERE trial = 3", "is failed () after 0 deaths"),
        ("DELETE FROM measurements WHERE step = (SELECT max(step) FROM measurements)", "metrics of steps"),
    ],
)
def test_each_promise_can_be_seen_to_be_broken(in_peace: Path, tmp_path: Path, change: str, said: str):
    broken = tmp_path / "disturbed"
    shutil.copytree(in_peace, broken)
    with sqlite3.connect(broken / "ledger.sqlite") as ledger:
        ledger.execute(change)
    assert said in " ".join(broken_promises(broken, in_peace)[0])
    assert broken_promises(in_peace, in_peace)[0] == []


@pytest.mark.parametrize("seed", [1, 2])
def test_whatever_is_done_to_a_sweep_it_ends_as_if_nothing_had_happened(
    spec: Path, in_peace: Path, tmp_path: Path, seed: int
):
    done = disturbed(spec, tmp_path, seed, faults=3)
    broken, count = broken_promises(tmp_path / "disturbed", in_peace)
    assert not broken, (broken, done)
    assert count.runs == 8
