"""From a YAML file and `--set` strings to a sweep, or to one error that names every problem with its line."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from tlm_sweeps.errors import InputError, Problem, did_you_mean
from tlm_sweeps.spec.chaining import SharedTotal, problems_of_chain, shared_totals
from tlm_sweeps.spec.explaining import explain
from tlm_sweeps.spec.field_names import SECTIONS
from tlm_sweeps.spec.overriding import Override, overridden, read_overrides
from tlm_sweeps.spec.rules import problems_of_sweep
from tlm_sweeps.spec.space import distinct
from tlm_sweeps.spec.sweep import SweepSpec
from tlm_sweeps.spec.yaml_source import Document, KeyPath, read_mapping


@dataclass(frozen=True)
class Places:
    """Where every field of a spec is said: a line of the file, or a `--set`."""

    source: str
    lines: Mapping[str, int]
    overrides: Mapping[str, str]

    def of(self, name: str) -> str:
        """`file:line field`, with the line of the nearest enclosing part that is written; or `--set …`."""
        full = self._in_file(name)
        for known in _enclosing(full):
            if known in self.overrides:
                return self.overrides[known]
            if known in self.lines:
                return f"{self.source}:{self.lines[known]} {full}"
        return f"{self.source} {full}".rstrip()

    def _in_file(self, name: str) -> str:
        """A field of the experiment may be named as in `search`; where it is only searched, that is its place."""
        if name in self.lines or name.partition(".")[0] not in SECTIONS:
            return name
        full, searched = f"experiment.{name}", f"search.{name}"
        said = {*self.lines, *self.overrides}
        return searched if searched in said and full not in said else full


@dataclass(frozen=True)
class LoadedSweep:
    """A valid sweep, where its fields stand, and the sweeps that it is after."""

    spec: SweepSpec
    places: Places = field(repr=False)
    after: tuple[LoadedSweep, ...] = ()
    """Those that its `after` names, in that order."""

    @property
    def source(self) -> str:
        """Its file, as it was named."""
        return self.places.source

    @property
    def links(self) -> tuple[LoadedSweep, ...]:
        """All sweeps that come before it, each once and none before what it is itself after."""
        found = {each.spec.name: each for link in self.after for each in (*link.links, link)}
        return tuple(found.values())

    def totals_over(self, name: str) -> tuple[SharedTotal, ...]:
        """The totals that bound one sweep of this chain: its own, and those of what is after it."""
        members = (*self.links, self)
        return shared_totals(name, [(each.spec, [link.spec.name for link in each.links]) for each in members])

    def place(self, name: str) -> str:
        """Where a field is said, for messages: `sweeps/a.yaml:7 experiment.model.heads`, or `--set model.heads=8`.

        Args:
            name: a dotted name, from the top of the spec or, for a field of the experiment, as in `search`.
        """
        return self.places.of(name)


def in_order(spec: SweepSpec | LoadedSweep) -> list[tuple[SweepSpec, tuple[SharedTotal, ...]]]:
    """The sweeps of a chain in the order in which they are run, each with the totals that bound it.

    Raises:
        InputError: for a spec whose file is not known, so that those that it is after cannot be found.
    """
    if isinstance(spec, LoadedSweep):
        return [(each.spec, spec.totals_over(each.spec.name)) for each in (*spec.links, spec)]
    if spec.after:
        message = (
            f"`after` names files beside the spec's own, which a spec alone does not know: {', '.join(spec.after)}"
        )
        raise InputError(message, place="after", hint="load it with `tlm_sweeps.load_chain`, which reads them")
    return [(spec, ())]


def load_sweep(path: Path | str, overrides: Sequence[str] = ()) -> LoadedSweep:
    """Read, override, validate; the sweeps that it is after are read and validated too.

    Args:
        path: a YAML file.
        overrides: `--set` strings, `dotted.name=value`. They are for this sweep, and not for those that it is after.

    Raises:
        InputError: with every problem that can be told at once, each with its place.
    """
    return _load_chain(Path(path), overrides, ())


def _load_chain(path: Path, overrides: Sequence[str], leading_here: tuple[Path, ...]) -> LoadedSweep:
    """A sweep and what it is after; `leading_here` are the files whose `after` led to it, resolved."""
    alone = _load_alone(path, overrides)
    if not alone.spec.after:
        return alone
    way = (*leading_here, path.resolve())
    links = [_load_link(alone, path, number, way) for number in range(len(alone.spec.after))]
    chain = replace(alone, after=tuple(links))
    if problems := problems_of_chain(chain.spec, [each.spec for each in chain.after], _specs_reached(chain)):
        raise InputError.of(_placed(problems, chain.places))
    return chain


def _load_link(alone: LoadedSweep, path: Path, number: int, way: tuple[Path, ...]) -> LoadedSweep:
    """A sweep that another one is after, from its file beside that one's."""
    place, file = alone.place(f"after.{number}"), path.parent / alone.spec.after[number]
    if file.resolve() in way:
        turns = " → ".join(each.name for each in (*way[way.index(file.resolve()) :], file))
        hint = "what comes first is after nothing: remove one of these from its `after`"
        raise InputError(f"sweeps that are after each other: {turns}", place=place, hint=hint)
    if not file.is_file():
        there = sorted(each.name for each in file.parent.glob("*.y*ml") if each.resolve() != way[-1])
        hint = did_you_mean(file.name, there) if there else f"specs are named from the folder of {path.name}"
        raise InputError(f"no such spec `{alone.spec.after[number]}` beside {path.name}", place=place, hint=hint)
    return _load_chain(file, (), way)


