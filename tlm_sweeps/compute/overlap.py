"""Overlap of the tokens of a pre-training set and of a task: arithmetic on counts; it knows no texts and no labels.

The study (arXiv 2507.14871) relates the gain of pre-training to the overlap of distinct tokens, without saying whose
share it is, so both directions are given; a frequency-weighted overlap is its future work.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from jaxtyping import Int, Integer

from tlm_sweeps.compute.encoder_facts import TokenOverlap


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
