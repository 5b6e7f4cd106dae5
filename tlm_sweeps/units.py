"""Numbers as people write them: FLOP counts with SI prefixes and per cents, parsed and printed in one place."""

from __future__ import annotations

import math
import re

_PREFIXES = {"": 0, "K": 3, "M": 6, "G": 9, "T": 12, "P": 15, "E": 18, "Z": 21}
_NUMBER = r"[+-]?(?:\d[\d_]*\.?\d*|\.\d+)(?:[eE][+-]?\d+)?"
_FLOPS = re.compile(rf"({_NUMBER})\s*([KMGTPEZ]?)FLOPs?", re.IGNORECASE)
_RATE = re.compile(r"FLOPs?\s*(/|per|ps\b)|FLOPS/s", re.IGNORECASE)


def parse_flops(value: object) -> int:
    """A FLOP count: a number, or text such as `20 TFLOPs`.

    Args:
        value: an int, a float, or text. A rate (`FLOP/s`) is refused: a budget is a count.

    Raises:
        ValueError: with the value and what it must be.

    >>> parse_flops("20 TFLOPs") == parse_flops(2e13) == 20_000_000_000_000
    True
    """
    if isinstance(value, str):
        match = _FLOPS.fullmatch(value.strip())
        if _RATE.search(value):
            raise ValueError(f"{value!r} is a rate; a budget is a count of FLOPs, such as 2e13 or `20 TFLOPs`")
        if match is None:
            raise ValueError(f"{value!r} is no FLOP count: write a number or FLOPs, GFLOPs, TFLOPs, PFLOPs")
        value = float(match[1].replace("_", "")) * 10.0 ** _PREFIXES[match[2].upper()]
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError(f"{value!r} is no FLOP count: write a number such as 2e13")
    if not math.isfinite(value) or value < 1:
        raise ValueError(f"{value!r} is no FLOP count: it must be finite and at least 1")
    return round(value)


def parse_share(value: object) -> float:
    """A share of a whole: `5%` or 0.05.

    >>> parse_share("5%"), parse_share(0.05)
    (0.05, 0.05)
    """
    if isinstance(value, str):
        text = value.strip()
        if not re.fullmatch(rf"{_NUMBER}\s*%", text):
            raise ValueError(f"{value!r} is no share: write `5%` or 0.05")
        value = float(text.rstrip("% ").replace("_", "")) / 100
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise ValueError(f"{value!r} is no share: write `5%` or 0.05")
    return float(value)


def format_flops(flops: float) -> str:
    """A FLOP count for reading.

    >>> format_flops(20_000_000_000_000)
    '20 TFLOPs'
    """
    for name, power in reversed(_PREFIXES.items()):
        if abs(flops) >= 10.0**power and power:
            return f"{flops / 10.0**power:.4g} {name}FLOPs"
    return f"{flops:.4g} FLOPs"


def format_count(count: float) -> str:
    """A count for a table: `431k`, `1.07M`.

    >>> format_count(430_785), format_count(65)
    ('431k', '65')
    """
    for name, size in (("G", 1e9), ("M", 1e6), ("k", 1e3)):
        if abs(count) >= size:
            return f"{count / size:.3g}{name}"
    return f"{count:g}"


def format_bytes(size: float) -> str:
    """A size in binary units.

    >>> format_bytes(3 * 2**20)
    '3.0 MiB'
    """
    for name, unit in (("GiB", 2**30), ("MiB", 2**20), ("KiB", 2**10)):
        if size >= unit:
            return f"{size / unit:.1f} {name}"
    return f"{size:.0f} B"


def format_seconds(seconds: float) -> str:
    """A duration for reading.

    >>> format_seconds(95), format_seconds(2.34), format_seconds(7322)
    ('1 min 35 s', '2.3 s', '2 h 02 min')
    """
    if seconds < 10:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest:02d} s" if minutes else f"{rest} s"
    return f"{minutes // 60} h {minutes % 60:02d} min"
