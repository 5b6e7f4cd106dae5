"""Errors about a field of a loaded spec, given the line of the file where the field stands."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

from tlm_sweeps.errors import InputError, Problem
from tlm_sweeps.spec.field_names import SECTIONS
from tlm_sweeps.spec.loading import LoadedSweep
from tlm_sweeps.spec.sweep import SweepSpec

_DOTTED = re.compile(r"[a-z_]+(\.[A-Za-z0-9_-]+)*")


@contextmanager
def located(loaded: LoadedSweep) -> Iterator[None]:
    """Errors inside whose place is a bare dotted field come out with `file:line field`."""
    try:
        yield
    except InputError as error:
        raise InputError.of(_located(problem, loaded) for problem in error.problems) from error


def _located(problem: Problem, loaded: LoadedSweep) -> Problem:
    first = problem.place.partition(".")[0]
    is_field = _DOTTED.fullmatch(problem.place) and first in {*SweepSpec.model_fields, *SECTIONS}
    return Problem(problem.message, loaded.place(problem.place), problem.hint) if is_field else problem
