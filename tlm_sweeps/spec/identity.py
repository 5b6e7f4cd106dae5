"""Which sweep a spec is of: what may change while a sweep goes on does not make it another one."""

from __future__ import annotations

from typing import Any

from tlm_sweeps.spec.fingerprint import fingerprint
from tlm_sweeps.spec.sweep import SweepSpec

_MAY_CHANGE: dict[str, Any] = {"question": True, "tracking": True, "engine": {"trials"}, "budget": {"total"}}


def identity(spec: SweepSpec) -> str:
    """16 hexadecimal digits that stay the same when a sweep gets more trials, a larger total or another question."""
    return fingerprint(spec.model_dump(mode="python", exclude=_MAY_CHANGE))
