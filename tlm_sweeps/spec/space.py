"""One searched hyperparameter: a list of choices, or a range of numbers."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BeforeValidator, Discriminator, Field, Tag, WithJsonSchema, model_serializer, model_validator

from tlm_sweeps.spec.fields import Part

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


class Choices(Part):
    """A finite list of values, in the order given."""

    choices: Annotated[tuple[Value, ...], Field(min_length=1)]

    @model_serializer
    def _written(self) -> list[Any]:
        return [list(value) if isinstance(value, tuple) else value for value in self.choices]


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
        whole = (self.low, self.high, self.step or 1)
        if self.integer and any(number != int(number) for number in whole):
            raise ValueError(f"a range of whole numbers needs whole bounds, not {self.low:g} to {self.high:g}")
        return self

    @model_serializer
    def _written(self) -> dict[str, Any]:
        name = next(key for key, kind in RANGES.items() if kind == {"integer": self.integer, "log": self.log})
        number = int if self.integer else float
        bounds = [number(self.low), number(self.high)]
        return {name: bounds} if self.step is None else {name: bounds, "step": number(self.step)}

    def values(self) -> tuple[int | float, ...] | None:
        """All values of a finite range (whole numbers or steps), or None."""
        if self.integer and not (self.log and self.high - self.low > 10**6):
            return tuple(range(int(self.low), int(self.high) + 1, int(self.step or 1)))
        if self.step is None:
            return None
        count = int((self.high - self.low) / self.step + 1e-9) + 1
        return tuple(self.low + k * self.step for k in range(count))


def _read(written: object) -> object:
    """From the spec's words to the fields: `[1, 2]`, `{log_uniform: [1e-4, 3e-3]}`, `{int_uniform: [1, 9], step: 2}`."""
    if isinstance(written, Choices | Range):
        return written
    if isinstance(written, list | tuple):
        distinct: list[Any] = []
        for each in written:
            value = tuple(each) if isinstance(each, list) else each
            if not any(value == seen and type(value) is type(seen) for seen in distinct):
                distinct.append(value)
        return {"choices": tuple(distinct)}
    if not isinstance(written, dict):
        raise ValueError(f"{written!r} is neither a list of choices nor a range such as {{uniform: [0, 1]}}")
    kinds = [key for key in written if key in RANGES]
    if len(kinds) != 1 or written.keys() - {kinds[0], "step"}:
        raise ValueError(f"write a list of choices, or one of {', '.join(RANGES)}: [low, high] (and step: n)")
    bounds = written[kinds[0]]
    numbers = isinstance(bounds, list | tuple) and all(
        isinstance(bound, int | float) and not isinstance(bound, bool) for bound in bounds
    )
    if not numbers or len(bounds) != 2:
        raise ValueError(f"{kinds[0]} needs two numbers, [low, high], not {bounds!r}")
    return {"low": bounds[0], "high": bounds[1], "step": written.get("step"), **RANGES[kinds[0]]}


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
