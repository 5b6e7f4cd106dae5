"""Settings in Optuna's words and back: dimensions as distributions, values as parameters."""

from __future__ import annotations

import json
import logging
from typing import Any

import optuna
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution

from tlm_sweeps.spec.space import Choices, Range

optuna.logging.set_verbosity(logging.WARNING)


def distribution_of(dimension: Choices | Range) -> BaseDistribution:
    """A dimension in Optuna's words. A list of numbers becomes ranks, so that every sampler sees their order."""
    if isinstance(dimension, Choices):
        last = len(dimension.choices) - 1
        return (
            IntDistribution(0, last)
            if is_ordinal(dimension)
            else CategoricalDistribution(list(map(plain, dimension.choices)))
        )
    if dimension.integer:
        return IntDistribution(
            int(dimension.low), int(dimension.high), log=dimension.log, step=int(dimension.step or 1)
        )
    return FloatDistribution(dimension.low, dimension.high, log=dimension.log, step=dimension.step)


def is_ordinal(dimension: Choices) -> bool:
    """Whether the choices are numbers in rising or falling order."""
    choices = dimension.choices
    numbers = [value for value in choices if isinstance(value, int | float) and not isinstance(value, bool)]
    return len(numbers) == len(choices) > 1 and numbers in (sorted(numbers), sorted(numbers, reverse=True))


def to_setting(dimension: Choices | Range, param: Any) -> Any:
    """From Optuna's value to the spec's."""
    if isinstance(dimension, Range):
        return param
    return dimension.choices[param] if is_ordinal(dimension) else dimension.choices[_index(dimension, param)]


def to_param(dimension: Choices | Range, setting: Any) -> Any:
    """From the spec's value to Optuna's: the inverse of `to_setting`."""
    if isinstance(dimension, Range):
        return setting
    value = tuple(setting) if isinstance(setting, list) else setting
    return dimension.choices.index(value) if is_ordinal(dimension) else plain(value)


def _index(dimension: Choices, param: Any) -> int:
    return [plain(choice) for choice in dimension.choices].index(param)


def plain(value: Any) -> Any:
    """Optuna's categories are scalars: a list of values stands as its JSON text."""
    return json.dumps(value) if isinstance(value, tuple) else value
