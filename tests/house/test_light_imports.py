"""What must answer at once loads nothing heavy: the program's help, specs, plans, records and reports."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

_SERVICES = {"torch", "optuna", "wandb", "datasets"}
_FRAMES_AND_FIGURES = {"pandas", "pyarrow", "plotly", "scipy"}


def loaded_by(module: str) -> set[str]:
    """The packages that a fresh interpreter holds after importing a module."""
    program = f"import json, sys, {module}; print(json.dumps([name for name in sys.modules if '.' not in name]))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    return set(json.loads(done.stdout))


@pytest.mark.parametrize(
    "module",
    [
        "tlm_sweeps",
        "tlm_sweeps.api",
        "tlm_sweeps.cli.app",
        "tlm_sweeps.spec.loading",
        "tlm_sweeps.compute.planning",
        "tlm_sweeps.runs.ledger",
        "tlm_sweeps.corpora.opening",
        "tlm_sweeps.tracking.tracker",
    ],
)
def test_what_answers_at_once_loads_nothing_heavy(module: str) -> None:
    assert not loaded_by(module) & (_SERVICES | _FRAMES_AND_FIGURES)


def test_a_report_is_written_without_torch_and_services() -> None:
    assert not loaded_by("tlm_sweeps.report.page") & _SERVICES


def test_workers_are_forked_with_all_that_training_needs_and_no_service() -> None:
    loaded = loaded_by("tlm_sweeps.search.nursery")
    assert "torch" in loaded
    assert not loaded & (_SERVICES | _FRAMES_AND_FIGURES) - {"torch"}
