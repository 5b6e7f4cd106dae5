"""What changed between two specs, line by line, for a sweep whose spec is no longer the one it began with."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tlm_sweeps.spec.fingerprint import canonical_json
from tlm_sweeps.spec.space import RANGES
from tlm_sweeps.spec.sweep import SweepSpec
from tlm_sweeps.spec.yaml_writing import flow

_ABSENT = "—"


def difference(old: SweepSpec, new: SweepSpec) -> list[str]:
    """Lines such as `budget.flops: 2e13 → 3e13`, one for each field that differs; defaults are filled in.

    Empty exactly where the two specs have the same fingerprint. A field that one of them does not have is `—`.
    """
    before, after = (_leaves(spec.model_dump(mode="json")) for spec in (old, new))
    names = list(dict.fromkeys([*before, *after]))
    return [
        f"{name}: {_shown(before, name)} → {_shown(after, name)}" for name in names if _differs(before, after, name)
    ]


def _leaves(data: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    leaves: dict[str, Any] = {}
    for name, value in data.items():
        is_section = isinstance(value, Mapping) and value and not value.keys() & RANGES.keys()
        leaves |= _leaves(value, f"{prefix}{name}.") if is_section else {f"{prefix}{name}": value}
    return leaves


def _differs(before: Mapping[str, Any], after: Mapping[str, Any], name: str) -> bool:
    if name in before and name in after:
        return canonical_json(before[name]) != canonical_json(after[name])
    here, other = (before, after) if name in before else (after, before)
    is_filled_there = here[name] == {} and any(each.startswith(f"{name}.") for each in other)
    return not is_filled_there


def _shown(leaves: Mapping[str, Any], name: str) -> str:
    return flow(leaves[name]) if name in leaves else _ABSENT
