"""A labelled set in memory. How it came to be there is for `labelled`; it knows no files and no Hub."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, UInt16

from tlm_sweeps.compute.encoder_facts import TaskFacts


@dataclass(frozen=True, eq=False)
class LabelledPart:
    """Examples, label by label; ids and labels are read-only and memory-mapped."""

    ids: UInt16[np.ndarray, "n t"]
    """`[CLS]`, pieces, `[SEP]`, `[PAD]`."""
    is_real: Bool[np.ndarray, "n t"]
    """Which positions are no padding."""
    labels: UInt16[np.ndarray, " n"]


@dataclass(frozen=True, eq=False)
class LabelledSet:
    """A labelled set as drawn."""

    facts: TaskFacts
    train: LabelledPart
    valid: LabelledPart
    """For choosing: at least one example of each label."""
    test: LabelledPart
