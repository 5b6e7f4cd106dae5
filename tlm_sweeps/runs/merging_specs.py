"""Whether parts of a sweep are of one sweep, and the spec that the whole of it has."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from tlm_sweeps.compute.planning import seeds_of
from tlm_sweeps.errors import InputError
from tlm_sweeps.runs.merging_places import Place
from tlm_sweeps.spec.difference import difference
from tlm_sweeps.spec.identity import may_gain_seeds
from tlm_sweeps.spec.sweep import SweepSpec

_FREE = ("question", "tracking", "after")
"""What has no bearing on any result."""


def spec_of(place: Place) -> SweepSpec:
    """The spec that a part was last started with."""
    return SweepSpec.model_validate_json(place.rows.meta["spec"])


def merged_spec(places: Sequence[Place]) -> SweepSpec:
    """One spec for all parts: the first one's, with the most trials, the largest total and everybody's seeds.

    Seeds may differ where no result steers what is tried.

    Raises:
        InputError: parts are of another spec, text or precision than the first.
    """
    first, whole = places[0], spec_of(places[0])
    for place in places[1:]:
        spec = spec_of(place)
        _ensure_same_spec(whole, spec, first, place)
        _ensure_same_meta("corpora", "another text", first, place)
        _ensure_same_meta("precision", "`precision: auto` settled otherwise", first, place)
        whole = _with(whole, spec)
    return whole


def _with(whole: SweepSpec, part: SweepSpec) -> SweepSpec:
    update: dict[str, Any] = {}
    if part.engine.trials is not None and part.engine.trials > (whole.engine.trials or 0):
        update["engine"] = whole.engine.model_copy(update={"trials": part.engine.trials})
    if whole.budget and part.budget and whole.budget.total != part.budget.total:
        totals = (whole.budget.total, part.budget.total)
        largest = None if None in totals else max(each for each in totals if each is not None)
        update["budget"] = whole.budget.model_copy(update={"total": largest})
    more = [seed for seed in seeds_of(part) if seed not in seeds_of(whole)]
    if more:
        update["seeds"] = (*seeds_of(whole), *more)
    return whole.model_copy(update=update)


def _ensure_same_spec(whole: SweepSpec, part: SweepSpec, first: Place, place: Place) -> None:
    update: dict[str, Any] = {field: getattr(whole, field) for field in _FREE}
    if whole.engine.trials is not None and part.engine.trials is not None:
        update["engine"] = part.engine.model_copy(update={"trials": whole.engine.trials})
    if whole.budget and part.budget:
        update["budget"] = part.budget.model_copy(update={"total": whole.budget.total})
    if may_gain_seeds(whole):
        update["seeds"] = whole.seeds
    if changes := difference(whole, part.model_copy(update=update)):
        listed = "\n  ".join(changes)
        raise _others(f"is another sweep there than in {first.label}:\n  {listed}", place)


def _ensure_same_meta(key: str, what: str, first: Place, place: Place) -> None:
    here, there = (_settled(key, each) for each in (first, place))
    if here is not None and there is not None and here != there:
        raise _others(f"has {what} there than in {first.label}: {there}, not {here}", place)


def _settled(key: str, place: Place) -> str | None:
    kept = place.rows.meta.get(key)
    return json.loads(kept)["precision"] if kept and key == "precision" else kept


def _others(what: str, place: Place) -> InputError:
    hint = "merge them into two folders; of a folder with other sweeps, name those that you want by their own folders"
    return InputError(f"`{place.folder.name}` {what}", place=str(place.folder), hint=hint)
