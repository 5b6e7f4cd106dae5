"""A spec as YAML that reads back as the same spec: only what was set, short mappings on one line."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from tlm_sweeps.spec.yaml_scalars import write_scalar

if TYPE_CHECKING:
    from tlm_sweeps.spec.sweep import SweepSpec

WIDTH = 100
"""Columns that a mapping on one line may take."""


def to_yaml(spec: SweepSpec) -> str:
    """The fields that were set, so that `load_sweep` of the text gives an equal spec."""
    written = spec.model_dump(mode="json", exclude_unset=True)
    return "".join(_entry(key, value, indent=0) for key, value in written.items())


def _entry(key: str, value: Any, indent: int) -> str:
    line = f"{' ' * indent}{write_scalar(key)}: {flow(value)}\n"
    if not isinstance(value, Mapping) or not value:
        return line
    has_mappings = any(isinstance(each, Mapping) and each for each in value.values())
    if len(line) <= WIDTH and indent and not has_mappings:
        return line
    entries = "".join(_entry(name, each, indent + 2) for name, each in _kind_first(value).items())
    return f"{' ' * indent}{write_scalar(key)}:\n{entries}"


def flow(value: Any) -> str:
    """A value on one line, as it may stand in a spec or in a message about one.

    >>> flow({"log_uniform": [1e-4, 3e-3]}), flow(["a", 1, None])
    ('{log_uniform: [1e-4, 3e-3]}', '[a, 1, null]')
    """
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{flow(key)}: {flow(each)}" for key, each in _kind_first(value).items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(flow, value)) + "]"
    if value is None or isinstance(value, bool | int | float | str):
        return write_scalar(value)
    return repr(value)


def _kind_first(mapping: Mapping[str, Any]) -> dict[str, Any]:
    first = {"kind": mapping["kind"]} if "kind" in mapping else {}
    return {**first, **mapping}
