"""What may be searched and what a baseline may set: real fields, with values that each field takes by itself."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from tlm_sweeps.errors import InputError, Problem
from tlm_sweeps.spec.composition import compose
from tlm_sweeps.spec.contradictions import find_contradictions
from tlm_sweeps.spec.field_names import (
    MODEL_KINDS,
    belongs_to_sweep,
    experiment_fields,
    experiment_sections,
    name_hint,
)
from tlm_sweeps.spec.space import Choices, Range
from tlm_sweeps.spec.sweep import SweepSpec


def kinds_in_play(spec: SweepSpec) -> tuple[str, ...]:
    """The model kinds that the search meets: those that are searched, or the experiment's own."""
    searched = spec.search.get("model.kind")
    kinds = [each for each in searched.choices if each in MODEL_KINDS] if isinstance(searched, Choices) else []
    return tuple(map(str, kinds)) or (spec.experiment.model.kind,)


def problems_of_dimension(spec: SweepSpec, name: str) -> Iterator[Problem]:
    """What is wrong with one searched field: its name, or a value that it can never take."""
    place = f"search.{name}"
    if name not in experiment_fields():
        yield _unknown_name(name, place)
        return
    kinds = [kind for kind in kinds_in_play(spec) if name in experiment_fields(kind)]
    if not kinds:
        have_it = ", ".join(kind for kind in MODEL_KINDS if name in experiment_fields(kind))
        models = " or ".join(kinds_in_play(spec))
        yield Problem(f"`{name}` is no field of a {models} model", place, f"remove it; these have it: {have_it}")
        return
    dimension = spec.search[name]
    if isinstance(dimension, Range):
        yield from _of_range(spec, name, dimension, kinds)
        return
    for index, value in enumerate(dimension.choices):
        for each in _of_value(spec, name, value, kinds)[:1]:
            yield Problem(each.message, f"{place}.{index}", each.hint)


def _of_range(spec: SweepSpec, name: str, dimension: Range, kinds: Sequence[str]) -> list[Problem]:
    low, high = dimension.bounds()
    problems = [problem for value in (low, high) for problem in _of_value(spec, name, value, kinds)[:1]]
    whole = (math.ceil(low), math.floor(high))
    is_whole_field = not any(_of_value(spec, name, value, kinds) for value in whole) and whole[0] <= whole[1]
    if problems and not dimension.integer and is_whole_field:
        word = "log_int_uniform" if dimension.log else "int_uniform"
        hint = f"write `{{{word}: [{whole[0]}, {whole[1]}]}}`"
        return [Problem(f"`{name}` takes whole numbers, and this range draws fractions", f"search.{name}", hint)]
    return [Problem(each.message, f"search.{name}", each.hint) for each in problems]


def _of_value(spec: SweepSpec, name: str, value: Any, kinds: Sequence[str]) -> list[Problem]:
    """Why a field cannot have a value in any of the kinds: the reasons in the last of them."""
    found: list[Problem] = []
    for kind in kinds:
        found = [*_reasons(spec, name, {"model.kind": kind, name: value})]
        if not found:
            return []
    return found


def _reasons(spec: SweepSpec, name: str, settings: Mapping[str, Any]) -> Iterator[Problem]:
    if settings[name] == "auto":
        yield _not_settled(name)
        return
    try:
        experiment = compose(spec, settings)
    except InputError as error:
        # Other fields may not suit this kind; that is for the plan to say.
        yield from (each for each in error.problems if f"{each.place}.".startswith(f"{name}."))
        return
    by_itself = {name, "model.kind"}
    yield from (each.problem() for each in find_contradictions(experiment) if set(each.fields) <= by_itself)


def _unknown_name(name: str, place: str) -> Problem:
    if name in experiment_sections():
        inner = next(each for each in experiment_fields() if each.startswith(f"{name}."))
        hint = f"name a field in it by its dotted name, such as `{inner}`"
        return Problem(f"`{name}` is a whole section, not a field", place, hint)
    if belongs_to_sweep(name):
        hint = f"give `{name}` once, beside `experiment`: all settings share it"
        if name.startswith("budget."):
            hint = "for several budgets write a list: `budget: {flops: [1e13, 2e13]}`"
        return Problem(f"`{name}` is no field of an experiment, but of the sweep", place, hint)
    return Problem(f"`{name}` is no field of an experiment", place, name_hint(name, experiment_fields()))


def _not_settled(place: str) -> Problem:
    hint = "write fp32 or bf16 here, or `auto` in `experiment.training.precision`"
    return Problem("`auto` is settled once for the whole sweep, and is no value of a single setting", place, hint)


def problems_of_baseline(spec: SweepSpec, baseline: str) -> list[Problem]:
    """What is wrong with a baseline: names, values, or fields that its model does not have."""
    settings = spec.baselines[baseline]
    place = f"baselines.{baseline}"
    unknown = [_unknown_name(name, f"{place}.{name}") for name in settings if name not in experiment_fields()]
    unknown += [_not_settled(f"{place}.{name}") for name, value in settings.items() if value == "auto"]
    if unknown:
        return unknown
    try:
        compose(spec, settings)
    except InputError as error:
        return [Problem(each.message, _place(each.place, settings, place), each.hint) for each in error.problems]
    return []


def _place(field: str, settings: Mapping[str, Any], baseline: str) -> str:
    """Where the baseline says it; for an inherited value, the baseline's kind, which it does not suit."""
    if any(f"{field}.".startswith(f"{name}.") for name in settings):
        return f"{baseline}.{field}"
    return f"{baseline}.model.kind" if "model.kind" in settings else f"experiment.{field}"
