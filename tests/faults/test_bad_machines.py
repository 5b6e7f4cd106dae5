"""A machine without memory for a run, and one whose clock jumps: one run has failed with its reason, or nothing."""

import json
import os
import sqlite3
import sys
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.faults.promises import broken_promises
from tests.faults.small_sweeps import FEW_STEPS, NAME, begun, command, end_of, spec_of, text_in, undisturbed

CLOCK = """
import datetime, time

_real, _steps = time.time, [0]

def _jumping():
    _steps[0] += 1
    return _real() + (86_400 if _steps[0] % 2 else -86_400)

class _Datetime(datetime.datetime):
    @classmethod
    def now(cls, tz=None):
        return cls.fromtimestamp(_jumping(), tz)

time.time, time.time_ns, datetime.datetime = _jumping, lambda: int(_jumping() * 1e9), _Datetime
"""
"""A wall clock that is a day ahead at one glance and a day behind at the next, in each of a sweep's processes."""


def records(folder: Path) -> list[dict[str, Any]]:
    with sqlite3.connect(folder / "ledger.sqlite") as ledger:
        return [json.loads(text) for (text,) in ledger.execute("SELECT record FROM runs ORDER BY trial, seed")]


@pytest.mark.skipif(sys.platform != "linux", reason="`ulimit -v` is kept to on Linux")
def test_a_run_that_no_memory_holds_fails_and_the_sweep_goes_on(tmp_path: Path):
    width = 2**16  # a matrix of 68 GB; the budget has room for it, so that only memory can be wanting
    experiment = FEW_STEPS["experiment"]
    greedy = FEW_STEPS | {
        "experiment": experiment
        | {"model": experiment["model"] | {"depth": 1}, "training": {"batch_size": 8, "epochs": 0.01}},
        "search": {"model.width": [16, width]},
        "budget": {"flops": 1e18, "match": "none"},
    }
    spec = spec_of(text_in(tmp_path), tmp_path, greedy)
    with_40_gigabytes = ["sh", "-c", 'ulimit -v 40000000; exec "$@"', "sh"]
    end_of(begun([*with_40_gigabytes, *command(spec, tmp_path / "runs", workers=1)]))
    small, large = records(tmp_path / "runs" / NAME)
    assert (small["state"], large["state"]) == ("complete", "failed")
    assert large["reason"] == "out of memory"


def test_a_wall_clock_that_jumps_harms_nothing(tmp_path: Path):
    spec = spec_of(text_in(tmp_path), tmp_path, FEW_STEPS)
    undisturbed(spec, tmp_path / "in-peace")
    (tmp_path / "clock").mkdir()
    (tmp_path / "clock" / "sitecustomize.py").write_text(CLOCK)
    paths = os.pathsep.join(filter(None, [str(tmp_path / "clock"), os.environ.get("PYTHONPATH")]))
    end_of(begun(command(spec, tmp_path / "jumping"), PYTHONPATH=paths))
    folder = tmp_path / "jumping" / NAME
    took = [
        datetime.fromisoformat(each["finished_at"]) - datetime.fromisoformat(each["started_at"])
        for each in records(folder)
    ]
    assert any(abs(each) > timedelta(days=1) for each in took), "the clock did jump"
    assert not broken_promises(folder, tmp_path / "in-peace" / NAME)[0]
