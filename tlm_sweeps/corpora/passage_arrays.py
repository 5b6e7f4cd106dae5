"""A corpus cut into passages, in memory. How it came to be there is for `passages`; it knows no files and no Hub."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, UInt16

from tlm_sweeps.compute.encoder_facts import PassageFacts
from tlm_sweeps.corpora import framing
from tlm_sweeps.corpora.pieces import WordPieces


@dataclass(frozen=True, eq=False)
class Passages:
    """A corpus cut into passages. The arrays are read-only and memory-mapped."""

    facts: PassageFacts
    pieces: WordPieces
    train: UInt16[np.ndarray, "train t"]
    """In the order of `PassagesSpec`: the first N of it are what `first_passages: N` keeps."""
    valid: UInt16[np.ndarray, "valid t"]
    test: UInt16[np.ndarray, "test t"]

    def is_real(self, rows: UInt16[np.ndarray, "passages t"]) -> Bool[np.ndarray, "passages t"]:
        """Which positions of passages are no padding."""
        return framing.is_real(self.pieces, rows)
