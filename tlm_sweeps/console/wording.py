"""Short phrases that several views share. Pure: values in, text out."""

from __future__ import annotations

from collections.abc import Mapping

from tlm_sweeps.report.naming import describe_settings, format_nll
from tlm_sweeps.runs.record import Record, State
from tlm_sweeps.search.affording import Unbegun
from tlm_sweeps.search.progress import SweepProgress
from tlm_sweeps.units import format_flops, format_seconds

_ORDER: tuple[State, ...] = ("complete", "running", "waiting", "pruned", "infeasible", "failed")


def setting_of(settings: Mapping[str, object], baseline: str | None) -> str:
    """What a run tries: its baseline's name, or its settings.

    >>> setting_of({"model.depth": 3, "model.heads": 2}, None), setting_of({"model.kind": "mlp"}, "mlp")
    ('depth 3, heads 2', 'baseline mlp')
    """
    return f"baseline {baseline}" if baseline else describe_settings(settings) or "the experiment"


def run_of(trial: int, seed: int) -> str:
    """A run's number and seed."""
    return f"trial {trial} seed {seed}"


def scored(record: Record) -> str:
    """A complete run's validation NLL."""
    return "–" if record.val_nll is None else format_nll(record.val_nll)


def trials_of(progress: SweepProgress) -> str:
    """How many trials are over, of how many."""
    wanted = "" if progress.trials_wanted is None else f"/{progress.trials_wanted}"
    return f"{progress.trials_over}{wanted} trials"


def share_of(progress: SweepProgress) -> float | None:
    """Share of the budget that is spent; None where nobody knows the whole."""
    return min(1.0, progress.spent_flops / progress.total_flops) if progress.total_flops else None


def spent_of(progress: SweepProgress) -> str:
    """FLOPs spent, of how many."""
    of_total = f" of {format_flops(progress.total_flops)}" if progress.total_flops else " spent"
    return f"{format_flops(progress.spent_flops)}{of_total}"


def not_begun(unbegun: Unbegun) -> str:
    """What the total had not enough left for.

    >>> from tlm_sweeps.search.affording import Unbegun
    >>> not_begun(Unbegun(2, needed_flops=3_000_000, left_flops=1_000_000))
    '2 trials not begun: the next needs 3 MFLOPs with all its seeds, and 1 MFLOPs of the total are left'
    """
    trials = "further trials" if unbegun.trials is None else counted(unbegun.trials, "trial")
    needed, left = format_flops(unbegun.needed_flops), format_flops(max(0, unbegun.left_flops))
    return f"{trials} not begun: the next needs {needed} with all its seeds, and {left} of the total are left"


def left_of(progress: SweepProgress) -> str:
    """Time left, in words; empty while nobody can tell, and when nothing is left."""
    if progress.remaining_seconds is None or not progress.running:
        return ""
    return f"{about(progress.remaining_seconds)} left"


def about(seconds: float) -> str:
    """A duration that is only an estimate, to its leading figures.

    >>> about(42.0), about(0.2), about(4000.0)
    ('about 40 s', 'a moment', 'about 1 h 05 min')
    """
    grain = 1 if seconds < 10 else 10 if seconds < 120 else 60 if seconds < 3600 else 300
    rounded = round(seconds / grain) * grain
    return f"about {format_seconds(rounded).replace('.0 s', ' s').replace(' 00 s', '')}" if rounded else "a moment"


def states_in_words(states: Mapping[State, int]) -> str:
    """How many runs are in each state.

    >>> states_in_words({"failed": 1, "complete": 12})
    '12 complete, 1 failed'
    """
    return ", ".join(f"{states[state]} {state}" for state in _ORDER if states.get(state)) or "no runs yet"


def counted(count: int, thing: str) -> str:
    """A count with its noun.

    >>> counted(1, "seed"), counted(1200, "trial")
    ('1 seed', '1,200 trials')
    """
    return f"{count:,} {thing}" + ("s" if count != 1 else "")
