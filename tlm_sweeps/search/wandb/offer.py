"""What W&B offers an agent: a setting of a sweep whose whole spec travels with it. Text in, checked data out.

Whoever may write to the sweep decides what agents get, so nothing of it is run: it is read as JSON and as a spec.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tlm_sweeps.compute.planning import BUDGET, baseline_settings, budgets, seeds_of
from tlm_sweeps.errors import InputError
from tlm_sweeps.spec.carrying import CARRIER, Carried, carried_of
from tlm_sweeps.spec.fingerprint import canonical_json
from tlm_sweeps.spec.rules import problems_of_sweep
from tlm_sweeps.spec.settings import dotted
from tlm_sweeps.spec.space import Choices, Range
from tlm_sweeps.spec.sweep import SweepSpec

SETTING = "setting"
"""The parameter that holds a whole setting as JSON text, where cells are enumerated."""
SEED = "seed"
BASELINE = "baseline"
"""In a setting: the name of a baseline, which stands for its settings."""


@dataclass(frozen=True)
class Offer:
    """One proposal of W&B's server."""

    run_id: str
    """W&B's id for the run of its first seed."""
    carried: Carried
    settings: dict[str, Any]
    baseline: str | None
    seed: int | None
    """The only seed to train; None: all of the sweep's."""
    is_cell: bool = False
    """Whether the whole setting was enumerated when the sweep was launched: then no other is the same."""


def offer_of(run_id: str, args: Mapping[str, Any]) -> Offer:
    """An agent's command, understood.

    Args:
        run_id: W&B's.
        args: parameters as agents get them: `{"model.depth": {"value": 2}, …}`.

    Raises:
        InputError: when they are no proposal of ours.
    """
    values = values_of(args)
    carried = trainable(carried_of(values.pop(CARRIER, None)))
    seed = values.pop(SEED, None)
    if seed is not None and (isinstance(seed, bool) or not isinstance(seed, int)):
        raise InputError(f"the seed {seed!r} is no whole number", place=f"run {run_id}")
    is_cell = SETTING in values
    spec = carried.spec
    if seed is not None and seed not in seeds_of(spec):
        raise InputError(f"the seed {seed} is none of the sweep's", place=f"run {run_id}")
    given = _setting(values.pop(SETTING), run_id) if is_cell else values
    baseline = given.pop(BASELINE, None)
    if baseline is not None:
        return Offer(run_id, carried, _of_baseline(carried.spec, baseline, given, run_id), baseline, seed, is_cell)
    allowed = {*spec.search, BUDGET}
    if unknown := [name for name in given if name not in allowed]:
        message = f"`{unknown[0]}` is not searched by the sweep `{carried.spec.name}`"
        raise InputError(message, place=f"run {run_id}", hint="launch the sweep with `tlm-sweeps sweep --engine wandb`")
    wanted = {*spec.search, *((BUDGET,) if len(budgets(spec)) > 1 else ())}
    if missing := sorted(wanted - given.keys()):
        raise InputError(f"the proposal does not say `{missing[0]}`", place=f"run {run_id}")
    try:
        return Offer(run_id, carried, _as_searched(carried.spec, dotted(given)), None, seed, is_cell)
    except (ValueError, TypeError, OverflowError, RecursionError) as error:
        raise InputError(str(error), place=f"run {run_id}") from error


def arguments_in(config: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments that train one run alone, as its config repeats them: its proposal's, and its seed."""
    carried = config.get(CARRIER)
    if carried is None:
        return {}
    spec = carried_of(carried).spec
    names = [CARRIER, SETTING, *spec.search, BUDGET]
    return {name: {"value": config[name]} for name in names if name in config} | {SEED: {"value": config.get(SEED)}}


def trainable(carried: Carried) -> Carried:
    """The same, found to be a sweep that can be trained.

    Raises:
        InputError: with everything that is wrong with it.
    """
    if problems := problems_of_sweep(carried.spec):
        raise InputError.of(problems)
    return carried


def values_of(args: Mapping[str, Any]) -> dict[str, Any]:
    """Parameters and their values.

    >>> values_of({"model.depth": {"value": 2}})
    {'model.depth': 2}
    """
    return {name: each["value"] if isinstance(each, dict) and "value" in each else each for name, each in args.items()}


def _setting(text: Any, run_id: str) -> dict[str, Any]:
    try:
        read = json.loads(text)
    except (TypeError, ValueError, RecursionError):
        read = None
    if not isinstance(read, dict):
        raise InputError(f"the setting {text!r} is no JSON object", place=f"run {run_id}")
    return read


def _as_searched(spec: SweepSpec, settings: Mapping[str, Any]) -> dict[str, Any]:
    """The spec's own values: on their way through W&B whole numbers become floats, and floats whole numbers.

    Raises:
        ValueError: for a value that the search does not have.
    """
    found = {}
    for name, value in settings.items():
        if name == BUDGET and value not in budgets(spec):
            raise ValueError(f"`{name}` is {value!r}, which is none of the sweep's budgets")
        match spec.search.get(name):
            case Choices(choices=choices):
                same = [each for each in choices if canonical_json(each) == canonical_json(value)]
                if not same:
                    raise ValueError(f"`{name}` is {value!r}, which is none of the search's values")
                found[name] = same[0]
            case Range() as drawn:
                found[name] = _in_range(name, drawn, value)
            case _:
                found[name] = value
    return found


def _in_range(name: str, drawn: Range, value: Any) -> float:
    low, high = drawn.bounds()
    slack = 1e-9 * max(abs(low), abs(high))  # a number that went through text and logarithms
    if isinstance(value, bool) or not isinstance(value, int | float) or not low - slack <= value <= high + slack:
        raise ValueError(f"`{name}` is {value!r}, which is not from {low:g} to {high:g}")
    return round(value) if drawn.integer else min(max(float(value), low), high)


def _of_baseline(spec: SweepSpec, baseline: Any, given: Mapping[str, Any], run_id: str) -> dict[str, Any]:
    for name, settings in baseline_settings(spec):
        if name == baseline and given.items() <= settings.items():
            return settings
    raise InputError(f"the sweep `{spec.name}` has no baseline {baseline!r}", place=f"run {run_id}")
