"""Inside a job: the word to leave reaches the sweep once, and the job is put back when that is for Slurm to do."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.launching.conftest import Programs, Said

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="Slurm's jobs run on Linux")


@pytest.mark.parametrize(
    ("options", "state", "is_put_back"),
    [(["--requeue"], "RUNNING", True), (["--requeue"], "COMPLETING", False)],
)
def test_a_job_that_is_told_to_leave_pauses_and_is_put_back_where_it_was_asked_for(
    options: list[str], state: str, is_put_back: bool, tlm: Callable[[str], Said], programs: Programs
):
    programs.plays("squeue", state)
    programs.plays("scontrol")
    Path("small.yaml").write_text(Path("small.yaml").read_text().replace("6e8", "3e11").replace("25%", "1%"))
    words = [sys.executable, "-m", "tlm_sweeps.launching.inside", *options, "sweep", "small.yaml", "--workers=1"]
    environment = {**os.environ, "SLURM_JOB_ID": "7"}
    with subprocess.Popen(words, stderr=subprocess.PIPE, text=True, env=environment, start_new_session=True) as job:
        watchdog = threading.Timer(120, job.kill)
        watchdog.start()
        while job.poll() is None and not any(each.stat().st_size for each in Path().rglob("metrics.jsonl")):
            os.sched_yield()
        os.killpg(job.pid, signal.SIGTERM)  # all of the job at once; the job's first process then tells the sweep too
        _, said = job.communicate()
        watchdog.cancel()
    assert job.returncode == 130, said
    assert json.loads(tlm("status small --json").out)["states"] == {"waiting": 1}
    assert programs.asked("scontrol") == (["requeue", "7"] if is_put_back else None)
    assert ("put back" in said) == is_put_back


def test_a_sweep_that_is_at_its_end_is_not_put_back(tlm: Callable[[str], Said], programs: Programs):
    programs.plays("squeue", "RUNNING")
    programs.plays("scontrol")
    words = [sys.executable, "-m", "tlm_sweeps.launching.inside", "--requeue", "sweep", "missing.yaml"]
    done = subprocess.run(words, capture_output=True, text=True, env={**os.environ, "SLURM_JOB_ID": "7"}, check=False)
    assert done.returncode == 2
    assert programs.asked("scontrol") is None
