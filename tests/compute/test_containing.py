"""Rows inside other rows, against the plainest search there is."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from tlm_sweeps.compute.containing import n_contained

few_ids = st.integers(0, 3)
"""So few that rows often stand in each other; 0 is padding."""


@given(
    rows=arrays(np.uint16, (5, 6), elements=few_ids),
    within=arrays(np.uint16, st.tuples(st.integers(0, 4), st.integers(1, 12)), elements=few_ids),
)
def test_rows_are_counted_as_a_search_by_hand_counts_them(
    rows: np.ndarray[tuple[int, int], np.dtype[np.uint16]], within: np.ndarray[tuple[int, int], np.dtype[np.uint16]]
):
    texts = [[number for number in row if number] for row in rows.tolist()]
    others = within.tolist()
    by_hand = sum(
        len(text) >= 4
        and any(other[at : at + len(text)] == text for other in others for at in range(len(other) - len(text) + 1))
        for text in texts
    )
    assert n_contained(rows, within, blank=0) == by_hand


def test_ids_are_told_apart_to_their_last_bit():
    rows = np.array([[65_535, 1, 2, 3, 65_534]], dtype=np.uint16)
    assert n_contained(rows, np.array([[9, 65_535, 1, 2, 3, 65_534]], dtype=np.uint16), blank=0) == 1
    assert n_contained(rows, np.array([[9, 65_535, 1, 2, 3, 65_535]], dtype=np.uint16), blank=0) == 0
    across = np.array([[9, 65_535, 1, 2], [3, 65_534, 9, 9]], dtype=np.uint16)
    assert n_contained(rows, across, blank=0) == 0, "a row is not found across two others"
