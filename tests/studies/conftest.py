"""The study's sweeps as fixtures: planned, and as if they had been trained."""

from collections.abc import Callable

import pytest

from tests.studies.made_up_runs import made_up_sweep
from tests.studies.study_runs import plan_of, results_of
from tlm_sweeps.compute.planning import SweepPlan
from tlm_sweeps.report.sources import SweepResults
from tlm_sweeps.spec.sweep import SweepSpec


@pytest.fixture(scope="session")
def planned() -> Callable[[str], tuple[SweepSpec, SweepPlan]]:
    """A spec of the study with its plan, which needs no text."""
    return plan_of


@pytest.fixture(scope="session")
def trained() -> Callable[..., SweepResults]:
    """A sweep of the study as if it had been trained: see `results_of`."""
    return results_of


@pytest.fixture(scope="session")
def made_up() -> Callable[..., SweepResults]:
    """A sweep of made-up runs: see `made_up_sweep`."""
    return made_up_sweep
