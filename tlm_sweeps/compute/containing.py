"""Which rows of pieces stand whole inside other rows: whether a text was there to be read, word for word.

Arithmetic on ids; it knows no texts, no labels and no vocabulary.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

import numpy as np
from jaxtyping import Bool, Integer

_HEAD = 4
"""Pieces by which a row is looked for: four ids of 16 bits are one number. Shorter rows may be anywhere by chance."""
_AT_ONCE = 4_096
"""Rows that are looked through together: some ten megabytes."""


def n_contained(rows: Integer[np.ndarray, "rows t"], within: Integer[np.ndarray, "others u"], blank: int) -> int:
    """Rows that stand whole, all their pieces one after the other, inside one of the others.

    Args:
        rows: ids below 2¹⁶ of what is looked for, padded at the end.
        within: ids of what it is looked for in.
        blank: the id of padding, which is no part of a row. Rows of fewer than four pieces are not looked for.

    Example:
        >>> n_contained(np.array([[5, 6, 7, 8, 0], [5, 6, 7, 9, 0]]), np.array([[1, 5, 6, 7, 8, 2]]), blank=0)
        1
    """
    by_head: dict[int, set[bytes]] = defaultdict(set)
    texts = [own for row in rows.astype("<u2") if len(own := row[row != blank]) >= _HEAD]
    for own in texts:
        by_head[int(_heads(own[None])[0, 0])].add(own.tobytes())
    if not texts or within.shape[1] < _HEAD:
        return 0
    there: set[bytes] = set()
    for first in range(0, len(within), _AT_ONCE):
        others = within[first : first + _AT_ONCE].astype("<u2")
        heads = _heads(others)
        for row, at in zip(*np.nonzero(_is_among(heads, sorted(by_head))), strict=True):
            rest = others[row, at:].tobytes()
            there |= {own for own in by_head[int(heads[row, at])] if rest.startswith(own)}
    return sum(own.tobytes() in there for own in texts)


def _is_among(heads: Integer[np.ndarray, "rows places"], known: Sequence[int]) -> Bool[np.ndarray, "rows places"]:
    ordered = np.array(known, dtype=np.uint64)
    return ordered[np.minimum(np.searchsorted(ordered, heads), len(ordered) - 1)] == heads


def _heads(rows: Integer[np.ndarray, "rows t"]) -> Integer[np.ndarray, "rows places"]:
    """The four ids from each place on, as one number."""
    places = rows.shape[1] - _HEAD + 1
    parts = [rows[:, at : at + places].astype(np.uint64) << np.uint64(16 * at) for at in range(_HEAD)]
    return np.bitwise_or.reduce(parts)
