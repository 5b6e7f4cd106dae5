"""What a run's config at W&B tells of its trial: setting, seed, budget, provenance; or why it cannot be read.

Anybody can edit a config at W&B, so nothing is taken for granted here.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from typing import Any

from tlm_sweeps.compute.encoder_facts import PassageFacts, TaskFacts
from tlm_sweeps.compute.facts import CorpusFacts
from tlm_sweeps.compute.planning import BUDGET, budgets
from tlm_sweeps.runs.record import Provenance
from tlm_sweeps.spec.fingerprint import canonical_json
from tlm_sweeps.spec.sweep import SweepSpec


class UnreadableConfigError(ValueError):
    """A config holds something that no run of ours has written."""


@dataclass(frozen=True)
class ToldTrial:
    """What a run was to be."""

    settings: dict[str, Any]
    baseline: str | None
    budget_flops: int | None
    seed: int
    key: str
    """Equal for runs of one setting and budget."""


def told_trial(spec: SweepSpec, config: Mapping[str, Any]) -> ToldTrial:
    """As the run told it, else as W&B proposed it.

    Raises:
        UnreadableConfigError: when it is neither.
    """
    if isinstance(config.get("settings"), Mapping):
        settings, baseline = _dotted(config["settings"]), _name(config.get("baseline"), "baseline")
    else:
        settings, baseline = _proposed(spec, config)
    settings = _in_order(settings, (*spec.search, *spec.baselines.get(baseline or "", {}), BUDGET))
    of_config = config.get("budget")
    told = of_config.get("flops") if isinstance(of_config, Mapping) else settings.get(BUDGET, budgets(spec)[0])
    budget = None if told is None else _count(told, BUDGET)
    try:
        key = canonical_json([settings, baseline, budget])
    except (TypeError, ValueError) as error:
        raise UnreadableConfigError(f"settings: {error}") from error
    return ToldTrial(settings, baseline, budget, _seed(spec, config), key)


def told_plan(config: Mapping[str, Any]) -> dict[str, Any]:
    """Fields of the record that are known before a run is trained.

    Raises:
        UnreadableConfigError: when its provenance is none.
    """
    told = {name: config.get(name) for name in ("n_params", "n_params_non_embedding", "epochs_asked", "started_at")}
    provenance = _mapping(config.get("provenance") or {}, "provenance")
    known = {name: provenance[name] for name in Provenance.model_fields if name in provenance}
    if "corpus" in known:
        corpus = _mapping(known["corpus"], "provenance.corpus")
        known["corpus"] = _in_order(
            corpus, [field.name for kind in (CorpusFacts, PassageFacts, TaskFacts) for field in fields(kind)]
        )
    if "versions" in known:
        versions = _mapping(known["versions"], "provenance.versions")
        known["versions"] = _in_order(versions, sorted(versions))
    return told | {"provenance": known}


def whole(value: Any) -> Any:
    """A whole float as an integer; anything else as it is.

    JSON at W&B has counts from 2**63 on as floats.

    >>> whole(1e19), whole(0.5), whole("1")
    (10000000000000000000, 0.5, '1')
    """
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _proposed(spec: SweepSpec, config: Mapping[str, Any]) -> tuple[dict[str, Any], str | None]:
    """What the server asked for, before any agent has said what it made of it."""
    cell = config.get("setting")
    try:
        settings = dict(json.loads(cell)) if isinstance(cell, str) else {}
    except (TypeError, ValueError):
        settings = {}
    settings |= {name: config[name] for name in (*spec.search, BUDGET) if name in config}
    baseline = _name(settings.pop("baseline", None), "baseline")
    return {**spec.baselines.get(baseline or "", {}), **settings}, baseline


def _seed(spec: SweepSpec, config: Mapping[str, Any]) -> int:
    if "seed" not in config:
        return spec.seeds[0] if isinstance(spec.seeds, tuple) else 0
    return _count(config["seed"], "seed")


def _count(value: Any, what: str) -> int:
    found = whole(value)
    if not isinstance(found, int) or isinstance(found, bool):
        raise UnreadableConfigError(f"{what}: {_shown(value)} is no whole number")
    return found


def _name(value: Any, what: str) -> str | None:
    if value is not None and not isinstance(value, str):
        raise UnreadableConfigError(f"{what}: {_shown(value)} is no name")
    return value


def _mapping(value: Any, what: str) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise UnreadableConfigError(f"{what}: {_shown(value)} is no mapping")
    return value


def _shown(value: Any) -> str:
    """A value as people see it at W&B."""
    is_number = isinstance(value, float) and not math.isfinite(value)
    return f"`{value if is_number else json.dumps(value, default=str)[:60]}`"


def _in_order(found: Mapping[str, Any], names: Iterable[str]) -> dict[str, Any]:
    """The same with these names first: W&B keeps no order, and what is shown should not change with each run."""
    return {name: found[name] for name in names if name in found} | dict(found)


def _dotted(tree: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Levels as dotted names: the inverse of `tracked_run.nested`."""
    found: dict[str, Any] = {}
    for name, value in tree.items():
        if isinstance(value, Mapping):
            found |= _dotted(value, f"{prefix}{name}.")
        else:
            found[prefix + name] = value
    return found
