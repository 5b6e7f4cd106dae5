"""From a YAML file and `--set` strings to a sweep, or to one error that names every problem with its line."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from tlm_sweeps.errors import InputError, Problem
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
    """A valid sweep, and where its fields stand."""

    spec: SweepSpec
    places: Places = field(repr=False)

    def place(self, name: str) -> str:
        """Where a field is said, for messages: `sweeps/a.yaml:7 experiment.model.heads`, or `--set model.heads=8`.

        Args:
            name: a dotted name, from the top of the spec or, for a field of the experiment, as in `search`.
        """
        return self.places.of(name)


def load_sweep(path: Path | str, overrides: Sequence[str] = ()) -> LoadedSweep:
    """Read, override, validate.

    Args:
        path: a YAML file.
        overrides: `--set` strings, `dotted.name=value`.

    Raises:
        InputError: with every problem that can be told at once, each with its place.
    """
    document = read_mapping(Path(path))
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
