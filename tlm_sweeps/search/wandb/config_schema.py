"""A sweep configuration checked against W&B's own JSON schema, where that is installed.

The schema ships in W&B's package `sweeps`, which cannot be a dependency: it wants a numpy of before 2. It is found as a
file, and nothing of the package is imported. Our configurations are typed (`sweep_config`) and W&B's server checks them
once more, so its absence is no loss; the tests always have it.
"""

from __future__ import annotations

import json
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any


def schema_problems(config: dict[str, Any]) -> list[str] | None:
    """What W&B's schema has against a configuration, as `parameters.model.depth: …`; None where it is not installed."""
    schema = _schema()
    if schema is None:
        return None
    from jsonschema import Draft7Validator

    found = sorted(Draft7Validator(schema).iter_errors(config), key=lambda error: list(map(str, error.path)))
    return [f"{'.'.join(map(str, error.path)) or 'config'}: {error.message[:300]}" for error in found]


@cache
def _schema() -> dict[str, Any] | None:
    try:
        metadata.version("jsonschema")
        path = Path(str(metadata.distribution("sweeps").locate_file("sweeps/config/schema.json")))
        return json.loads(path.read_text(encoding="utf-8"))
    except (metadata.PackageNotFoundError, OSError):
        return None
