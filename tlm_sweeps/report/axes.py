"""One searched hyperparameter as an axis: where each value lies and which ticks name it. Arithmetic, no plotly."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from tlm_sweeps.report.naming import format_value, short_names
from tlm_sweeps.spec.space import Choices, Dimension, Range

_MIDDLE, _LONG = 2.0, 3.1
"""Decades up to which short names stand at 1, 2, 5, and above which an axis is marked at powers of ten only."""
_PREFIXES = ((1e21, "Z"), (1e18, "E"), (1e15, "P"), (1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k"))


@dataclass(frozen=True)
class Ticks:
    """Where an axis is marked, and with what."""

    at: tuple[float, ...]
    text: tuple[str, ...]


@dataclass(frozen=True)
class Axis:
    """A hyperparameter's axis. Positions are 0, 1, … for choices, log10 of the value on a log range, else the value."""

    name: str
    """Dotted name of the field."""
    title: str
    scale: Literal["choices", "linear", "log"]
    low: float
    high: float
    """Positions of the outermost values."""
    ticks: Ticks
    choices: tuple[Any, ...] = ()

    def position(self, value: Any) -> float | None:
        """Where a value lies; None for one that is not of this dimension."""
        if self.scale == "choices":
            wanted = _alike(value)
            found = (index for index, choice in enumerate(self.choices) if _alike(choice) == wanted)
            return next(found, None)
        if isinstance(value, bool) or not isinstance(value, int | float):
            return None
        if self.scale == "log":
            return math.log10(value) if value > 0 else None
        return float(value)

    def at_edge(self, value: Any) -> Literal["low", "high"] | None:
        """Whether an ordered dimension's value lies at (within 2 % of) its lowest or highest."""
        place = self.position(value)
        ordered = self.scale != "choices" or _is_rising(self.choices)
        if place is None or not ordered or self.high <= self.low:
            return None
        share = (place - self.low) / (self.high - self.low)
        return "low" if share <= 0.02 else "high" if share >= 0.98 else None


def axes_of(search: Mapping[str, Dimension]) -> tuple[Axis, ...]:
    """An axis for every searched dimension that has more than one value."""
    titles = short_names(search)
    axes = (_axis(name, titles[name], dimension) for name, dimension in search.items())
    return tuple(axis for axis in axes if axis.high > axis.low)


def linear_ticks(low: float, high: float, count: int = 5) -> Ticks:
    """About so many round numbers from low to high.

    >>> linear_ticks(0, 10).text
    ('0', '2', '4', '6', '8', '10')
    """
    if high <= low:
        return Ticks((low,), (format_value(float(low)),))
    raw = (high - low) / count
    magnitude = 10 ** math.floor(math.log10(raw))
    step = next(round_step * magnitude for round_step in (1, 2, 2.5, 5, 10) if raw <= round_step * magnitude * 1.0001)
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    at = tuple(index * step for index in range(first, last + 1))
    return Ticks(at, tuple(f"{place:.6g}" for place in at))


def log_ticks(low: float, high: float, *, prefixes: bool = False) -> Ticks:
    """Positions (log10) and names of 1, 2, 5, 10, … between two positions, fewer on a longer axis.

    Args:
        low: log10 of the lowest value.
        high: log10 of the highest value.
        prefixes: write 2e12 as `2 T`.

    >>> log_ticks(-4, -2.5).text
    ('0.0001', '0.0003', '0.001', '0.003')
    """
    digits = (1, 2, 5) if high - low <= (_MIDDLE if prefixes else 1) else (1, 3) if high - low <= _LONG else (1,)
    numbers = [digit * 10.0**power for power in range(math.floor(low), math.ceil(high) + 1) for digit in digits]
    shown = [number for number in numbers if low - 1e-9 <= math.log10(number) <= high + 1e-9]
    return Ticks(
        tuple(math.log10(number) for number in shown),
        tuple(with_prefix(number) if prefixes else f"{number:.4g}" for number in shown),
    )


def with_prefix(number: float) -> str:
    """A number with its SI prefix, as axis ticks have it.

    >>> with_prefix(2e12), with_prefix(431_000), with_prefix(65)
    ('2 T', '431 k', '65')
    """
    for size, prefix in _PREFIXES:
        if number >= size:
            return f"{number / size:.3g} {prefix}"
    return f"{number:.3g}"


def _axis(name: str, title: str, dimension: Choices | Range) -> Axis:
    if isinstance(dimension, Choices):
        choices = _in_order(dimension.choices)
        ticks = Ticks(tuple(range(len(choices))), tuple(format_value(choice) for choice in choices))
        return Axis(name, title, "choices", 0, len(choices) - 1, ticks, choices)
    if dimension.log:
        low, high = math.log10(dimension.low), math.log10(dimension.high)
        return Axis(name, title, "log", low, high, log_ticks(low, high))
    return Axis(name, title, "linear", dimension.low, dimension.high, linear_ticks(dimension.low, dimension.high))


def _in_order(choices: Sequence[Any]) -> tuple[Any, ...]:
    """Numbers by size, anything else as it was written."""
    return tuple(sorted(choices)) if all(_is_number(choice) for choice in choices) else tuple(choices)


def _is_rising(choices: Sequence[Any]) -> bool:
    return len(choices) > 2 and all(_is_number(choice) for choice in choices)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _alike(value: Any) -> tuple[str, Any]:
    """A value as it can be compared with one that has been through JSON: lists are tuples, 1 is 1.0, true is not 1."""
    if isinstance(value, list | tuple):
        return "list", tuple(_alike(each) for each in value)
    return ("number", float(value)) if _is_number(value) else (type(value).__name__, value)
