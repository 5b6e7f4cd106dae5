"""A fingerprint of a value: equal for equal meaning, and refused where meaning is not stable."""

from __future__ import annotations

import hashlib
import json
import math
from typing import Any

from pydantic import BaseModel


def fingerprint(value: Any) -> str:
    """16 hexadecimal digits of the sha256 of `canonical_json(value)`.

    >>> fingerprint({"a": 1, "b": (2.0, 3)}) == fingerprint({"b": [2, 3], "a": 1})
    True
    """
    return hashlib.sha256(canonical_json(value).encode()).hexdigest()[:16]


def canonical_json(value: Any) -> str:
    """JSON that is the same for the same meaning.

    The order of keys does not matter, tuples are lists, 2.0 is 2, and a spec's defaults are written out, so that
    leaving one out or writing it is the same. True is not 1.

    Raises:
        TypeError: for what has no stable JSON: sets, bytes, dates, functions, other objects, keys that are no text.
        ValueError: for NaN and infinities.

    >>> canonical_json({"b": 1e15, "a": (True, 0.5)})
    '{"a":[true,0.5],"b":1000000000000000}'
    """
    return json.dumps(_stable(value, "value"), sort_keys=True, separators=(",", ":"), allow_nan=False)


def _stable(value: Any, path: str) -> Any:
    if value is None or isinstance(value, bool | str | int):
        return value
    if isinstance(value, float):
        if not math.isfinite(value):
            raise ValueError(f"{path} is {value}: it has no fingerprint")
        return int(value) if value.is_integer() else value
    if isinstance(value, BaseModel):
        # In "python" mode, so that a set or a date inside is seen as what it is, and refused.
        return _stable(value.model_dump(mode="python"), path)
    if isinstance(value, list | tuple):
        return [_stable(each, f"{path}[{index}]") for index, each in enumerate(value)]
    if isinstance(value, dict):
        return {_key(key, path): _stable(each, f"{path}.{key}") for key, each in value.items()}
    raise TypeError(f"{path} is a {type(value).__name__}: it has no fingerprint")


def _key(key: Any, path: str) -> str:
    if not isinstance(key, str):
        raise TypeError(f"{path} has the key {key!r}, which is no text: it has no fingerprint")
    return key
