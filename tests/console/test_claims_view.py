"""Claims and questions in a terminal: headings and verdicts at every width, with and without records."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from tests.studies.made_up_runs import made_up_sweep
from tlm_sweeps.console.claims_view import answers_view
from tlm_sweeps.studies.choosing import study_of

STUDY = "architecture-tradeoffs"
CELLS = [({"model.heads": heads}, {seed: 2.5 - 0.1 * heads + 0.001 * seed for seed in range(5)}) for heads in (1, 2, 4)]


@pytest.mark.parametrize("width", [60, 100, 200])
def test_a_claim_is_shown_with_its_verdict_at_every_width(width: int):
    written = io.StringIO()
    console = Console(file=written, width=width)
    sweeps = {"tradeoffs-heads": made_up_sweep("tradeoffs-heads", *CELLS)}
    console.print(answers_view(study_of(STUDY, ["claims"]), sweeps, console))
    shown = written.getvalue()
    assert "A4 holds by the study's own account" in shown
    assert width < 100 or "4 heads < 1 head" in shown


def test_questions_that_are_not_run_are_shown_as_such():
    written = io.StringIO()
    console = Console(file=written, width=120)
    console.print(answers_view(study_of(STUDY, ["questions"]), {}, console))
    assert written.getvalue().count("Not run yet.") == 7
