"""A short run of the fuzzer, `python -m tests.fuzz.specs`: it runs, and finds nothing at once."""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest

_REPOSITORY = Path(__file__).parents[2]


@pytest.mark.slow
@pytest.mark.skipif(importlib.util.find_spec("atheris") is None, reason="atheris is not installed (extra `fuzz`)")
def test_the_first_inputs_are_sweeps_or_refused(tmp_path: Path):
    command = [sys.executable, "-m", "tests.fuzz.specs", "-runs=100", "-seed=1", f"-artifact_prefix={tmp_path}/"]
    paths = os.pathsep.join([str(_REPOSITORY), *filter(None, [os.environ.get("PYTHONPATH")])])
    done = subprocess.run(
        command, cwd=tmp_path, env=os.environ | {"PYTHONPATH": paths}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "Done 100 runs" in done.stderr
