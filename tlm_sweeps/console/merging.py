"""What came of a merge, in words. Pure: facts in, text out."""

from __future__ import annotations

from collections.abc import Iterator

from tlm_sweeps.console.wording import counted, states_in_words
from tlm_sweeps.runs.merge import MergedSweep
from tlm_sweeps.units import format_flops


def merge_lines(sweep: MergedSweep, *, dry_run: bool) -> Iterator[str]:
    """A sweep that was brought together: what it is now, and a line for each place.

    Args:
        sweep: what came of it.
        dry_run: whether nothing was written.
    """
    runs = counted(sum(sweep.states.values()), "run")
    new = "" if sweep.has_changed else "; nothing new"
    yield f"{sweep.name}: {runs}{' would be there' if dry_run else ''} ({_states(sweep)}){new}"
    for part in sweep.parts:
        yield f"  {part.place}: {counted(part.runs, 'run')}, {part.kept} kept, {format_flops(part.spent_flops)} spent"
    total = f" of {format_flops(sweep.total_flops)}" if sweep.total_flops is not None else ""
    yield f"  spent in all: {format_flops(sweep.spent_flops)}{total}"
    if sweep.alike:
        yield f"  {counted(sweep.alike, 'run')} trained in more than one place, with the same result"


def merge_troubles(sweep: MergedSweep) -> Iterator[str]:
    """What does not agree, and what was left out."""
    yield from (f"{sweep.name}: results do not agree: {each}" for each in sweep.disagreements)
    yield from (f"{sweep.name}: left out: {each}" for each in sweep.damaged)


def _states(sweep: MergedSweep) -> str:
    return states_in_words(sweep.states) if sweep.parts else "nothing that can be read"
