"""Overlap of the tokens of a pre-training set and of a task: arithmetic on counts; it knows no texts and no labels.

The study (arXiv 2507.14871) relates the gain of pre-training to the overlap of distinct tokens, without saying whose
share it is, so both directions are given; a frequency-weighted overlap is its future work.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Int, Integer


@dataclass(frozen=True)
class TokenOverlap:
    """How much two sets of texts have in common, over the pieces of one vocabulary. Shares are between 0 and 1."""

    n_pretraining: int
    """Distinct tokens of the pre-training set."""
    n_task: int
    """Distinct tokens of the task."""
    n_common: int
    """Distinct tokens of both."""
    task_kinds_seen: float
    """Share of the task's distinct tokens that occur in the pre-training set."""
    pretraining_kinds_used: float
    """Share of the pre-training set's distinct tokens that occur in the task."""
    task_tokens_seen: float
    """Share of the task's running tokens whose kind occurs in the pre-training set."""
    pretraining_tokens_used: float
    """Share of the pre-training set's running tokens whose kind occurs in the task."""
    common_mass: float
    """Σ min(p, q) over the two relative frequencies: 1 for equal distributions, 0 for nothing in common. It does not
    come near 1 merely because both sets are large, as the shares above do with a closed vocabulary."""


def token_counts(
    rows: Integer[np.ndarray, "*shape"], vocabulary_size: int, leave_out: Iterable[int] = ()
) -> Int[np.ndarray, " v"]:
    """How often each token occurs.

    Args:
        rows: ids of any shape.
        vocabulary_size: ids are below it.
        leave_out: ids that are not counted: the special pieces, padding among them.

    Example:
        >>> token_counts(np.array([[1, 2, 2, 0]]), 4, leave_out=[0]).tolist()
        [0, 1, 2, 0]
    """
    counts = np.bincount(rows.reshape(-1), minlength=vocabulary_size)
    counts[list(leave_out)] = 0
    return counts


def token_overlap(pretraining: Int[np.ndarray, " v"], task: Int[np.ndarray, " v"]) -> TokenOverlap:
    """Overlap of two sets from their token counts.

    Args:
        pretraining: count of each token of the vocabulary in the pre-training set.
        task: the same for the task, in the same vocabulary.

    Raises:
        ValueError: the vocabularies differ in size, or a set has no tokens.

    Example:
        >>> overlap = token_overlap(np.array([6, 2, 0]), np.array([1, 0, 3]))
        >>> overlap.task_kinds_seen, overlap.task_tokens_seen, overlap.pretraining_tokens_used, overlap.common_mass
        (0.5, 0.25, 0.75, 0.25)
    """
    if pretraining.shape != task.shape:
        raise ValueError(f"counts over {pretraining.size} and {task.size} tokens are not of one vocabulary")
    if not pretraining.any() or not task.any():
        raise ValueError("a set without tokens has no overlap with any other")
    in_pretraining, in_task = pretraining > 0, task > 0
    n_common = int((in_pretraining & in_task).sum())
    return TokenOverlap(
        n_pretraining=int(in_pretraining.sum()),
        n_task=int(in_task.sum()),
        n_common=n_common,
        task_kinds_seen=n_common / int(in_task.sum()),
        pretraining_kinds_used=n_common / int(in_pretraining.sum()),
        task_tokens_seen=_share(task, in_pretraining),
        pretraining_tokens_used=_share(pretraining, in_task),
        common_mass=float(np.minimum(pretraining / pretraining.sum(), task / task.sum()).sum()),
    )


def _share(counts: Int[np.ndarray, " v"], kinds: np.ndarray[Any, np.dtype[np.bool_]]) -> float:
    return int(counts[kinds].sum()) / int(counts.sum())
