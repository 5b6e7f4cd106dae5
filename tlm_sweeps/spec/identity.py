"""Which sweep a spec is of: what may change while a sweep goes on does not make it another one."""

from __future__ import annotations

from typing import Any

from tlm_sweeps.spec.fingerprint import fingerprint
from tlm_sweeps.spec.sweep import SweepSpec

_MAY_CHANGE: dict[str, Any] = {
    "question": True,
    "tracking": True,
    "after": True,
    "engine": {"trials"},
    "budget": {"total"},
}


def identity(spec: SweepSpec) -> str:
    """16 hexadecimal digits that stay the same when a sweep gets more trials, a larger total or another question.

    And more seeds, where it may get them: of those the first one stays.
    """
    if may_gain_seeds(spec):
        first = spec.seeds[0] if isinstance(spec.seeds, tuple) else 0
        spec = spec.model_copy(update={"seeds": (first,)})
    return fingerprint(spec.model_dump(mode="python", exclude=_MAY_CHANGE))


def may_gain_seeds(spec: SweepSpec) -> bool:
    """Whether a sweep that has begun may be given more seeds: only where no result steers what is tried.

    An adaptive sampler or a pruner would have gone another way, had it seen means over more seeds. Where W&B is the
    engine, its server has the seeds.
    """
    engine = spec.engine
    is_steered = (spec.search and engine.sampler not in ("grid", "random")) or engine.pruner != "none"
    return engine.kind == "optuna" and not is_steered
