"""Strict YAML: plain data and the place of every key and value; everything surprising is refused with its line.

Built on PyYAML's parser alone: no constructor and no resolver of PyYAML ever sees the text, so no object is made and
no scalar is guessed. Refused besides ambiguous scalars: duplicate keys, anchors and aliases, merge keys, tags, several
documents, keys that are no text, deep nesting, huge files. This file knows nothing of sweeps.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from tlm_sweeps.errors import InputError, nearest
from tlm_sweeps.spec.yaml_scalars import AmbiguousScalarError, read_plain

KeyPath = tuple[str | int, ...]
"""Keys and indices that lead from the top of a document to a value."""

MAX_BYTES = 2**18
MAX_DEPTH = 30
MAX_VALUES = 2_500
"""Scalars, lists and mappings: so many are read, checked and explained in less than a second."""


@dataclass(frozen=True, order=True)
class Position:
    """Where something stands in a text. Both count from 1."""

    line: int
    column: int


@dataclass(frozen=True)
class Document:
    """What a YAML text says, and where it says it."""

    source: str
    """The file's name as it was given."""
    data: Any
    """Mappings, lists and scalars; None for a text that says nothing."""
    keys: Mapping[KeyPath, Position] = field(repr=False)
    """Where the key of every entry of a mapping stands."""
    values: Mapping[KeyPath, Position] = field(repr=False)
    """Where every value begins."""


def read_mapping(path: Path) -> Document:
    """Read a YAML file that must hold a mapping.

    Raises:
        InputError: with `file:line` and a hint, for whatever is wrong with the file or its text.
    """
    document = read_text(_decoded(_read_bytes(path), str(path)), str(path))
    if document.data is None:
        hint = "`tlm-sweeps init` prints a template"
        raise InputError("the spec is empty", place=str(path), hint=hint)
    if not isinstance(document.data, dict):
        kind = "a list" if isinstance(document.data, list) else f"`{document.data}`"
        hint = "begin with a key, such as `name: my-sweep`"
        raise InputError(
            f"the spec must be a mapping, got {kind}", place=_place(str(path), document.values[()]), hint=hint
        )
    return document


def read_text(text: str, source: str) -> Document:
    """Read a YAML text of one document, of any kind.

    Args:
        text: the YAML.
        source: what places begin with.
    """
    if len(text.encode(errors="surrogatepass")) > MAX_BYTES:
        raise InputError(
            f"larger than {MAX_BYTES:,} bytes", place=source, hint="a spec is a page of text; is this the file?"
        )
    reader = _Reader(source)
    try:
        data = reader.read(yaml.parse(text, Loader=yaml.SafeLoader))
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        raise InputError(
            f"character U+{ord(text[error.position]):04X} is not allowed in YAML",
            place=f"{source}:{line}",
            hint="remove it, or write it as an escape in double quotes",
        ) from None
    except yaml.MarkedYAMLError as error:
        raise _syntax_error(error, source) from None
    return Document(source, data, reader.keys, reader.values)


class _Reader:
    """Builds the data of one document from the parser's events, and notes where everything stands."""

    def __init__(self, source: str) -> None:
        self.source = source
        self.keys: dict[KeyPath, Position] = {}
        self.values: dict[KeyPath, Position] = {}

    def read(self, events: Iterator[yaml.Event]) -> Any:
        data = None
        documents = 0
        for event in events:
            if isinstance(event, yaml.DocumentStartEvent):
                documents += 1
                if documents > 1:
                    raise self._error(event, "a second document begins here", "keep one document, without `---`")
                data = self._value(next(events), events, ())
        return data

    def _value(self, event: yaml.Event, events: Iterator[yaml.Event], path: KeyPath) -> Any:
        self.values[path] = _position(event)
        if len(self.values) > MAX_VALUES:
            raise self._error(event, f"more than {MAX_VALUES:,} values", "a spec is a page of text; is this the file?")
        self._refuse_graph(event)
        if len(path) > MAX_DEPTH:
            raise self._error(event, f"nested deeper than {MAX_DEPTH} levels", "a spec needs five; write it flatter")
        match event:
            case yaml.MappingStartEvent():
                return self._mapping(events, path)
            case yaml.SequenceStartEvent():
                items = itertools.takewhile(lambda each: not isinstance(each, yaml.SequenceEndEvent), events)
                return [self._value(each, events, (*path, index)) for index, each in enumerate(items)]
            case _:
                return self._scalar(event)

    def _mapping(self, events: Iterator[yaml.Event], path: KeyPath) -> dict[str, Any]:
        data: dict[str, Any] = {}
        for event in itertools.takewhile(lambda each: not isinstance(each, yaml.MappingEndEvent), events):
            key = self._key(event)
            if key in data:
                first = self.keys[(*path, key)].line
                where = f" in `{_dotted(path)}`" if path else ""
                lines = f"lines {first} and {_position(event).line}"
                raise self._error(event, f"`{key}` is written twice{where}: {lines}", "keep one of the two")
            self.keys[(*path, key)] = _position(event)
            data[key] = self._value(next(events), events, (*path, key))
            if data[key] is None and ":" in key and getattr(event, "style", "") is None:
                raise self._error(event, f"`{key}` has no value", "write a space after the colon, or quote the key")
        return data

    def _key(self, event: yaml.Event) -> str:
        self._refuse_graph(event)
        if not isinstance(event, yaml.ScalarEvent):
            raise self._error(event, "a key must be text, not a list or mapping", "write a name before the colon")
        if event.style is None and event.value == "<<":
            raise self._error(event, "merge keys (`<<`) are not allowed", "write the entries out")
        key = self._scalar(event)
        if not isinstance(key, str):
            raise self._error(event, f"a key must be text, not `{event.value}`", f'quote it: "{event.value}"')
        return key

    def _scalar(self, event: yaml.Event) -> bool | float | str | None:
        if not isinstance(event, yaml.ScalarEvent):
            raise TypeError(f"no scalar: {event}")
        if any("\ud800" <= character <= "\udfff" for character in event.value):
            raise self._error(event, "half a surrogate pair is no character", "write the character itself")
        if event.style is not None:
            return event.value
        try:
            return read_plain(event.value)
        except AmbiguousScalarError as error:
            raise self._error(event, str(error), error.hint) from None

    def _refuse_graph(self, event: yaml.Event) -> None:
        """Nothing in a spec stands for something else: no aliases, anchors and tags."""
        if isinstance(event, yaml.AliasEvent):
            raise self._error(event, f"aliases (`*{event.anchor}`) are not allowed", "write the value out")
        anchor, tag = getattr(event, "anchor", None), getattr(event, "tag", None)
        if anchor is not None:
            raise self._error(event, f"anchors (`&{anchor}`) are not allowed", "remove it, and write values out")
        if tag is not None:
            shown = tag.replace("tag:yaml.org,2002:", "!!", 1)
            raise self._error(
                event, f"YAML tags (`{shown}`) are not allowed", "remove the tag; quote text, write numbers plainly"
            )

    def _error(self, event: yaml.Event, message: str, hint: str) -> InputError:
        told = message if len(message) <= _LONGEST else f"{message[:_LONGEST]}…"  # a key can be all of the file
        return InputError(told, place=_place(self.source, _position(event)), hint=hint)


