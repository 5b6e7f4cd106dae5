"""What a run of a W&B sweep was about, from the config that W&B keeps of it: the proposal, or what its agent wrote."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from tlm_sweeps.compute.planning import BUDGET, baseline_settings, budgets
from tlm_sweeps.errors import InputError
from tlm_sweeps.search.wandb.offer import BASELINE, SETTING
from tlm_sweeps.spec.fingerprint import canonical_json
from tlm_sweeps.spec.settings import dotted
from tlm_sweeps.spec.sweep import SweepSpec


def remembered_setting(spec: SweepSpec, config: Mapping[str, Any]) -> tuple[dict[str, Any], str | None]:
    """The settings of a run by dotted names, and the name of the baseline that they are.

    Args:
        spec: the sweep.
        config: values by name. A run that trains or trained says `settings`; one that waits has its proposal's.

    Raises:
        InputError: when the config says neither.
    """
    try:
        given = _given(spec, config)
    except (TypeError, ValueError) as error:
        raise InputError(f"a run's settings are not understood: {error}") from error
    for name, settings in baseline_settings(spec):
        if given.get(BASELINE) == name and given.get(BUDGET) == settings.get(BUDGET):
            return settings, name
        if canonical_json(given) == canonical_json(settings):
            return settings, name
    if missing := [name for name in _names(spec) if name not in given]:
        raise InputError(f"a run of this W&B sweep does not say its `{missing[0]}`")
    return {name: given[name] for name in _names(spec)}, None


def _given(spec: SweepSpec, config: Mapping[str, Any]) -> dict[str, Any]:
    if isinstance(config.get("settings"), Mapping):
        return dotted(config["settings"])
    if SETTING in config:
        return dotted(json.loads(config[SETTING]))
    baseline = {} if config.get(BASELINE) is None else {BASELINE: config[BASELINE]}
    return dotted(baseline | {name: config[name] for name in _names(spec) if name in config})


def _names(spec: SweepSpec) -> tuple[str, ...]:
    return (*spec.search, *((BUDGET,) if len(budgets(spec)) > 1 else ()))
