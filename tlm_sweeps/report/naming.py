"""How settings and trials are written for reading: short names, values, labels. It refuses to know HTML and plotly."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from tlm_sweeps.compute.planning import BUDGET
from tlm_sweeps.runs.record import Record
from tlm_sweeps.units import format_flops


def short_names(names: Iterable[str]) -> dict[str, str]:
    """Each dotted name by its last word, or in full where two would look alike.

    >>> short_names(["model.depth", "training.learning_rate"])
    {'model.depth': 'depth', 'training.learning_rate': 'learning rate'}
    >>> short_names(["model.kind", "training.schedule.kind"])["model.kind"]
    'model.kind'
    """
    listed = list(names)
    last = {name: name.rpartition(".")[2] for name in listed}
    count = Counter(last.values())
    return {name: (last[name] if count[last[name]] == 1 else name).replace("_", " ") for name in listed}


def format_value(value: Any) -> str:
    """A setting's value.

    >>> [format_value(value) for value in (3, 0.000312345, True, None, ("ffn", "residual"))]
    ['3', '0.0003123', 'true', 'none', 'ffn+residual']
    """
    match value:
        case None:
            return "none"
        case bool():
            return str(value).lower()
        case float():
            return f"{value:.4g}"
        case list() | tuple():
            return "+".join(format_value(each) for each in value) or "none"
        case _:
            return str(value)


def describe_settings(settings: Mapping[str, Any]) -> str:
    """Settings in words, without the budget, which is said elsewhere.

    >>> describe_settings({"model.depth": 3, "training.epochs": 2.0})
    'depth 3, epochs 2'
    """
    names = short_names(name for name in settings if name != BUDGET)
    return ", ".join(f"{short} {format_value(settings[name])}" for name, short in names.items())


def label_of(record: Record) -> str:
    """What a trial is called: its baseline's name, or its settings in words."""
    return record.baseline or describe_settings(record.settings) or f"trial {record.trial}"


def group_of(record: Record) -> str:
    """The family of a searched trial, or the baseline it is: what one colour stands for in figures."""
    if record.baseline is not None:
        return f"{record.baseline} (baseline)"
    return str(setting_of(record, "model.kind") or "model")


def setting_of(record: Record, name: str) -> Any:
    """The value of a field for a run: as it was set, else as its resolved experiment has it; None where it has none."""
    if name in record.settings:
        return record.settings[name]
    found: Any = record.spec
    for key in name.split("."):
        found = found.get(key) if isinstance(found, Mapping) else None
    return found


def format_nll(nll: float) -> str:
    """An NLL with the four decimals in which runs differ."""
    return f"{nll:.4f}"


def format_budget(flops: int | None) -> str:
    """A budget for reading."""
    return "no budget" if flops is None else format_flops(flops)
