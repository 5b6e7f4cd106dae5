"""The benchmarks measure what they say: medians, turns, memory, and the same work for every side. No time is judged."""

from __future__ import annotations

import importlib
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from tlm_sweeps import api
from tlm_sweeps.spec.loading import load_sweep

_REPOSITORY = Path(__file__).parents[2]
_PARTS = ("ours",)
"""Started by benchmarks, not by people."""
_COMMANDS = [
    file.stem
    for file in sorted((_REPOSITORY / "benchmarks").glob("*.py"))
    if '__name__ == "__main__"' in file.read_text(encoding="utf-8") and file.stem not in _PARTS
]
_PYTHON = (sys.executable, "-c")


def part(name: str) -> ModuleType:
    """A module of the benchmarks, which are not installed but lie beside the package."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(_REPOSITORY)
        return importlib.import_module(f"benchmarks.{name}")


measuring, launching, reference = part("measuring"), part("launching"), part("reference")


def run(*words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", *words]
    return subprocess.run(command, cwd=_REPOSITORY, capture_output=True, text=True, check=False)


def run_program(code: str) -> str:
    """What a program prints that can import the benchmarks."""
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, cwd=_REPOSITORY, capture_output=True, text=True, check=True)
    return done.stdout.strip()


@pytest.mark.parametrize("name", _COMMANDS)
def test_every_benchmark_says_what_it_does(name: str) -> None:
    done = run(f"benchmarks.{name}", "--help")

    assert done.returncode == 0, done.stderr
    assert "--rounds" in done.stdout


def test_the_readme_lists_every_benchmark() -> None:
    readme = (_REPOSITORY / "benchmarks" / "README.md").read_text(encoding="utf-8")

    assert [name for name in _COMMANDS if f"benchmarks.{name}`" not in readme] == []


@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=30))
def test_a_spread_is_what_numpy_finds(values: list[float]) -> None:
    found = measuring.spread(values)

    assert [found.lower_quartile, found.median, found.upper_quartile] == pytest.approx(
        np.percentile(values, [25, 50, 75]), abs=1e-6
    )
    assert found.count == len(values)


def test_sides_take_turns_and_each_round_begins_one_later() -> None:
    order: list[str] = []
    sides = {name: lambda name=name: order.append(name) or {"ms": 1.0} for name in "abc"}

    measuring.interleaved(sides, 3)

    assert order == list("abcbcacab")


def test_a_ratio_is_taken_within_a_round() -> None:
    ours, theirs = iter([1.0, 10.0]), iter([2.0, 40.0])
    measured = measuring.interleaved({"ours": lambda: {"s": next(ours)}, "theirs": lambda: {"s": next(theirs)}}, 2)

    assert measured.ratios("theirs", "ours", "s") == [2.0, 4.0]


def test_a_side_that_fails_is_left_out_with_its_reason_and_the_others_go_on() -> None:
    rounds = iter(range(9))

    def fails_later() -> dict[str, float]:
        if next(rounds) == 1:
            raise measuring.LeftOut("no luck")
        return {"ms": 1.0}

    measured = measuring.interleaved({"steady": lambda: {"ms": 2.0}, "unlucky": fails_later}, 3)

    assert measured.values("steady", "ms") == [2.0, 2.0, 2.0]
    assert measured.left_out == {"unlucky": "no luck"}
    assert list(measuring.summary(measured)["sides"]) == ["steady"]


@pytest.mark.parametrize("name", ["one_run", "two_and_eight", "levers"])
def test_who_measures_memory_is_light(name: str) -> None:
    program = f"import sys, benchmarks.{name}; print('torch' in sys.modules)"

    assert run_program(program) == "False"


def test_the_largest_process_is_found_among_the_descendants() -> None:
    hold = "held = bytearray(200_000_000)"
    child = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {hold!r}])"

    # From a light process: a program is charged with the memory of the one that starts it.
    program = (
        "import sys; from benchmarks.launching import Program, run_all\n"
        "programs = [Program((sys.executable, '-c', code)) for code in {codes!r}]\n"
        "print(run_all(programs, 2)['peak_bytes'])"
    )
    peaks = [int(run_program(program.format(codes=codes))) for codes in (["pass"], ["pass", hold], [child, "pass"])]

    assert peaks[0] < 200_000_000 < min(peaks[1:])


def test_steps_are_timed_in_the_order_in_which_they_are_told() -> None:
    told = """
import time
print("step 0: an evaluation, as nanoGPT tells it")
for step in range(9):
    print("step", step)
    time.sleep(0.01)
print("again")
time.sleep(0.05)
print("step 0")
"""

    found = launching.follow(launching.Program((*_PYTHON, told)), 9)

    assert 0 < found["step_ms"] < found["wall_seconds"] * 1000
    assert 0 < found["first_step_again_seconds"] < found["wall_seconds"] - found["first_step_seconds"]


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ("raise SystemExit('out of luck')", "out of luck"),
        ("for i in range(8): print('step', i)", "told 8 steps"),
        ("for i in range(10): print('step', i)", "told 10 steps"),
    ],
)
def test_a_program_that_does_not_do_its_work_is_left_out(code: str, reason: str) -> None:
    with pytest.raises(measuring.LeftOut, match=reason):
        launching.follow(launching.Program((*_PYTHON, code)), 9)


def test_a_benchmark_that_is_ended_ends_what_it_started(tmp_path: Path) -> None:
    started = tmp_path / "pid"
    program = (
        "from benchmarks.launching import Program, end_cleanly_when_told, run_all; end_cleanly_when_told()\n"
        f"run_all([Program(('sh', '-c', 'echo $$ > {started}; kill -TERM $PPID; sleep 60'))], 1)"
    )
    command = [sys.executable, "-c", program]

    done = subprocess.run(command, cwd=_REPOSITORY, capture_output=True, text=True, check=False, timeout=50)

    assert done.returncode == 128 + signal.SIGTERM, done.stderr
    patience = time.monotonic() + 20  # its end takes the system a moment
    while _lives(int(started.read_text())) and time.monotonic() < patience:
        time.sleep(0.01)
    assert not _lives(int(started.read_text()))


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


@pytest.mark.parametrize(("threads", "said"), [(3, "3"), (None, "None")])
def test_a_program_has_the_threads_that_it_is_given_and_no_others(
    threads: int | None, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "1")  # as `make test` sets it
    code = f"import os, sys; sys.exit(str(os.environ.get('OMP_NUM_THREADS')) != {said!r})"

    assert launching.run_all([launching.Program((*_PYTHON, code), threads)], 1)["wall_seconds"] > 0


@pytest.mark.parametrize("trials", [2, 8])
def test_the_sweep_has_the_trials_and_steps_that_the_rivals_are_given(trials: int, tmp_path: Path) -> None:
    text = reference.prepare_text(None, tmp_path)
    spec = tmp_path / "spec.yaml"
    spec.write_text(reference.sweep_spec(text, trials, reference.STEPS, "fp32"), encoding="utf-8")

    planned = [trial for trial in api.plan(load_sweep(spec).spec).trials if trial.matched is not None]

    assert len(planned) == trials
    assert {trial.matched.steps.total for trial in planned if trial.matched} == {reference.STEPS}
    assert np.fromfile(tmp_path / "train.bin", dtype=np.uint16).max() < text.vocabulary_size


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device")
def test_without_a_gpu_its_benchmark_says_so(tmp_path: Path) -> None:
    done = run("benchmarks.gpu", "--json", str(tmp_path / "gpu.json"))

    assert done.returncode == 0, done.stderr
    assert json.loads((tmp_path / "gpu.json").read_text())["device"] is None
