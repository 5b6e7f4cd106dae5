"""What W&B's server says about a sweep's config: the schema of the package `sweeps`, and further rules."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any

from jsonschema import Draft7Validator

_METHODS = {"wandb": ("grid", "bayes", "random"), "optuna": ("custom",), "ax": ("custom",)}
"""Methods that go with each engine of a scheduler."""
_EXPONENTS = ("log_uniform", "inv_log_uniform", "q_log_uniform")
"""Distributions that W&B calls deprecated: their bounds are exponents."""


def check_config(config: dict[str, Any]) -> list[str]:
    """The complaints, which UpsertSweep gives back as `configValidationWarnings`; none for a config that is sound."""
    found = [f"{'.'.join(map(str, error.path))}: {error.message}" for error in _validator().iter_errors(config)]
    return [*found, *_of_parameters(config), *_of_scheduler(config)]


@cache
def _validator() -> Draft7Validator:
    path = Path(str(metadata.distribution("sweeps").locate_file("sweeps/config/schema.json")))
    return Draft7Validator(json.loads(path.read_text(encoding="utf-8")))


def _of_parameters(config: dict[str, Any]) -> Iterator[str]:
    if "parameters" not in config and not (config.get("scheduler") or {}).get("search_space"):
        yield "`parameters` is required unless `scheduler.search_space` is set"
    for name, parameter in config.get("parameters", {}).items():
        if not isinstance(parameter, dict):
            yield f"parameter {name} is no mapping"
            continue
        low, high = parameter.get("min"), parameter.get("max")
        if isinstance(low, int | float) and isinstance(high, int | float) and low >= high:
            yield f"{name}: min {low} is not less than max {high}"
        if parameter.get("distribution") in _EXPONENTS:
            yield f"{name} uses {parameter['distribution']}, whose bounds are exponents"


def _of_scheduler(config: dict[str, Any]) -> Iterator[str]:
    scheduler = config.get("scheduler")
    if not isinstance(scheduler, dict):
        return
    if "early_terminate" in config:
        yield "`early_terminate` cannot be used together with `scheduler`"
    if config.get("method") not in _METHODS.get(scheduler.get("engine", ""), ()):
        yield f"`scheduler.engine: {scheduler.get('engine')}` does not support `method: {config.get('method')}`"
