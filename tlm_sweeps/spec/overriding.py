"""`--set dotted.name=value`: one field of a spec replaced from the command line, by the rules of the file."""

from __future__ import annotations

import contextlib
import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tlm_sweeps.errors import InputError
from tlm_sweeps.spec.composition import overlaid
from tlm_sweeps.spec.field_names import SECTIONS, belongs_to_sweep, experiment_fields, name_hint, sweep_names
from tlm_sweeps.spec.settings import dotted, put
from tlm_sweeps.spec.yaml_source import read_text


@dataclass(frozen=True)
class Override:
    """One `--set`, understood."""

    written: str
    """As it was typed: `model.width=64`."""
    keys: tuple[str, ...]
    """Keys that lead to the value from the top of the spec: `("experiment", "model", "width")`."""
    value: Any

    @property
    def place(self) -> str:
        """Where a message about it points."""
        return f"--set {self.written}"


def read_overrides(written: Sequence[str]) -> list[Override]:
    """Understand `--set` strings.

    Raises:
        InputError: for a missing `=`, an unknown name or a value that is no YAML.
    """
    return [_read(each) for each in written]


def _read(written: str) -> Override:
    place = f"--set {written}"
    name, equals, text = (each.strip() for each in written.partition("="))
    if not (name and equals and text):
        hint = f"write `--set {name or 'model.width'}=VALUE`; `null` unsets a field"
        raise InputError(f"`{written}` is not of the form name=value", place=place, hint=hint)
    keys = _keys(name)
    if keys is None:
        raise InputError(f"`{name}` is no field of a spec", place=place, hint=_hint(name))
    try:
        return Override(written, keys, read_text(text, place).data)
    except InputError as error:
        problem = error.problems[0]
        raise InputError(problem.message, place=place, hint=problem.hint) from None


def _keys(name: str) -> tuple[str, ...] | None:
    """The keys that a name stands for, or None for an unknown one."""
    first, _, rest = name.partition(".")
    if first in SECTIONS:
        return _keys(f"experiment.{name}")
    if first == "search" and (rest in experiment_fields() or belongs_to_sweep(rest)):
        return ("search", rest)  # what cannot be searched is refused with the spec, which knows why
    if first == "baselines" and rest:
        return _baseline_keys(rest)
    return tuple(name.split(".")) if name in sweep_names() else None


def _baseline_keys(name: str) -> tuple[str, ...] | None:
    """A baseline's name may hold dots; the longest end that is a field is the field."""
    parts = name.split(".")
    ends = ((".".join(parts[:cut]), ".".join(parts[cut:])) for cut in range(1, len(parts)))
    return next((("baselines", baseline, field) for baseline, field in ends if field in experiment_fields()), None)


def _hint(name: str) -> str:
    first, _, rest = name.partition(".")
    if first == "search":
        return name_hint(rest, experiment_fields()).replace("mean `", "mean `search.")
    if first == "baselines":
        return "write `--set baselines.NAME.FIELD=VALUE`, such as `baselines.linear.model.context=16`"
    shorter = [each.removeprefix("experiment.") for each in sweep_names()]
    return name_hint(name, shorter)


def overridden(data: Mapping[str, Any], overrides: Sequence[Override]) -> dict[str, Any]:
    """The data of a spec with the overrides put in; null removes a field, so that its default returns.

    A field that is set is no longer searched, unless its `search` is set too.

    Model fields that a new `model.kind` does not have are left behind, as in `compose`.
    """
    changed = copy.deepcopy(dict(data))
    of_fields = [each for each in overrides if each.keys[0] == "experiment" and len(each.keys) > 1]
    for each in of_fields:
        if each.value is not None:
            _remove(changed, ("search", ".".join(each.keys[1:])))
    for each in overrides:
        if each.value is None:
            _remove(changed, each.keys)
        elif each not in of_fields:
            _put(changed, each)
    settings = {".".join(each.keys[1:]): each.value for each in of_fields if each.value is not None}
    if settings:
        experiment = changed.get("experiment")
        changed["experiment"] = overlaid(experiment if isinstance(experiment, dict) else {}, settings)
    return changed


def _put(data: dict[str, Any], override: Override) -> None:
    if override.keys[0] == "baselines":
        _flatten_baseline(data, override.keys[1:2])
    put(data, override.keys, override.value)


def _remove(data: dict[str, Any], keys: Sequence[str]) -> None:
    if keys[0] == "baselines":
        _flatten_baseline(data, keys[1:2])
    here: Any = data
    for key in keys[:-1]:
        here = here.get(key) if isinstance(here, dict) else None
    if isinstance(here, dict):
        here.pop(keys[-1], None)


def _flatten_baseline(data: dict[str, Any], names: Sequence[str]) -> None:
    """Make a baseline dotted, so that an override meets the field however the file writes it."""
    baselines = data.get("baselines")
    for name in names:
        if isinstance(baselines, dict) and isinstance(baselines.get(name), dict):
            with contextlib.suppress(ValueError):  # Malformed: validation says what is wrong with it.
                baselines[name] = dotted(baselines[name])
