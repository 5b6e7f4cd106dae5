"""From a spec to the W&B sweep that asks its question, and what to say about it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import tlm_sweeps
from tlm_sweeps.compute.facts import TextFacts
from tlm_sweeps.compute.planning import FactsOf, SweepPlan, plan_sweep
from tlm_sweeps.corpora.texts import text_key
from tlm_sweeps.search.wandb.spaces import Way, scheduled, space_of
from tlm_sweeps.search.wandb.sweep_config import Constant, Hyperband, SweepConfig
from tlm_sweeps.spec.carrying import CARRIER
from tlm_sweeps.spec.fingerprint import canonical_json, fingerprint
from tlm_sweeps.spec.sweep import SweepSpec

SAMPLE = 200
"""Settings of an infinite or huge space that are tried, to say how many do not fit the budget."""
_FIRST_RUNG = 0.05
"""Share of a run's budget at which hyperband first judges."""


@dataclass(frozen=True)
class LaunchPlan:
    """A W&B sweep, ready to be made."""

    config: dict[str, Any]
    """W&B's sweep configuration, as JSON data."""
    way: Way
    runs: int
    """At most so many runs: `run_cap`."""
    notes: tuple[str, ...]
    """What a user should know: the way that was taken and why, and what is left out."""


def sweep_config(spec: SweepSpec, facts_of: FactsOf, *, scheduler: Mapping[str, str] | None = None) -> LaunchPlan:
    """A sweep in W&B's words.

    Args:
        spec: what to run. What can be planned but not launched is not refused: see `launchable.ensure_launchable`.
        facts_of: counts of its texts.
        scheduler: the section that names a local scheduler, where one is to propose.

    Raises:
        InputError: when the text cannot be had, or the sweep is larger than W&B could hold.
    """
    plan = plan_sweep(spec, facts_of, sample=SAMPLE)
    space = space_of(spec, plan) if scheduler is None else scheduled(spec)
    texts = _texts(plan, facts_of)
    clashing = sorted({facts.name for facts in texts if not _is_told_apart(facts, texts)})
    config = SweepConfig(
        name=spec.name,
        description=spec.question or None,
        method=space.method,
        parameters={CARRIER: Constant(value=carrier(spec, texts)), **space.parameters},
        run_cap=space.runs,
        early_terminate=early_end(spec) if scheduler is None else None,
        scheduler=None if scheduler is None else dict(scheduler),
    )
    notes = [f"agents cannot check the text of {', '.join(clashing)}: it comes in several splits"] if clashing else []
    return LaunchPlan(config.as_data(), space.way, space.runs, (*space.notes, *notes))


def carrier(spec: SweepSpec, texts: Iterable[TextFacts]) -> str:
    """The sweep as it travels with every proposal: whatever an agent's machine needs, besides the text itself."""
    known = tuple(texts)
    return canonical_json(
        {
            "version": tlm_sweeps.__version__,
            "spec": json.loads(spec.model_dump_json(exclude_unset=True)),
            "fingerprint": fingerprint(spec),
            "corpora": {each.name: each.fingerprint for each in known if _is_told_apart(each, known)},
        }
    )


def early_end(spec: SweepSpec) -> Hyperband | None:
    """Hyperband over spent FLOPs: a run logs one line at each equal share of its budget, and W&B counts lines."""
    every = spec.experiment.evaluation.every
    if spec.engine.pruner != "hyperband" or isinstance(every, str):
        return None
    return Hyperband(min_iter=max(1, int(_FIRST_RUNG / every + 1e-9)))


def _texts(plan: SweepPlan, facts_of: FactsOf) -> tuple[TextFacts, ...]:
    experiments = [each.matched.experiment for each in plan.trials if each.matched]
    return tuple(map(facts_of, {text_key(each): each for each in experiments}.values()))


def _is_told_apart(facts: TextFacts, texts: Iterable[TextFacts]) -> bool:
    """Whether its name stands for one text in this sweep: a searched split gives several."""
    return all(other.fingerprint == facts.fingerprint for other in texts if other.name == facts.name)
