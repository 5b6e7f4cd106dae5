"""A reader of GraphQL documents: what an operation declares and selects. It knows no schema.

It reads what clients send: operations, variables, fields, aliases, arguments, directives and fragments
(GraphQL specification, October 2021, section 2). Arguments are skipped: the stand-in takes what it needs from the
variables.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from tests.wandb_server.refusing import Refused

_TOKENS = re.compile(
    r'\s+|,|\ufeff|#[^\n]*|(?P<token>"""(?:\\"""|.)*?"""|"(?:\\.|[^"\\\n])*"|\.\.\.'
    r"|[_A-Za-z]\w*|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?|[!$&()\[\]{}:=@|])",
    re.DOTALL,
)
_CLOSES = {"(": ")", "[": "]", "{": "}"}


@dataclass(frozen=True)
class Field:
    """A selected field, or a fragment that is spread where it stands."""

    name: str
    alias: str
    selection: tuple[Field, ...] = ()
    spread: str = ""
    """The name of a fragment; then this is no field."""
    condition: tuple[bool, str] | None = None
    """`@include(if: $x)` is (True, "x"), `@skip(if: $x)` is (False, "x")."""


@dataclass(frozen=True)
class Document:
    """One operation and the fragments it may spread."""

    kind: str
    name: str
    variables: dict[str, str]
    """Declared variables: name → type as written, such as `[String!]!`."""
    defaults: frozenset[str]
    """The declared variables that have a default."""
    selection: tuple[Field, ...]
    fragments: dict[str, tuple[Field, ...]]


@dataclass
class _Reader:
    tokens: list[str]
    at: int = 0
    inline: Iterator[int] = field(default_factory=lambda: iter(range(10**6)))
    fragments: dict[str, tuple[Field, ...]] = field(default_factory=dict)

    def peek(self) -> str:
        return self.tokens[self.at] if self.at < len(self.tokens) else ""

    def take(self, wanted: str = "") -> str:
        token = self.peek()
        if not token or (wanted and token != wanted):
            raise Refused(f"Syntax Error: expected {wanted or 'more'}, found {token or '<EOF>'}")
        self.at += 1
        return token

    def takes(self, wanted: str) -> bool:
        found = self.peek() == wanted
        self.at += found
        return found

    def skip_group(self) -> None:
        """Pass over a group in brackets, whatever is in it."""
        closing = _CLOSES[self.take()]
        while self.peek() != closing:
            if self.peek() in _CLOSES:
                self.skip_group()
            else:
                self.take()
        self.take()

    def skip_value(self) -> None:
        if self.peek() in _CLOSES:
            self.skip_group()
        else:
            self.takes("$")
            self.take()

    def type_name(self) -> str:
        text = f"[{self.type_name()}{self.take(']')}" if self.takes("[") else self.take()
        return text + ("!" if self.takes("!") else "")

    def declared(self) -> tuple[dict[str, str], frozenset[str]]:
        variables: dict[str, str] = {}
        defaults: set[str] = set()
        if not self.takes("("):
            return variables, frozenset()
        while not self.takes(")"):
            self.take("$")
            name = self.take()
            self.take(":")
            variables[name] = self.type_name()
            if self.takes("="):
                defaults.add(name)
                self.skip_value()
        return variables, frozenset(defaults)

    def condition(self) -> tuple[bool, str] | None:
        found = None
        while self.takes("@"):
            directive = self.take()
            if self.peek() == "(":
                self.skip_group()
            if directive in {"include", "skip"}:
                found = directive == "include", self.tokens[self.at - 2]
        return found

    def selection(self) -> tuple[Field, ...]:
        self.take("{")
        fields = []
        while not self.takes("}"):
            fields.append(self.spread() if self.takes("...") else self.field())
        return tuple(fields)

    def field(self) -> Field:
        alias = name = self.take()
        if self.takes(":"):
            name = self.take()
        if self.peek() == "(":
            self.skip_group()
        condition = self.condition()
        below = self.selection() if self.peek() == "{" else ()
        return Field(name, alias, below, condition=condition)

    def spread(self) -> Field:
        if self.peek() not in {"on", "@", "{"}:
            name = self.take()
            return Field("", "", spread=name, condition=self.condition())
        if self.takes("on"):
            self.take()
        condition = self.condition()
        name = f"... {next(self.inline)}"
        self.fragments[name] = self.selection()
        return Field("", "", spread=name, condition=condition)


def read(text: str) -> Document:
    """The operation of a document.

    Raises:
        Refused: it is no GraphQL, or holds not exactly one operation.
    """
    reader = _Reader(_tokens(text))
    found: list[Document] = []
    while reader.peek():
        if reader.takes("fragment"):
            name = reader.take()
            reader.take("on")
            reader.take()
            reader.condition()
            reader.fragments[name] = reader.selection()
            continue
        kind = "query" if reader.peek() == "{" else reader.take()
        if kind not in {"query", "mutation"}:
            raise Refused(f"Syntax Error: unexpected {kind}")
        name = reader.take() if reader.peek() not in {"(", "@", "{"} else ""
        variables, defaults = reader.declared()
        reader.condition()
        found.append(Document(kind, name, variables, defaults, reader.selection(), reader.fragments))
    if len(found) != 1:
        raise Refused(f"a document with {len(found)} operations is not served")
    return found[0]


def _tokens(text: str) -> list[str]:
    tokens, at = [], 0
    while at < len(text):
        match = _TOKENS.match(text, at)
        if match is None:
            raise Refused(f"Syntax Error: unexpected character {text[at]!r}")
        at = match.end()
        if match["token"]:
            tokens.append(match["token"])
    return tokens


def selected(answer: Any, document: Document, variables: dict[str, Any]) -> Any:
    """Of a full answer, what the operation selects, under its aliases.

    Raises:
        Refused: a field is selected that the answer does not have.
    """
    return _selected(answer, document.selection, document, variables, "")


def _selected(answer: Any, fields: tuple[Field, ...], document: Document, variables: dict[str, Any], at: str) -> Any:
    if answer is None or not fields:
        return answer
    if isinstance(answer, list):
        return [_selected(each, fields, document, variables, at) for each in answer]
    kept: dict[str, Any] = {}
    for each in fields:
        if each.condition is not None and bool(variables.get(each.condition[1])) != each.condition[0]:
            continue
        if each.spread:
            if each.spread not in document.fragments:
                raise Refused(f'Unknown fragment "{each.spread}".')
            kept |= _selected(answer, document.fragments[each.spread], document, variables, at)
            continue
        place = f"{at}.{each.name}" if at else each.name
        value = _value(answer, each, place)
        below = _selected(value, each.selection, document, variables, place)
        earlier = kept.get(each.alias)
        kept[each.alias] = earlier | below if isinstance(earlier, dict) and isinstance(below, dict) else below
    return kept


def _value(answer: Any, wanted: Field, place: str) -> Any:
    for name in (wanted.name, wanted.alias):  # the alias where one field is asked for twice, with different arguments
        if isinstance(answer, dict) and name in answer:
            return answer[name]
    if wanted.name == "__typename":
        return ""
    raise Refused(f'Cannot query field "{place}": the stand-in does not have it.')
