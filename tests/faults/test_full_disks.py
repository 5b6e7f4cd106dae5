"""A disk that fills while a sweep runs, and one that cannot be written: said in a line, and nothing is lost."""

import sqlite3
from pathlib import Path

import pytest

from tests.faults.promises import broken_promises
from tests.faults.small_disks import is_possible, sessions
from tests.faults.small_sweeps import NAME, command, spec_of, text_in, undisturbed

pytestmark = [
    pytest.mark.service,
    pytest.mark.skipif(not is_possible(), reason="a disk of its own needs Linux, `unshare` and the right to mount"),
]


def states(folder: Path) -> dict[str, tuple[str, str]]:
    """State and record of each run, by its name."""
    with sqlite3.connect(folder / "ledger.sqlite") as ledger:
        return {
            run_id: (state, record)
            for run_id, state, record in ledger.execute("SELECT run_id, state, record FROM runs")
        }


@pytest.mark.parametrize("size", ["300k", pytest.param("900k", marks=pytest.mark.slow)])
def test_a_full_disk_puts_a_sweep_down_and_the_same_command_goes_on(tmp_path: Path, size: str):
    spec = spec_of(text_in(tmp_path), tmp_path)
    undisturbed(spec, tmp_path / "in-peace")
    disk = tmp_path / "disk"
    full, read_only, well = sessions(
        command(spec, disk / "runs"), disk, tmp_path / "kept", [f"size={size}", "ro,size=64m", "rw,size=64m"]
    )
    for refused, code in ((full, 1), (read_only, 2)):
        assert refused.code == code, refused.said
        assert "error: " in refused.said
        assert "hint: " in refused.said
        assert "Traceback" not in refused.said
        assert "internal error" not in refused.said
    assert "cannot be written any more: No space left on device" in full.said or "disk is full" in full.said
    assert "Read-only file system" in read_only.said
    acknowledged = {name: kept for name, kept in states(full.disk / "runs" / NAME).items() if kept[0] == "complete"}
    assert "failed" not in {state for state, _ in states(full.disk / "runs" / NAME).values()}
    assert well.code == 0, well.said
    at_the_end = states(well.disk / "runs" / NAME)
    assert {name: at_the_end[name] for name in acknowledged} == acknowledged
    assert not broken_promises(well.disk / "runs" / NAME, tmp_path / "in-peace" / NAME)[0]
