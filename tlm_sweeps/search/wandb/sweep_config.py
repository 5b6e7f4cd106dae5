"""The W&B sweep configurations that we write, as frozen data: every field explicit, nothing that W&B would infer.

W&B's own schema (package `sweeps`, `config/schema.json`) allows more; `config_schema` checks against it. What its
server does with ranges is said here, because it decides what may be written: `q_uniform` draws multiples of `q` and
not `min + k q`, so a range with a step is a list; `log_uniform` means exponents, so it is `log_uniform_values`; and
`min` must be below `max`, so a range of one value is a list too.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from tlm_sweeps.errors import InputError
from tlm_sweeps.spec.space import Choices, Range

MOST_VALUES = 10_000
"""Values of one parameter, and so cells of an enumerated sweep: W&B keeps the whole list in the sweep's config."""


class _Words(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)


class Constant(_Words):
    """The same value in every run."""

    value: Any


class Listed(_Words):
    """One of some values; a grid takes each in turn."""

    values: Annotated[tuple[Any, ...], Field(min_length=1, max_length=MOST_VALUES)]


class Uniform(_Words):
    """Any number between two, uniformly or in the logarithm."""

    distribution: Literal["uniform", "log_uniform_values"]
    min: float
    max: float


class IntUniform(_Words):
    """Any whole number from `min` to `max`, both included."""

    distribution: Literal["int_uniform"] = "int_uniform"
    min: int
    max: int


class LogIntUniform(_Words):
    """Whole numbers, uniformly in the logarithm: `q` is the grain to which W&B rounds."""

    distribution: Literal["q_log_uniform_values"] = "q_log_uniform_values"
    min: int
    max: int
    q: Literal[1] = 1


Parameter = Constant | Listed | Uniform | IntUniform | LogIntUniform


class Metric(_Words):
    """What the search minimises."""

    name: Literal["val_nll"] = "val_nll"
    goal: Literal["minimize"] = "minimize"


class Hyperband(_Words):
    """At `min_iter` · `eta`^k lines of history, runs that are not among the best 1/`eta` are stopped."""

    type: Literal["hyperband"] = "hyperband"
    min_iter: Annotated[int, Field(ge=1)]
    eta: Literal[3] = 3


class SweepConfig(_Words):
    """A sweep at W&B."""

    name: str
    description: str | None = None
    method: Literal["grid", "random", "bayes", "custom"]
    metric: Metric = Metric()
    parameters: Annotated[dict[str, Parameter], Field(min_length=1)]
    program: Literal["tlm-sweeps"] = "tlm-sweeps"
    command: tuple[str, ...] = ("${env}", "tlm-sweeps", "agent", "--proposal", "${args_json_file}")
    run_cap: Annotated[int, Field(ge=1)]
    early_terminate: Hyperband | None = None
    scheduler: dict[str, str] | None = None

    def as_data(self) -> dict[str, Any]:
        """Plain JSON data, as W&B gets it."""
        left_out = {name for name in ("description", "early_terminate", "scheduler") if getattr(self, name) is None}
        return self.model_dump(mode="json", exclude=left_out)


def parameter_of(name: str, dimension: Choices | Range) -> Parameter:
    """A searched field in W&B's words.

    Raises:
        InputError: for a range of more steps than W&B could list.
    """
    if isinstance(dimension, Choices):
        return Listed(values=dimension.choices)
    if dimension.step is not None or dimension.low == dimension.high:
        return _listed(name, dimension)
    low, high = dimension.bounds()
    if isinstance(low, int) and isinstance(high, int):
        return (LogIntUniform if dimension.log else IntUniform)(min=low, max=high)
    return Uniform(distribution="log_uniform_values" if dimension.log else "uniform", min=low, max=high)


def listed(name: str, dimension: Choices | Range) -> Listed:
    """All values of a finite field, as a grid needs them.

    Raises:
        InputError: when there are more than W&B could list.
    """
    return Listed(values=dimension.choices) if isinstance(dimension, Choices) else _listed(name, dimension)


def _listed(name: str, dimension: Range) -> Listed:
    size = 1 if dimension.low == dimension.high else dimension.size()
    if size is None or size > MOST_VALUES:
        raise InputError(
            f"`{name}` has {size or 'infinitely many'} values; a W&B sweep lists at most {MOST_VALUES:,}",
            place=f"search.{name}",
            hint="a larger step, or a range without one",
        )
    return Listed(values=(dimension.bounds()[0],) if size == 1 else dimension.values() or ())
