"""A sweep under way as plain lines, one for each run that ended: for logs and pipes. Pure: pictures in, text out."""

from __future__ import annotations

from tlm_sweeps.console.wording import (
    counted,
    left_of,
    not_begun,
    run_of,
    scored,
    setting_of,
    share_of,
    states_in_words,
    trials_of,
)
from tlm_sweeps.runs.record import Record
from tlm_sweeps.search.progress import SweepProgress
from tlm_sweeps.units import format_flops


def line_of(record: Record, progress: SweepProgress) -> str:
    """One run that has ended, and where the sweep stands by then."""
    share = share_of(progress)
    words = [
        run_of(record.trial, record.seed),
        setting_of(record.settings, record.baseline),
        f"val {scored(record)}" if record.state == "complete" else f"{record.state}: {record.reason}",
        trials_of(progress),
        "" if share is None else f"{share:.0%} of budget".replace("%", " %"),
        left_of(progress),
    ]
    return " · ".join(word for word in words if word)


def beginning_of(progress: SweepProgress, *, resumes: bool) -> str:
    """The first thing to say of a sweep."""
    if not resumes:
        return f"{progress.sweep}: {_wanted(progress)}"
    if not progress.running:
        return f"{progress.sweep} has nothing left to train: {states_in_words(progress.states)}"
    wanted = "" if progress.trials_wanted is None else f" of {progress.trials_wanted}"
    return f"resuming: {progress.trials_over}{wanted} trials done"


def _wanted(progress: SweepProgress) -> str:
    trials = "as many trials as fit" if progress.trials_wanted is None else counted(progress.trials_wanted, "trial")
    spending = f"{format_flops(progress.total_flops)} to spend" if progress.total_flops else ""
    computing = "" if progress.precision == "fp32" else f"in {progress.precision}"
    return ", ".join(each for each in (trials, spending, computing) if each)


def ending_of(progress: SweepProgress) -> str:
    """The last thing to say of a sweep that ran to its end."""
    done = f"done: {states_in_words(progress.states)}"
    if progress.unbegun:
        done += f"; {not_begun(progress.unbegun)}"
    if not progress.untold:
        return done
    of_them = counted(progress.untold, "run")
    return f"{done}; W&B does not know all of {of_them}: `tlm-sweeps sync {progress.sweep}` uploads what it lacks"
