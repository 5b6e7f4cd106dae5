"""Whether a sweep can run at all, found out before anything is written."""

from __future__ import annotations

from itertools import chain

from tlm_sweeps.compute.planning import (
    MOST_PLANNED,
    FactsOf,
    PlannedTrial,
    baseline_settings,
    cells,
    corners,
    draws,
    ensure_text,
    plan_trial,
    space_size,
)
from tlm_sweeps.errors import InputError, Problem
from tlm_sweeps.spec.sweep import SweepSpec

_DRAWS = 300
"""Settings of an infinite or huge space that are tried before it counts as infeasible."""


def ensure_feasible(spec: SweepSpec, facts_of: FactsOf) -> None:
    """Refuse a sweep in which a baseline, or every setting, is infeasible.

    Raises:
        InputError: with the reason; its place is a dotted field. Also when the text cannot be had.
    """
    ensure_text(spec, facts_of)
    for name, settings in baseline_settings(spec):
        planned = plan_trial(spec, settings, facts_of, baseline=name)
        if planned.problem:
            place, hint = f"baselines.{name}", planned.problem.hint
            raise InputError(f"baseline `{name}` is infeasible: {planned.reason}", place=place, hint=hint)
    first: PlannedTrial | None = None
    size = space_size(spec)
    is_whole = size is not None and size <= MOST_PLANNED
    for settings in cells(spec) if is_whole else chain(corners(spec), draws(spec, _DRAWS)):
        planned = plan_trial(spec, settings, facts_of)
        if planned.feasible:
            return
        first = first or planned
    problem = first.problem if first and first.problem else Problem("the search space is empty", "search")
    if not spec.search:
        raise InputError.of([problem])
    tried = "no setting of the search space" if is_whole else f"none of {_DRAWS} settings drawn from the search space"
    message = f"{tried} is feasible; the first: {problem.message}"
    raise InputError(message, place=problem.place, hint=problem.hint)
