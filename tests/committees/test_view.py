"""A committee in a terminal: verdict and tables at every width, and warnings where they are due."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from rich.console import Console

from tests.committees.fine_tuned_runs import experiment_of, record_of, said, write_ledger, write_run
from tlm_sweeps.committees.document import CommitteeDocument, Latency, Timing
from tlm_sweeps.committees.forming import Asked, form
from tlm_sweeps.console.committee_view import committee_view

LATENCY = Latency(
    device="cpu: Example 3000",
    cores=2,
    context=8,
    load_average=3.25,
    timings=tuple(
        Timing(
            name="shallow",
            arrangement="in sequence",
            n_models=4,
            n_processes=1,
            n_threads=1,
            batch_size=size,
            median_seconds=0.0125 * size,
            quartiles_seconds=(0.01 * size, 0.015 * size),
            median_cpu_seconds=0.011 * size,
            n_rounds=30,
        )
        for size in (1, 32)
    ),
)


def shown(found: CommitteeDocument, width: int = 200) -> str:
    """What a terminal of a width shows."""
    written = io.StringIO()
    console = Console(file=written, width=width)
    console.print(committee_view(found, console))
    return written.getvalue()


@pytest.mark.parametrize("width", [60, 100, 200])
def test_the_verdict_and_every_size_are_shown_at_every_width(runs: Path, width: int):
    text = " ".join(shown(form(Asked(members=("shallow",), against=("deep",), rounds=0), runs), width).split())
    assert "4 members together reach 100.00 % on test by mean logit" in text
    assert "Against deep: +22.50 points" in text
    assert width < 100 or "87.92 ± 4.01" in text


def test_times_are_milliseconds_and_a_busy_machine_is_told(runs: Path):
    found = form(Asked(members=("shallow",), rounds=0), runs).model_copy(update={"latency": LATENCY})
    text = shown(found)
    assert "12.5 (10–15)" in text
    assert "load 3.2" in text


def test_samples_and_runs_that_are_left_out_are_told(runs: Path):
    write_ledger(runs, "half", [record_of("half", n, experiment_of(), state=("complete", "failed")[n]) for n in (0, 1)])
    write_run(runs / "half" / "0000-s0", experiment_of(), said(0))
    text = shown(form(Asked(members=("half", "shallow"), most_subsets=2, rounds=0), runs))
    assert "half/0000-s1 (failed)" in text
    assert "seeded sample" in text
    assert "2 of 10" in text
