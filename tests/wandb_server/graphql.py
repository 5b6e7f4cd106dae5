"""Answers GraphQL requests as strictly as W&B's server: known operations, declared variables, existing fields."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

from tests.wandb_server import agents, artifacts, public, reports, runs, scheduler, sweeps, viewer
from tests.wandb_server.document import Document, read, selected
from tests.wandb_server.refusing import Refused
from tests.wandb_server.state import State

Operation = Callable[[State, dict[str, Any]], dict[str, Any]]


def _merged() -> dict[str, Operation]:
    merged: dict[str, Operation] = {}
    for module in (agents, artifacts, public, reports, runs, scheduler, sweeps, viewer):
        twice = merged.keys() & module.OPERATIONS
        if twice:
            raise ValueError(f"{module.__name__} serves again what is served already: {sorted(twice)}")
        merged |= module.OPERATIONS
    return merged


OPERATIONS = _merged()
_NAME = re.compile(r"(?:query|mutation)\s+(\w+)")


def name_of(body: dict[str, Any]) -> str:
    """The operation's name, before anything is checked; that of its first field where it has none."""
    query = str(body.get("query", ""))
    named = _NAME.search(query) or re.search(r"\{\s*(\w+)", query)
    return named[1] if named else ""


def answer(state: State, body: dict[str, Any]) -> dict[str, Any]:
    """What W&B's server answers.

    Raises:
        Refused: the request is not one that it would serve.
    """
    name = name_of(body)
    if name not in OPERATIONS:
        raise Refused(f"unknown operation {name!r}: the stand-in does not serve it")
    document = read(body["query"])
    variables = body.get("variables") or {}
    _check_variables(document, variables)
    return {"data": selected(OPERATIONS[name](state, variables), document, variables)}


def _check_variables(document: Document, variables: dict[str, Any]) -> None:
    undeclared = variables.keys() - document.variables
    if undeclared:
        raise Refused(f"{document.name} does not declare {', '.join(sorted(undeclared))}")
    for name, kind in document.variables.items():
        if variables.get(name) is None:
            if kind.endswith("!") and name not in document.defaults:
                raise Refused(f'Variable "${name}" of required type "{kind}" was not provided.')
        elif not _fits(variables[name], kind.rstrip("!")):
            raise Refused(f'Variable "${name}" got invalid value {variables[name]!r}; expected type {kind}.')


def _fits(value: Any, kind: str) -> bool:  # noqa: PLR0911 - one line a type
    if kind.startswith("["):  # GraphQL takes a single value for a list of one
        inner = kind[1:-1].rstrip("!")
        return all(_fits(each, inner) for each in (value if isinstance(value, list) else [value]))
    match kind:
        case "JSONString":
            return isinstance(value, str) and _is_json(value)
        case "String" | "DateTime":
            return isinstance(value, str)
        case "ID":
            return isinstance(value, str | int)
        case "Int" | "Int64":
            return isinstance(value, int) and not isinstance(value, bool)
        case "Float":
            return isinstance(value, int | float) and not isinstance(value, bool)
        case "Boolean":
            return isinstance(value, bool)
        case _:  # an input object, an enumeration or a scalar of W&B's own
            return True


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except ValueError:
        return False
    return True
