"""Sweeps of several folders in one: the same sweep becomes one, different ones lie beside each other."""

from __future__ import annotations

from collections import Counter
from collections.abc import Generator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

from tlm_sweeps.errors import InputError
from tlm_sweeps.runs.ledger import FILE, writing
from tlm_sweeps.runs.ledger_rows import LedgerRows
from tlm_sweeps.runs.merging import Merged, merged
from tlm_sweeps.runs.merging_files import merging_into, write_merged
from tlm_sweeps.runs.merging_places import Place, UnreadableLedger, places_of, read_place, sweeps_at, unchanging
from tlm_sweeps.runs.merging_specs import merged_spec
from tlm_sweeps.runs.record import State


@dataclass(frozen=True)
class Part:
    """What one place had of a sweep."""

    place: str
    runs: int
    kept: int
    """Of them, those that stand for their runs from here on."""
    spent_flops: int


@dataclass(frozen=True)
class MergedSweep:
    """What came of one sweep, or would come."""

    name: str
    parts: tuple[Part, ...]
    states: dict[State, int]
    """How many runs are in each state."""
    alike: int
    """Complete runs that several places have trained, and that agree."""
    disagreements: tuple[str, ...]
    damaged: tuple[str, ...]
    """What was left where it is, a sentence each."""
    spent_flops: int
    total_flops: int | None
    has_changed: bool
    """Whether the target has, or would have, anything that it had not."""


def merge(target: Path, sources: Sequence[Path], *, dry_run: bool = False) -> Generator[MergedSweep]:
    """Bring the sweeps of several folders together.

    Args:
        target: a folder of sweeps, there or not; what it holds takes part, first.
        sources: folders of sweeps, or of one sweep each. They are only read.
        dry_run: write nothing.

    Yields:
        What came of each sweep, by name.

    Raises:
        InputError: before anything is written, when a sweep is being trained, or is another one in another place.
        RunError: a ledger of the target cannot be read, or a file cannot be copied.
    """
    _ensure_apart(target, sources)
    names = sorted({name for source in sources for name in sweeps_at(source)})
    with ExitStack() as leaving:
        for name in names:
            for _, folder in places_of(name, target, sources):
                if folder != target / name:
                    leaving.enter_context(unchanging(folder))
        read = {name: _parts(name, target, sources) for name in names}
        for places, _ in read.values():
            if places:
                merged_spec(places)
        if not dry_run:
            leaving.enter_context(merging_into(target))
        for name in names:
            yield _merged(name, target, sources, dry_run=dry_run)


def _merged(name: str, target: Path, sources: Sequence[Path], *, dry_run: bool) -> MergedSweep:
    with ExitStack() as leaving:
        if not dry_run and (target / name / FILE).exists():
            leaving.enter_context(writing(target / name))
        places, unread = _parts(name, target, sources)
        if not places:
            return MergedSweep(name, (), {}, 0, (), tuple(unread), 0, None, has_changed=False)
        found = merged(places)
        found = replace(found, damaged=(*found.damaged, *unread))
        brings = any(each.place.folder != target / name for each in found.origins.values())
        has_changed = brings or _differ(places[0].rows, found.rows)
        if has_changed and not dry_run:
            found = replace(found, damaged=(*found.damaged, *write_merged(found, target, name)))
        return _told(name, places, found, has_changed=has_changed)


def _parts(name: str, target: Path, sources: Sequence[Path]) -> tuple[list[Place], list[str]]:
    """What can be read of a sweep, and what cannot; a ledger that was begun and holds nothing yet is neither."""
    places, unread = [], []
    for label, folder in places_of(name, target, sources):
        try:
            place = read_place(label, folder)
        except UnreadableLedger as error:
            if folder == target / name:
                raise
            unread.append(f"{label}: {error.problems[0].message}")
        else:
            places += [place] if place.rows.proposals or place.rows.runs else []
    return places, unread


def _differ(before: LedgerRows, after: LedgerRows) -> bool:
    meta = {key: value for key, value in before.meta.items() if key in after.meta}
    return replace(before, meta=meta, damaged=(), lost=()) != after


def _told(name: str, places: Sequence[Place], found: Merged, *, has_changed: bool) -> MergedSweep:
    runs, budget = found.rows.runs, merged_spec(places).budget
    kept = Counter(origin.place.label for origin in found.origins.values())
    parts = tuple(
        Part(each.label, len(each.rows.runs), kept[each.label], sum(run.charged for run in each.rows.runs))
        for each in places
    )
    return MergedSweep(
        name=name,
        parts=parts,
        states=dict(Counter(run.record.state for run in runs)),
        alike=found.alike,
        disagreements=found.disagreements,
        damaged=found.damaged,
        spent_flops=sum(run.charged for run in runs),
        total_flops=budget.total if budget else None,
        has_changed=has_changed,
    )


def _ensure_apart(target: Path, sources: Sequence[Path]) -> None:
    """Refuse a target that is a source, a sweep's folder, or no folder."""
    if (target / FILE).exists():
        hint = f"name the folder of all sweeps: {target.resolve().parent}"
        raise InputError(f"`{target}` is the folder of one sweep", place="TARGET", hint=hint)
    if target.exists() and not target.is_dir():
        raise InputError(f"`{target}` is no folder", place="TARGET", hint="name a folder, there or not")
    seen: set[Path] = set()
    for source in sources:
        here = source.resolve()
        if target.resolve() in (here, here.parent if (source / FILE).exists() else None):
            hint = "leave it out: what the target holds takes part anyway"
            raise InputError(f"`{source}` is the target, or in it", place="SOURCE", hint=hint)
        if here in seen:
            raise InputError(f"`{source}` is named twice", place="SOURCE", hint="name it once")
        seen.add(here)