def _specs_reached(chain: LoadedSweep) -> list[SweepSpec]:
    """Every spec that the chain reaches, on every way, itself last."""
    return [each for link in chain.after for each in _specs_reached(link)] + [chain.spec]


def _load_alone(path: Path, overrides: Sequence[str]) -> LoadedSweep:
    document = read_mapping(path)
    changes = read_overrides(overrides)
    data = overridden(document.data, changes)
    places = _places(document, changes)
    _refuse_bare_experiment(data, places)
    try:
        spec = SweepSpec.model_validate_json(json.dumps(data))
    except ValidationError as error:
        raise InputError.of(_placed(explain(error, SweepSpec, data), places)) from None
    problems = problems_of_sweep(spec)
    if problems:
        raise InputError.of(_placed(problems, places))
    return LoadedSweep(spec, places)


def _placed(problems: Iterable[Problem], places: Places) -> list[Problem]:
    return [Problem(each.message, places.of(each.place), each.hint) for each in problems]


def _refuse_bare_experiment(data: Mapping[str, Any], places: Places) -> None:
    if "experiment" in data or not {"corpus", "model"} <= data.keys():
        return
    given = [name for name in SECTIONS if name in data]
    raise InputError(
        f"{', '.join(f'`{name}`' for name in given)} stand at the top, but they make up the experiment",
        place=f"{places.source}:{min(places.lines[name] for name in given)}",
        hint=f"write `experiment:` on a line above and indent {', '.join(given)} under it",
    )


def _places(document: Document, overrides: Sequence[Override]) -> Places:
    replaced = {".".join(each.keys): each.place for each in overrides}
    written = _lines(document, document.data, ())
    lines = {name: line for name, line in written if not any(each in replaced for each in _enclosing(name))}
    return Places(document.source, lines, replaced)


def _lines(document: Document, data: Any, path: KeyPath) -> Iterator[tuple[str, int]]:
    """The line of every scalar and list item, and of the key of everything longer, by dotted name."""
    is_long = isinstance(data, dict | list)
    position = document.keys.get(path, document.values[path]) if is_long else document.values[path]
    yield ".".join(map(str, path)), position.line
    if isinstance(data, dict):
        for key, value in data.items():
            yield from _lines(document, value, (*path, key))
    if isinstance(data, list):
        for index, value in enumerate(data):
            yield from _lines(document, value, (*path, index))
        if path[:1] == ("search",):
            yield from _lines_of_choices(document, data, path)


def _lines_of_choices(document: Document, choices: Sequence[Any], path: KeyPath) -> Iterator[tuple[str, int]]:
    """Choices are numbered without the repeated ones, which the spec leaves out."""
    for kept, written in enumerate(distinct(choices)):
        yield ".".join(map(str, (*path, kept))), document.values[(*path, written)].line


def _enclosing(name: str) -> Iterator[str]:
    """A dotted name and the names of everything around it, up to the whole spec (no name)."""
    yield name
    while name:
        name = name.rpartition(".")[0]
        yield name