_LONGEST = 500
"""Characters of a message."""
_SYNTAX_HINTS = (
    (r"character '\\t'", "indent with spaces; a tab is not allowed here"),
    (r"character '[%@`]'", "put text that begins so into quotes"),
    (r"mapping values are not allowed", "quote a text that holds `: `, or look for a missing line break"),
    (r"could not find expected ':'", "write `key: value`, with a space after the colon"),
    (r"expected ',' or '[\]}]'", "look for a missing comma, or a bracket that is not closed"),
    (r"expected the node content", "look for a stray comma or bracket, or a value that is missing"),
    (r"unexpected end of stream", "look for a quote that is not closed"),
    (r"expected <block end>", "entries of one mapping must begin in the same column"),
)


def _syntax_error(error: yaml.MarkedYAMLError, source: str) -> InputError:
    problem = error.problem or "it cannot be read"
    # What was never finished is told where it began; anything else where the parser stopped.
    unfinished = "expected ':'" in problem or "end of stream" in problem
    mark = (error.context_mark if unfinished else None) or error.problem_mark or error.context_mark
    hint = next((hint for pattern, hint in _SYNTAX_HINTS if re.search(pattern, problem)), "see https://yaml.org/spec")
    place = source if mark is None else f"{source}:{mark.line + 1}"
    return InputError(f"this is not YAML: {problem}", place=place, hint=hint)


def _read_bytes(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
    except FileNotFoundError:
        raise InputError(f"no such spec `{path}`", hint=_nearest_file(path)) from None
    except IsADirectoryError:
        found = _spec_files(path)
        hint = f"name a file in it, such as `{path / found[0]}`" if found else "name a YAML file"
        raise InputError(f"`{path}` is a folder, not a spec", hint=hint) from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise InputError(f"cannot read `{path}`: {reason}", hint="name a YAML file that you may read") from None
    if len(content) > MAX_BYTES:
        hint = "a spec is a page of text; is this the file?"
        raise InputError(f"larger than {MAX_BYTES:,} bytes", place=str(path), hint=hint)
    return content


def _decoded(content: bytes, source: str) -> str:
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        message = f"not UTF-8: byte 0x{content[error.start]:02x}"
        raise InputError(message, place=f"{source}:{line}", hint="save the file as UTF-8") from None


def _spec_files(folder: Path) -> list[str]:
    try:
        return sorted(each.name for each in folder.iterdir() if each.suffix in {".yaml", ".yml"})
    except OSError:
        return []


def _nearest_file(path: Path) -> str:
    if not path.parent.is_dir():
        return f"there is no folder `{path.parent}`"
    names = _spec_files(path.parent)
    close = nearest(path.name, names) or nearest(f"{path.name}.yaml", names)
    if close:
        return f"did you mean `{path.parent / close}`?"
    if names:
        return f"specs in `{path.parent}`: {', '.join(names[:5])}"
    return "`tlm-sweeps init` prints a template"


def _position(event: yaml.Event) -> Position:
    return Position(event.start_mark.line + 1, event.start_mark.column + 1)


def _place(source: str, position: Position) -> str:
    return f"{source}:{position.line}"


def _dotted(path: KeyPath) -> str:
    return ".".join(map(str, path))
