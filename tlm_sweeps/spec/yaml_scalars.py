"""One scalar of YAML, read as people mean it and written so that it is read back: an inverse pair.

YAML 1.1 reads `3e-4` as text, `010` as 8, `1:30` as 90 and `no` as false. Here numbers are numbers, words are words,
and a number that a person and a program could read differently is refused. This file knows nothing of documents,
lines and specs.
"""

from __future__ import annotations

import json
import math
import re
from decimal import Decimal

_DIGITS = r"[0-9](?:_?[0-9])*"
_NUMBER = re.compile(rf"[-+]?(?:{_DIGITS}(?:\.(?:{_DIGITS})?)?|\.{_DIGITS})(?:[eE][-+]?[0-9]+)?")
_LEADING_ZERO = re.compile(r"[-+]?0[0-9_].*")
_OTHER_BASE = re.compile(r"[-+]?0(?:x[0-9a-fA-F]{1,16}|o[0-7]{1,16}|b[01]{1,64})")
_SEXAGESIMAL = re.compile(r"[-+]?[0-9][0-9_]*(?::[0-5]?[0-9])+(?:\.[0-9_]*)?")
_NOT_FINITE = re.compile(r"[-+]?\.(?:inf|Inf|INF|nan|NaN|NAN)")
OLD_BOOLEANS = {"yes": "true", "on": "true", "no": "false", "off": "false"}
"""Booleans of YAML 1.1. Here they are text, so that `wandb: off` is; a field that wants a boolean refuses them."""

_WORDS: dict[str, bool | None] = {
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
    **dict.fromkeys(("null", "Null", "NULL", "~", ""), None),
}
_EXACT = 10**22
"""Powers of ten beyond this are no floats: an exponent no longer gives the whole number that was meant."""

_SAFE_TEXT = re.compile(r"[A-Za-z/][A-Za-z0-9_./-]*(?: [A-Za-z0-9_./-]+)*")
_UNPRINTABLE = re.compile("[^\x20-\x7e\xa0-\u2027\u202a-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]")


class AmbiguousScalarError(ValueError):
    """A scalar that a person and a program may read differently, or that is no finite number."""

    def __init__(self, message: str, hint: str) -> None:
        super().__init__(message)
        self.hint = hint


def read_plain(text: str) -> bool | float | str | None:
    """The value of an unquoted scalar.

    Raises:
        AmbiguousScalarError: for `010`, `0x10`, `1:30`, `.inf`, `1e400` and their like.

    >>> [read_plain(text) for text in ("3e-4", "1e15", "1_000", "5%", "true", "2026-01-31")]
    [0.0003, 1000000000000000, 1000, '5%', True, '2026-01-31']
    """
    if text in _WORDS:
        return _WORDS[text]
    _refuse_ambiguous(text)
    return _number(text) if _NUMBER.fullmatch(text) else text


def _refuse_ambiguous(text: str) -> None:
    if _SEXAGESIMAL.fullmatch(text):
        raise AmbiguousScalarError(
            f"`{text}` may mean a time or a number to base 60",
            f'quote it if it is text: "{text}"; else write the number',
        )
    if _NOT_FINITE.fullmatch(text):
        raise AmbiguousScalarError(f"`{text}` is no finite number", "write a finite number, or leave the field out")
    if _OTHER_BASE.fullmatch(text):
        raise AmbiguousScalarError(
            f"`{text}` is a number to another base", f'write {int(text, 0)}, or quote it if it is text: "{text}"'
        )
    if _LEADING_ZERO.fullmatch(text) and _NUMBER.fullmatch(text):
        raise AmbiguousScalarError(
            f"`{text}` begins with a zero and may be meant to base 8 or 10",
            f'write {_readings(text)}, or quote it if it is text: "{text}"',
        )


def _readings(text: str) -> str:
    sign, body = ("-" if text.startswith("-") else ""), text.lstrip("+-").replace("_", "")
    decimal = body.lstrip("0") or "0"
    if not re.fullmatch(r"[0-7]{1,20}", body) or int(body, 8) == int(body):
        return sign + (decimal if decimal[0].isdigit() else f"0{decimal}")
    return f"{sign}{decimal} (or, meaning base 8, {sign}{int(body, 8)})"


def _number(text: str) -> float:
    number = float(text)
    if math.isinf(number):
        raise AmbiguousScalarError(f"`{_cut(text)}` is too large for a number", "write a smaller number, or quote text")
    mantissa = text.lower().partition("e")[0]
    if number == 0 and any(digit in "123456789" for digit in mantissa):
        raise AmbiguousScalarError(f"`{_cut(text)}` is too small for a number", "write 0 or a larger number")
    if not any(mark in text for mark in ".eE"):
        return int(text)
    is_whole = "e" in text.lower() and number.is_integer() and Decimal(text.replace("_", "")) == Decimal(number)
    return int(number) if is_whole else number


def _cut(text: str) -> str:
    return text if len(text) <= 40 else text[:37] + "..."


def write_scalar(value: bool | float | str | None) -> str:
    """The shortest usual way to write a value so that `read_plain` (or the quotes) gives it back.

    >>> [write_scalar(value) for value in (20_000_000_000_000, 0.0003, 0.05, 3.0, "yes", "all", None)]
    ['2e13', '3e-4', '0.05', '3.0', '"yes"', 'all', 'null']
    """
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, int):
        return _written_int(value)
    if isinstance(value, float):
        return _written_float(value)
    return value if _is_plain_text(value) else _quoted(value)


def _written_int(value: int) -> str:
    plain = str(value)
    is_round = 10**6 <= abs(value) < _EXACT and float(value) == value
    return min(plain, _scientific(Decimal(value)), key=len) if is_round else plain


def _written_float(value: float) -> str:
    plain = repr(value)
    may_shorten = math.isfinite(value) and ("e" in plain or not value.is_integer())
    return min(plain, _scientific(Decimal(plain)), key=len) if may_shorten else plain


def _scientific(number: Decimal) -> str:
    sign, digits, exponent = number.normalize().as_tuple()
    head, tail = str(digits[0]), "".join(map(str, digits[1:]))
    power = int(exponent) + len(digits) - 1
    return f"{'-' * sign}{head}{'.' + tail if tail else ''}e{power}"


def _is_plain_text(text: str) -> bool:
    if not _SAFE_TEXT.fullmatch(text) or text.lower() in OLD_BOOLEANS:  # Other readers would take those for booleans.
        return False
    try:
        return read_plain(text) == text
    except AmbiguousScalarError:
        return False


def _quoted(text: str) -> str:
    """Double-quoted as in JSON, with every character escaped that YAML would fold, drop or refuse."""
    return _UNPRINTABLE.sub(lambda found: f"\\u{ord(found[0]):04x}", json.dumps(text, ensure_ascii=False))
