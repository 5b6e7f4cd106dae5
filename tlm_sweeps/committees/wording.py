"""Shares, intervals and differences as they stand in the tables of a committee."""

from __future__ import annotations

from collections.abc import Sequence

NOTHING = "–"


def percent(share: float) -> str:
    """An accuracy for reading.

    >>> percent(0.8755)
    '87.55'
    """
    return f"{100 * share:.2f}"


def interval(ends: Sequence[float]) -> str:
    """Both ends, in %.

    >>> interval((0.8, 0.91))
    '80.00–91.00'
    """
    return "–".join(percent(end) for end in ends)


def signed(difference: float, ends: Sequence[float]) -> tuple[str, str]:
    """A difference of accuracies and its interval, in points.

    >>> signed(0.012, (-0.001, 0.025))
    ('+1.20', '-0.10 to +2.50')
    >>> signed(-1e-17, (-0.001, 0.001))[0]
    '+0.00'
    """
    return _points(difference), f"{_points(ends[0])} to {_points(ends[1])}"


def _points(share: float) -> str:
    return f"{round(100 * share, 2) + 0.0:+.2f}"  # no -0.00
