"""Pydantic's errors in people's words: what was given, what it must be, what to type.

Places are dotted names of the data that was read; the branches that pydantic tried are not shown to anybody.
"""

from __future__ import annotations

import math
import re
from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from tlm_sweeps.errors import Problem, did_you_mean, nearest
from tlm_sweeps.spec.field_names import ALL_KINDS, ENGINE_KINDS, MODEL_KINDS, PIECES_KINDS
from tlm_sweeps.spec.fields import Part
from tlm_sweeps.spec.unknown_keys import unknown_key
from tlm_sweeps.spec.yaml_scalars import OLD_BOOLEANS, AmbiguousScalarError, read_plain
from tlm_sweeps.spec.yaml_writing import flow

_Path = tuple[str | int, ...]

_EXAMPLES = {
    "name": "name: my-sweep",
    "experiment": "experiment: {corpus: {name: python-docs}, model: {kind: transformer, width: 64}}",
    "corpus": "corpus: {name: python-docs}",
    "model": "model: {kind: transformer, width: 64}",
    "kind": "kind: transformer",
    "flops": "flops: 2e13",
}

_EXAMPLES_IN: dict[tuple[str, ...], str] = {("pieces", "kind"): "kind: trained", ("task", "name"): "name: ag-news"}
"""Where the same word means something else."""

_TYPES = {
    "int": "a whole number",
    "float": "a number",
    "bool": "true or false",
    "string": "text",
    "tuple": "a list",
    "list": "a list",
    "dict": "a mapping",
    "model": "a mapping",
}

_RULES = {
    "greater_than": "above {gt}",
    "greater_than_equal": "at least {ge}",
    "less_than": "below {lt}",
    "less_than_equal": "at most {le}",
    "finite_number": "a finite number",
    "string_too_short": "text of at least one character",
    "too_short": "a list of {min_length} or more",
    "too_long": "a list of {max_length} or fewer",
}
_BOUNDS = {"gt", "ge", "lt", "le", "min_length", "max_length"}


def explain(error: ValidationError, root: type[Part], data: Any) -> list[Problem]:
    """Every problem once, in the order of the file's sections, with the dotted name of the field as its place.

    Args:
        error: what pydantic found.
        root: the part that the data was read as.
        data: plain data, as it was given.
    """
    found: dict[_Path, list[ErrorDetails]] = defaultdict(list)
    for each in error.errors(include_url=False):
        found[_path(each, data)].append(each)
    # A union reports every branch; one that got deeper into the data is the one that was meant.
    deepest = [path for path in found if not any(other[: len(path)] == path for other in found if other != path)]
    return [_problem(found[path], path, root, data) for path in deepest]


def _path(error: ErrorDetails, data: Any) -> _Path:
    """The keys and indices among an error's location; the rest are names of a union's branches."""
    path: list[str | int] = []
    here: Any = data
    for each in error["loc"]:
        is_branch = isinstance(here, dict) and here.get("kind") == each and each in ALL_KINDS
        is_entry = isinstance(here, dict) and each in here and not is_branch
        is_item = isinstance(here, list) and isinstance(each, int) and each < len(here)
        if is_entry or is_item:
            path.append(each)
            here = here[each]  # pyright: ignore[reportCallIssue, reportArgumentType] — checked just above
    last = error["loc"][-1] if error["loc"] else ""
    if error["type"] == "extra_forbidden" and path[-1:] != [last]:
        path.append(last)
    if error["type"] == "missing" and isinstance(last, str):
        path.append(last)
    if error["type"] == "union_tag_not_found":
        path.append("kind")
    return tuple(path)


def _most_telling(errors: Sequence[ErrorDetails]) -> list[ErrorDetails]:
    """Of what the branches of a union say about one value: the broken rule alone, else all the types it could have."""
    broken_rules = [each for each in errors if not _is_wrong_kind(each)]
    return broken_rules[-1:] or list(errors)


def _is_wrong_kind(error: ErrorDetails) -> bool:
    return error["type"].endswith("_type") or error["type"] == "literal_error"


def _problem(errors: Sequence[ErrorDetails], path: _Path, root: type[Part], data: Any) -> Problem:
    place = ".".join(map(str, path))
    hint = next((hint for hint in map(_hint, errors) if hint), "")
    telling = _most_telling(errors)
    error = telling[0]
    match error["type"]:
        case "missing" | "union_tag_not_found" if isinstance(error["loc"][-1], str):
            return _missing(path)
        case "extra_forbidden":
            return unknown_key(path, root, data)
        case kind if kind == "union_tag_invalid" or path == ("engine", "kind"):
            return _unknown_kind(error["input"], path)
        case "value_error":
            message = str(error.get("ctx", {}).get("error", error["msg"])).replace(
                repr(error["input"]), _shown(error["input"])
            )
            return Problem(message, place, hint)
        case "string_pattern_mismatch":
            return _bad_name(error["input"], path)
        case _:
            expected = " or ".join(dict.fromkeys(map(_expectation, telling)))
            return Problem(f"`{_field(path)}` must be {expected}, not {_shown(error['input'])}", place, hint)


