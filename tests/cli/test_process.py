"""What only a process of its own shows: what is imported, signals, closed pipes, poor locales."""

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Tlm = Callable[..., Any]
HEAVY = ("torch", "optuna", "wandb", "datasets", "plotly", "pandas", "scipy")
TLM = [sys.executable, "-c", "import sys; from tlm_sweeps.cli.app import main; sys.exit(main())"]


def loaded_by(*words: str) -> set[str]:
    """The heavy packages that a command line imports."""
    code = (
        "import json, sys; from tlm_sweeps.cli.app import main; "
        f"assert main({list(words)!r}) == 0; print(json.dumps([m for m in {list(HEAVY)!r} if m in sys.modules]))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(json.loads(done.stdout.splitlines()[-1]))


def test_help_imports_nothing_heavy():
    assert loaded_by("--help") == set()


def test_a_plan_imports_no_framework(spec: Path):
    assert loaded_by("plan", str(spec), "--json") == set()


def test_status_and_lists_import_no_torch(runs: Path):
    assert "torch" not in loaded_by("list", "--runs-dir", str(runs))


def test_a_reader_that_goes_away_is_no_error(runs: Path):
    reader, writer = os.pipe()
    os.close(reader)
    words = ["export", "tiny", "--runs-dir", str(runs)]
    done = subprocess.run([*TLM, *words], stdout=writer, stderr=subprocess.PIPE, check=False)
    os.close(writer)
    assert (done.returncode, done.stderr) == (141, b"")


def test_a_full_disk_under_the_output_is_said():
    if not Path("/dev/full").exists():
        pytest.skip("this system has no /dev/full")
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run([*TLM, "spec", "schema"], stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert done.returncode == 1
    assert "error: the output could not be written: No space left on device" in done.stderr


def test_a_stdout_that_was_never_open_is_no_defect():
    closing = "import os, sys; os.close(1); os.execv(sys.executable, [sys.executable, *sys.argv[1:]])"
    words = [sys.executable, "-c", closing, *TLM[1:], "spec", "schema"]
    done = subprocess.run(words, stderr=subprocess.PIPE, text=True, check=False)
    assert (done.returncode, done.stderr) == (141, "")


def test_a_locale_without_our_characters_still_prints(runs: Path):
    poor = os.environ | {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0", "PYTHONIOENCODING": "ascii"}
    words = ["status", "tiny", "--runs-dir", str(runs)]
    done = subprocess.run([*TLM, *words], capture_output=True, env=poor, check=False)
    assert (done.returncode, done.stderr) == (0, b"")
    assert b"3 complete" in done.stdout


@pytest.fixture
def long_spec(spec: Path) -> Path:
    """The same sweep with runs of about a minute."""
    spec.write_text(spec.read_text().replace("6e8", "3e11").replace("every: 25%", "every: 1%"))
    return spec


def interrupted(command: list[str], asked: signal.Signals, has_begun: Callable[[], bool]) -> str:
    """What a sweep that is interrupted once it has begun says on stderr."""
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as process:
        watchdog = threading.Timer(60, process.kill)
        watchdog.start()
        while process.poll() is None and not has_begun():
            os.sched_yield()
        process.send_signal(asked)
        _, err = process.communicate()
        watchdog.cancel()
    assert process.returncode == 130, err
    return err


def test_an_interrupted_sweep_pauses_and_the_same_command_takes_it_up_again(tlm: Tlm, long_spec: Path):
    command = [*TLM, "sweep", str(long_spec), "--workers", "1"]

    def spent() -> float:
        status = tlm("status", "--json")
        return status.data["spent_flops"] if status.code == 0 else 0

    first = interrupted(command, signal.SIGINT, lambda: spent() > 0)
    assert "pausing: finishing the step and writing checkpoints" in first
    assert first.splitlines()[-1].split() == ["tlm-sweeps", *command[3:]]
    paused = tlm("status", "--json").data
    assert (paused["states"], paused["writer"]) == ({"waiting": 1}, None)
    assert "stopped before its end" in paused["standing"]
    assert 0 < paused["spent_flops"] < 3e11

    second = interrupted(command, signal.SIGTERM, lambda: spent() > paused["spent_flops"])
    assert second.startswith("resuming: 0 of ")
    assert "Traceback" not in first + second


def test_the_second_interrupt_leaves_at_once():
    code = (
        "import signal, sys, time\n"
        "from tlm_sweeps.cli.interrupting import interrupts\n"
        "with interrupts() as heard:\n"
        "    heard.is_under_way = True\n"
        "    signal.raise_signal(signal.SIGINT)\n"
        "    print(heard.asked, flush=True)\n"
        "    signal.raise_signal(signal.SIGTERM)\n"
        "    print('still here')\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (130, "True\n")
