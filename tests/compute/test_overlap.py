"""Token overlap on sets whose overlap was planted."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from tlm_sweeps.compute.overlap import token_counts, token_overlap

counted = arrays(np.int64, 12, elements=st.integers(0, 50)).filter(lambda counts: bool(counts.any()))


def test_a_planted_overlap_is_found():
    """Tokens 5..9 before, 8..9 in common, 10 only in the task; 0 is padding and 1 unknown."""
    pretraining = token_counts(np.array([[5, 6, 7, 8, 8], [9, 9, 9, 9, 0]]), 12, leave_out=[0, 1])
    task = token_counts(np.array([[8, 9, 9, 10, 1, 0]], dtype=np.uint16), 12, leave_out=[0, 1])
    overlap = token_overlap(pretraining, task)
    assert (overlap.n_pretraining, overlap.n_task, overlap.n_common) == (5, 3, 2)
    assert overlap.task_kinds_seen == pytest.approx(2 / 3)
    assert overlap.pretraining_kinds_used == pytest.approx(2 / 5)
    assert overlap.task_tokens_seen == pytest.approx(3 / 4)
    assert overlap.pretraining_tokens_used == pytest.approx(6 / 9)
    assert overlap.common_mass == pytest.approx(2 / 9 + 4 / 9)


@given(counted)
def test_a_set_overlaps_with_itself_wholly_and_with_other_tokens_not_at_all(counts: np.ndarray):
    mine = np.concatenate([counts, np.zeros_like(counts)])
    others = np.concatenate([np.zeros_like(counts), counts])
    same, none = token_overlap(mine, 3 * mine), token_overlap(mine, others)
    shares = [field.name for field in dataclasses.fields(same) if not field.name.startswith("n_")]
    assert [getattr(same, name) for name in shares] == pytest.approx([1.0] * len(shares))
    assert [getattr(none, name) for name in shares] == [0.0] * len(shares)


@given(counted, counted)
def test_the_other_way_round_the_two_directions_change_places(one: np.ndarray, other: np.ndarray):
    there, back = token_overlap(one, other), token_overlap(other, one)
    assert there.task_kinds_seen == back.pretraining_kinds_used
    assert there.task_tokens_seen == back.pretraining_tokens_used
    assert there.n_common == back.n_common
    assert there.common_mass == pytest.approx(back.common_mass)
    assert there.common_mass <= min(there.task_tokens_seen, there.pretraining_tokens_used) + 1e-12


def test_counts_of_two_vocabularies_or_of_nothing_are_refused():
    with pytest.raises(ValueError, match="one vocabulary"):
        token_overlap(np.array([1, 2]), np.array([1, 2, 3]))
    with pytest.raises(ValueError, match="without tokens"):
        token_overlap(np.array([1, 2]), np.array([0, 0]))
