"""What people see of a sweep: nothing is wider than the terminal, nothing is obeyed that a name contains."""

import io
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console, RenderableType

from tlm_sweeps.console.failures import error_text
from tlm_sweeps.console.lines import beginning_of, ending_of, line_of
from tlm_sweeps.console.live import sweep_panel
from tlm_sweeps.console.streams import plain
from tlm_sweeps.console.sweep_views import status_view
from tlm_sweeps.console.tables import Column, fitting, table
from tlm_sweeps.errors import Problem
from tlm_sweeps.runs.ledger import Death
from tlm_sweeps.runs.record import Record
from tlm_sweeps.search.progress import RunningRun, SweepProgress
from tlm_sweeps.search.standing import SweepStatus
from tlm_sweeps.spec.sweep import SweepSpec

SETTINGS = {"model.depth": 3, "model.heads": 2, "training.learning_rate": 0.0004307}
BEST = Record(
    run_id="s-0007-s1",
    sweep="s",
    trial=7,
    seed=1,
    state="complete",
    settings=SETTINGS,
    spec={},
    fingerprint="f",
    val_nll=2.03124,
)
FAILED = BEST.model_copy(update={"trial": 9, "state": "failed", "reason": "diverged: loss is nan", "val_nll": None})
PROGRESS = SweepProgress(
    sweep="shape",
    trials_over=12,
    trials_wanted=15,
    running=tuple(RunningRun(f"s-{n:04d}-s0", n, SETTINGS, None, 0, n / 20, None if n % 2 else 2.5) for n in (12, 13)),
    best=BEST,
    spent_flops=1_860_000_000_000,
    total_flops=3_000_000_000_000,
    states={"complete": 12, "running": 2, "failed": 1},
    elapsed_seconds=60.0,
    remaining_seconds=41.0,
    news=(BEST,),
)


def drawn(renderable: RenderableType, width: int) -> list[str]:
    """The lines that a terminal of this width shows."""
    file = io.StringIO()
    Console(file=file, width=width, force_terminal=True, no_color=True, color_system=None).print(renderable)
    return file.getvalue().splitlines()


def test_a_line_says_run_setting_result_and_where_the_sweep_stands():
    assert line_of(BEST, PROGRESS) == (
        "trial 7 seed 1 · depth 3, heads 2, learning rate 0.0004307 · val 2.0312 · "
        "12/15 trials · 62 % of budget · about 40 s left"
    )


def test_a_line_of_a_failed_run_says_why():
    assert "failed: diverged: loss is nan" in line_of(FAILED, PROGRESS)


def test_a_resumed_sweep_says_what_is_done():
    assert beginning_of(PROGRESS, resumes=True) == "resuming: 12 of 15 trials done"
    assert beginning_of(PROGRESS, resumes=False) == "shape: 15 trials, 3 TFLOPs to spend"
    assert beginning_of(replace(PROGRESS, precision="bf16"), resumes=False).endswith("3 TFLOPs to spend, in bf16")
    over = replace(PROGRESS, running=())
    assert "nothing left to train" in beginning_of(over, resumes=True)
    assert ending_of(PROGRESS) == "done: 12 complete, 2 running, 1 failed"
    assert "W&B does not know all of 2 runs: `tlm-sweeps sync shape`" in ending_of(replace(PROGRESS, untold=2))


@pytest.mark.parametrize("width", [60, 80, 140])
def test_the_live_panel_fits_its_terminal_and_has_the_news(width: int):
    lines = drawn(sweep_panel(PROGRESS, (FAILED,)), width)
    text = "\n".join(lines)
    assert all(len(line) <= width for line in lines)
    for part in (
        "shape",
        "62 %",
        "1.86 TFLOPs of 3 TFLOPs",
        "12 of 15 done, about 40 s left",
        "2.0312",
        "trial 12 seed 0",
    ):
        assert part in text
    assert "60 %" in text, "share of trial 12"
    assert "2.5000" in text, "its last NLL"
    assert "diverged" in text


def test_a_sweep_of_unknown_size_is_shown_without_a_gauge():
    text = "\n".join(drawn(sweep_panel(replace(PROGRESS, total_flops=None, trials_wanted=None, best=None)), 80))
    assert "%" not in text.splitlines()[1]
    assert "12 done" in text
    assert "no run is complete yet" in text


def test_many_runs_and_failures_do_not_fill_the_screen():
    running = tuple(replace(PROGRESS.running[0], trial=n) for n in range(200))
    assert len(drawn(sweep_panel(replace(PROGRESS, running=running), (FAILED,) * 50), 80)) < 30


@given(st.text(max_size=30))
def test_what_names_contain_is_shown_and_not_obeyed(name: str):
    shown = plain(name)
    assert all(each.isprintable() or each in "\n\t" for each in shown)
    assert "[bold]" in error_text(Problem("[bold]" + name)).plain


@given(
    st.lists(st.tuples(st.text("abc", min_size=1, max_size=9), st.integers(0, 3)), min_size=1, max_size=8),
    st.integers(10, 120),
)
def test_columns_leave_until_the_table_fits_and_those_that_matter_stay(columns: list[tuple[str, int]], width: int):
    given_columns = [Column(name, ("12345", "1"), spare=spare) for name, spare in columns]
    console = Console(file=io.StringIO(), width=width)
    kept, gone = fitting(given_columns, console)
    assert len(kept) + len(gone) == len(columns)
    assert [column for column in kept if not column.spare] == [column for column in given_columns if not column.spare]
    if any(column.spare for column in kept):
        assert console.measure(table(kept), options=console.options.update(max_width=10**6)).maximum <= width


def test_a_status_names_the_workers_that_died_whatever_became_of_their_runs():
    deaths = tuple(Death(f"s-{n:04d}-s0", 40, "signal 9 (SIGKILL)", "2026-01-01T00:00:00Z") for n in (1, 1, 2, 3, 4))
    spec = SweepSpec.model_validate(
        {"name": "shape", "experiment": {"corpus": {"name": "python-docs"}, "model": {"kind": "linear", "width": 8}}}
    )
    status = SweepStatus(spec, PROGRESS, (BEST,), "2026-01-01T00:00:00Z", None, deaths)
    said = " ".join(drawn(status_view(status, Console(width=300)), 300))
    assert "workers that died: 5, last signal 9 (SIGKILL)" in said
    assert "s-0001-s0, s-0002-s0, s-0003-s0 and 1 more" in said
    assert "died" not in " ".join(drawn(status_view(replace(status, deaths=()), Console(width=300)), 300))
