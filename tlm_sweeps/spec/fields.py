"""The kinds of value that spec fields hold, and the base class of every part of a spec."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema

from tlm_sweeps.units import parse_flops, parse_share

_NUMBER_OR_TEXT = {"anyOf": [{"type": "number", "exclusiveMinimum": 0}, {"type": "string"}]}

Count = Annotated[int, Field(ge=1, le=10**12)]
"""A whole number of at least 1."""
NonNegative = Annotated[float, Field(ge=0)]
Positive = Annotated[float, Field(gt=0)]
Rate = Annotated[float, Field(ge=0, lt=1)]
"""A probability that leaves something over: 0 ≤ p < 1."""
Flops = Annotated[int, BeforeValidator(parse_flops), WithJsonSchema(_NUMBER_OR_TEXT)]
"""A count of floating-point operations: `2e13` or `20 TFLOPs`."""
Share = Annotated[float, BeforeValidator(parse_share), Field(gt=0, le=1), WithJsonSchema(_NUMBER_OR_TEXT)]
"""A share of a whole: `5%` or 0.05."""
ShareOrNone = Annotated[
    float,
    BeforeValidator(parse_share),
    Field(ge=0, le=1),
    WithJsonSchema({"anyOf": [{"type": "number"}, {"type": "string"}]}),
]
"""A share that may be 0."""
Tag = Annotated[str, Field(min_length=1, max_length=64)]
"""A tag as W&B takes it: 1 to 64 characters."""
Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$")]
"""A name that is safe as a folder: letters, digits, `.`, `_`, `-`, beginning with a letter or digit."""

RunOrSweep = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,99}(/[A-Za-z0-9][A-Za-z0-9._-]{0,149})?$")]
"""`sweep` or `sweep/run`, each a name that is safe as a folder."""


class Part(BaseModel):
    """A part of a spec: frozen, closed and strict (no unknown keys, no NaN, `true` is never 1)."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", strict=True, allow_inf_nan=False, use_attribute_docstrings=True
    )
