"""Runs that were asked for and will never be complete: those that failed, and those that could not be begun.

A run whose origin failed is infeasible: it has no weights to start from.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from tlm_sweeps.runs.record import Record


def losses(records: Iterable[Record]) -> str:
    """How many failed, and how many are infeasible where any is.

    >>> losses([])
    '0 failed'
    """
    found = Counter(record.state for record in records)
    infeasible = f", {found['infeasible']} infeasible" if found["infeasible"] else ""
    return f"{found['failed']} failed{infeasible}"
