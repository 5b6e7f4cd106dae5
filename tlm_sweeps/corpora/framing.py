"""Rows of an encoder: `[CLS]`, pieces, `[SEP]`, then `[PAD]`. It knows no texts and no files."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxtyping import Bool, UInt16

from tlm_sweeps.corpora.pieces import CLS, PAD, SEP, WordPieces

FRAME = 2
"""Positions of a row that `[CLS]` and `[SEP]` take."""


def framed(pieces: WordPieces, texts: Sequence[UInt16[np.ndarray, " _"]], length: int) -> UInt16[np.ndarray, "rows t"]:
    """One row for each text; what does not fit into `length` positions is cut off."""
    rows = np.full((len(texts), length), pieces.ids[PAD], dtype="<u2")
    rows[:, 0] = pieces.ids[CLS]
    for row, text in zip(rows, texts, strict=True):
        kept = text[: length - FRAME]
        row[1 : 1 + len(kept)] = kept
        row[1 + len(kept)] = pieces.ids[SEP]
    return rows


def is_real(pieces: WordPieces, rows: UInt16[np.ndarray, "rows t"]) -> Bool[np.ndarray, "rows t"]:
    """Which positions are no padding. The ids say so themselves, since no text can write `[PAD]`."""
    return rows != pieces.ids[PAD]
