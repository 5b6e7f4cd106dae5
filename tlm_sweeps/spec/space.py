"""One searched hyperparameter: a list of choices, or a range of numbers."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Annotated, Any

from pydantic import BeforeValidator, Discriminator, Field, Tag, WithJsonSchema, model_serializer, model_validator

from tlm_sweeps.spec.fields import Part
from tlm_sweeps.spec.fingerprint import canonical_json
from tlm_sweeps.spec.yaml_writing import flow

Scalar = bool | int | float | str | None
Value = Scalar | tuple[Scalar, ...]
"""What a setting can be: a scalar, or a few of them for a field that holds a list."""

RANGES = {
    "uniform": {"integer": False, "log": False},
    "log_uniform": {"integer": False, "log": True},
    "int_uniform": {"integer": True, "log": False},
    "log_int_uniform": {"integer": True, "log": True},
}
"""How a range is written in a spec, and what it means."""


_LARGEST_LOG_GRID = 10**6
"""A logarithmic range of more whole numbers than this counts as infinite."""
_MOST_STEPS = 10**15
"""More can be counted neither in a float nor by anybody."""


class Choices(Part):
    """A finite list of values, in the order given."""

    choices: Annotated[tuple[Value, ...], Field(min_length=1)]

    @model_serializer
    def _written(self) -> list[Any]:
        return [list(value) if isinstance(value, tuple) else value for value in self.choices]

    def size(self) -> int:
        """How many values there are."""
        return len(self.choices)


class Range(Part):
    """Numbers from `low` to `high`, both included."""

    low: float
    high: float
    integer: bool = False
    log: bool = False
    step: float | None = None

    @model_validator(mode="after")
    def _is_a_range(self) -> Range:
        if self.low > self.high:
            raise ValueError(f"empty range: {self.low:g} is above {self.high:g}")
        if self.log and self.low <= 0:
            raise ValueError(f"a log range must begin above 0, not at {self.low:g}")
        if self.step is not None and (self.step <= 0 or self.log):
            raise ValueError("`step` must be above 0, and a log range has none")
        if self.step is not None and not (self.high - self.low) / self.step < _MOST_STEPS:
            raise ValueError(f"steps of {self.step:g} from {self.low:g} to {self.high:g} are too many to count")
        whole = (self.low, self.high, self.step or 1)
        if self.integer and any(number != int(number) for number in whole):
            raise ValueError(f"a range of whole numbers needs whole bounds, not {self.low:g} to {self.high:g}")
        return self

    @model_serializer
    def _written(self) -> dict[str, Any]:
        name = next(key for key, kind in RANGES.items() if kind == {"integer": self.integer, "log": self.log})
        bounds = list(self.bounds())
        if self.step is None:
            return {name: bounds}
        return {name: bounds, "step": int(self.step) if self.integer else self.step}

    def bounds(self) -> tuple[int, int] | tuple[float, float]:
        """The smallest and the largest value, as the field gets them."""
        return (int(self.low), int(self.high)) if self.integer else (self.low, self.high)

    def size(self) -> int | None:
        """How many values a finite range has, or None. Cheap, unlike `values`."""
        if self.integer and not (self.log and self.high - self.low > _LARGEST_LOG_GRID):
            return int(self.high - self.low) // int(self.step or 1) + 1
        return None if self.step is None else int((self.high - self.low) / self.step + 1e-9) + 1

    def values(self) -> tuple[int | float, ...] | None:
        """All values of a finite range (whole numbers or steps), or None. Look at `size` first."""
        size = self.size()
        if size is None:
            return None
        low, step = (self.bounds()[0], int(self.step or 1)) if self.integer else (self.low, self.step or 1.0)
        return tuple(low + k * step for k in range(size))


def distinct(values: Iterable[Any]) -> tuple[int, ...]:
    """Indices of the values that did not occur before; 1 and 1.0 are the same, 1 and true are not.

    >>> distinct([1, 2, 1.0, True])
    (0, 1, 3)
    """
    kept: dict[str, int] = {}
    for index, value in enumerate(values):
        kept.setdefault(canonical_json(value), index)
    return tuple(kept.values())


def _read(written: object) -> object:
    """From the words of a spec: `[1, 2]`, `{log_uniform: [1e-4, 3e-3]}`, `{int_uniform: [1, 9], step: 2}`."""
    if isinstance(written, Choices | Range):
        return written
    if isinstance(written, list | tuple):
        return _read_choices(written)
    if not isinstance(written, dict):
        raise ValueError(f"{flow(written)} is neither a list of choices nor a range such as {{uniform: [0, 1]}}")
    return _read_range(written)


def _read_choices(written: Sequence[Any]) -> dict[str, Any]:
    if not written:
        raise ValueError("an empty list leaves nothing to choose from")
    values = [tuple(value) if isinstance(value, list) else value for value in written]
    for value in values:
        if not all(_is_scalar(each) for each in (value if isinstance(value, tuple) else (value,))):
            raise ValueError(
                f"{flow(value)} is no choice; write text, a finite number, true, false, null or a list of these"
            )
    return {"choices": tuple(values[index] for index in distinct(values))}


def _read_range(written: dict[str, Any]) -> dict[str, Any]:
    kinds = [key for key in written if key in RANGES]
    if len(kinds) != 1 or written.keys() - {kinds[0], "step"}:
        raise ValueError(
            f"{flow(written)} is no range; write {', '.join(RANGES)}: [low, high] (and step: n), or a list of choices"
        )
    bounds, step = written[kinds[0]], written.get("step")
    if not isinstance(bounds, list | tuple) or len(bounds) != 2 or not all(map(_is_number, bounds)):
        raise ValueError(f"{kinds[0]} needs two numbers, [low, high], not {flow(bounds)}")
    if "step" in written and not _is_number(step):
        raise ValueError(f"`step` must be a number, not {flow(step)}")
    return {"low": bounds[0], "high": bounds[1], "step": step, **RANGES[kinds[0]]}


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _is_scalar(value: Any) -> bool:
    return value is None or isinstance(value, bool | str) or _is_number(value)


def _kind(read: object) -> str:
    is_choices = isinstance(read, Choices) or (isinstance(read, dict) and "choices" in read)
    return "choices" if is_choices else "range"


_SCHEMA = {
    "anyOf": [
        {"type": "array", "minItems": 1},
        *(
            {
                "type": "object",
                "required": [name],
                "additionalProperties": False,
                "properties": {
                    name: {"type": "array", "items": {"type": "number"}, "minItems": 2, "maxItems": 2},
                    "step": {"type": "number"},
                },
            }
            for name in RANGES
        ),
    ]
}

Dimension = Annotated[
    Annotated[Choices, Tag("choices")] | Annotated[Range, Tag("range")],
    Discriminator(_kind),
    BeforeValidator(_read),
    WithJsonSchema(_SCHEMA),
]
"""What is tried for one field."""
