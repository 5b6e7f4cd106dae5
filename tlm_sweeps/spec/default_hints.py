"""What to write where a value cannot be and its own shape does not say what was meant: the default, or an example."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from tlm_sweeps.spec.field_names import parts_at
from tlm_sweeps.spec.fields import Part
from tlm_sweeps.spec.yaml_writing import flow

_EXAMPLES = {
    "name": "name: my-sweep",
    "experiment": "experiment: {corpus: {name: python-docs}, model: {kind: transformer, width: 64}}",
    "corpus": "corpus: {name: python-docs}",
    "model": "model: {kind: transformer, width: 64}",
    "kind": "kind: transformer",
    "flops": "flops: 2e13",
    "width": "width: 64",
    "context": "context: 64",
    "search": "search: {model.depth: [1, 2, 4]}",
    "baselines": "baselines: {linear: {model.kind: linear}}",
    "budget": "budget: {flops: 2e13}",
    "engine": "engine: {sampler: grid}",
    "training": "training: {learning_rate: 1e-3}",
    "evaluation": "evaluation: {every: 10%}",
    "tracking": "tracking: {wandb: off}",
}
"""Of fields that have no default, and of what holds other fields."""
_EXAMPLES_IN = {("pieces", "kind"): "kind: trained", ("task", "name"): "name: ag-news"}
"""Where the same word means something else."""


def example_at(path: Sequence[str | int]) -> str:
    """How the field at a path is written, for example; empty where there is no example."""
    names = tuple(map(str, path[-2:]))
    return (_EXAMPLES_IN.get(names) if len(names) == 2 else None) or _EXAMPLES.get(names[-1] if names else "", "")


def default_hint(path: Sequence[str | int], root: type[Part], data: Any) -> str:
    """A hint that holds for the field at a path, whatever was given there; empty where there is none.

    Args:
        path: names and indices that lead to the value.
        root: the part that the data was read as.
        data: plain data, as it was given.
    """
    names = [each for each in path if isinstance(each, str)]
    if not names:
        return ""
    if names[0] == "search" and len(names) > 1:
        return f"write choices, `{names[1]}: [A, B, …]`, or a range, `{{uniform: [LOW, HIGH]}}`"
    if example := example_at(path):
        return f"write e.g. `{example}`"
    field = _field_at(path, root, data)
    if field is None or field.default is PydanticUndefined:
        return ""
    if field.default is None:
        return f"leave `{names[-1]}` out if in doubt"
    return f"leave `{names[-1]}` out for its default" + _shown(field.default)


def _shown(default: Any) -> str:
    value = list(default) if isinstance(default, tuple) else default
    return f", {flow(value)}" if isinstance(value, bool | int | float | str | list) else ""


def _field_at(path: Sequence[str | int], root: type[Part], data: Any) -> FieldInfo | None:
    """The innermost named field on the way."""
    last = max(index for index, each in enumerate(path) if isinstance(each, str))
    parts = parts_at(root, data, path[:last])
    name = str(path[last])
    return next((part.model_fields[name] for part in parts if name in part.model_fields), None)