def _unknown_kind(given: Any, path: _Path) -> Problem:
    """A part whose `kind` names nothing; an engine's that is no text is found at the kind itself."""
    kind, place = (given, path[:-1]) if path[-1:] == ("kind",) else (given["kind"], path)
    kinds = ENGINE_KINDS if place == ("engine",) else PIECES_KINDS if place[-1:] == ("pieces",) else MODEL_KINDS
    return Problem(f"unknown kind {_shown(kind)}", ".".join(map(str, (*place, "kind"))), did_you_mean(str(kind), kinds))


def _missing(path: _Path) -> Problem:
    name = str(path[-1])
    example = _EXAMPLES_IN.get(tuple(map(str, path[-2:]))) or _EXAMPLES.get(name)
    return Problem(
        f"missing `{'.'.join(map(str, path))}`", ".".join(map(str, path)), f"add e.g. `{example}`" if example else ""
    )


def _bad_name(name: Any, path: _Path) -> Problem:
    place = ".".join(map(str, path))
    if path[-1:] == ("start_from",):
        rule = "it is the name of a sweep, or `sweep/run`"
        return Problem(f"{_shown(name)} names no weights: {rule}", place, "write e.g. `start_from: my-pre-training`")
    rule = "a name has letters, digits, `.`, `_` and `-`, begins with a letter or digit and is at most 100 long"
    safe = re.sub(r"[^A-Za-z0-9._-]+", "-", str(name)).lstrip("._-").rstrip("-")[:100]
    return Problem(
        f"{_shown(name)} cannot be a name: {rule}", place, f"write e.g. `{safe}`" if safe else "write e.g. `sweep-1`"
    )


def _expectation(error: ErrorDetails) -> str:
    kind = error["type"]
    if kind in _RULES:
        return _RULES[kind].format(
            **{name: _bound(value) for name, value in error.get("ctx", {}).items() if name in _BOUNDS}
        )
    if kind == "literal_error":
        names = ", ".join(f"`{each}`" for each in _expected(error))
        return f"one of {names}" if len(_expected(error)) > 1 else names
    if kind == "missing":
        return f"a list of {int(error['loc'][-1]) + 1}"
    return _TYPES.get(kind.partition("_")[0], f"valid ({error['msg'].lower()})")


def _bound(value: float) -> str:
    return flow(int(value) if value == int(value) else value)


def _hint(error: ErrorDetails) -> str:
    value, kind = error["input"], error["type"]
    if value is None:
        return "give it a value, or remove the line for its default"
    if kind == "literal_error":
        return did_you_mean(str(value), _expected(error)) if nearest(str(value), _expected(error)) else ""
    if kind == "string_type" and isinstance(value, bool | int | float):
        return f'quote it as it was meant: "{flow(value)}"'
    if kind in {"int_type", "float_type", "bool_type"} and isinstance(value, str):
        return _unquoting_hint(value, kind)
    if kind == "int_type" and isinstance(value, float) and math.isfinite(value):
        return f"write {round(value)}" if value.is_integer() else f"round it: {math.floor(value)} or {math.ceil(value)}"
    return ""


def _unquoting_hint(text: str, kind: str) -> str:
    if kind == "bool_type" and text.lower() in OLD_BOOLEANS:
        return f"write {OLD_BOOLEANS[text.lower()]}"
    meant = _unquoted(text)
    wanted = {"int_type": int, "float_type": int | float, "bool_type": bool}[kind]
    fits = isinstance(meant, wanted) and isinstance(meant, bool) == (kind == "bool_type")
    return f"remove the quotes: {text}" if fits else ""


def _unquoted(text: str) -> Any:
    try:
        return read_plain(text)
    except AmbiguousScalarError:
        return text


def _expected(error: ErrorDetails) -> list[str]:
    return re.findall(r"'([^']*)'", str(error.get("ctx", {}).get("expected", "")))


def _field(path: _Path) -> str:
    """The name of a field and, in a list, the place in it."""
    names = [str(each) for each in path if isinstance(each, str)]
    index = "".join(f"[{each}]" for each in path if isinstance(each, int))
    return (names[-1] if names else "spec") + index


def _shown(value: Any) -> str:
    """The value that was given, short enough for a message."""
    if value is None:
        return "null (nothing)"
    if isinstance(value, str) and value.isalpha() and len(value) <= 40:
        return f"`{value}`"
    text = flow(value)
    text = text if len(text) <= 60 else text[:57] + "..."
    return f"`{text}`" if isinstance(value, str) and not text.startswith('"') else text
