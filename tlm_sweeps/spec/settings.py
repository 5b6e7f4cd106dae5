"""Settings: values of experiment fields by their dotted names, `{"model.kind": "linear", "model.context": 16}`."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Annotated, Any

from pydantic import AfterValidator

from tlm_sweeps.spec.yaml_writing import flow


def dotted(nested: Mapping[str, Any]) -> dict[str, Any]:
    """Dotted names from a mapping that may nest; lists become tuples.

    Raises:
        ValueError: for a name that is given twice, an empty mapping, or a value that a spec cannot hold.

    >>> dotted({"model": {"kind": "linear", "context": 16}, "training.predict": "last"})
    {'model.kind': 'linear', 'model.context': 16, 'training.predict': 'last'}
    """
    flat: dict[str, Any] = {}
    for name, value in nested.items():
        if not isinstance(name, str):
            raise ValueError(f"{name!r} is no name of a field")
        found = (
            {f"{name}.{rest}": each for rest, each in dotted(value).items()} if _is_mapping(value) else {name: value}
        )
        for full, each in found.items():
            if full in flat:
                raise ValueError(f"`{full}` is given twice, nested and dotted")
            flat[full] = _frozen(full, each)
    return flat


def _is_mapping(value: Any) -> bool:
    return isinstance(value, Mapping)


def _frozen(name: str, value: Any) -> Any:
    if isinstance(value, list | tuple):
        return tuple(_frozen(name, each) for each in value)
    is_number = isinstance(value, int | float) and math.isfinite(value)
    if value is None or isinstance(value, str) or is_number:
        return value
    raise ValueError(
        f"`{name}` is {flow(value)}; a setting is text, a finite number, true, false, null or a list of these"
    )


def put(data: dict[str, Any], names: Sequence[str], value: Any) -> None:
    """Set a value in nested mappings, making (or replacing by) a mapping wherever one is needed on the way."""
    for name in names[:-1]:
        inner = data.get(name)
        if not isinstance(inner, dict):
            inner = data[name] = {}
        data = inner
    data[names[-1]] = value


Settings = Annotated[dict[str, Any], AfterValidator(dotted)]
"""Dotted names and values; a nested mapping is accepted and made dotted."""
