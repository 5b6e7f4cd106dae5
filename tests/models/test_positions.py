"""Rotations and sinusoids have the properties that their papers state."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from tlm_sweeps.models.positions import rotated, rotation_table, sinusoids


@given(first=st.integers(0, 40), second=st.integers(0, 40), shift=st.integers(0, 50))
@settings(deadline=None, max_examples=60)
def test_a_rotated_product_depends_only_on_the_distance(first: int, second: int, shift: int):
    table = rotation_table(100, 8)
    query, key = torch.randn(2, 8, generator=torch.Generator().manual_seed(first))

    def product(query_at: int, key_at: int) -> float:
        turned_query = rotated(query.expand(1, 1, 8), table[:, query_at : query_at + 1])
        turned_key = rotated(key.expand(1, 1, 8), table[:, key_at : key_at + 1])
        return (turned_query * turned_key).sum().item()

    assert product(first + shift, second + shift) == pytest.approx(product(first, second), abs=2e-4)


def test_a_rotation_turns_the_two_halves_as_complex_numbers():
    x = torch.randn(2, 5, 6, dtype=torch.float64)
    rates = torch.tensor([10_000 ** (-i / 3) for i in range(3)], dtype=torch.float64)
    turns = torch.polar(torch.ones(5, 3, dtype=torch.float64), torch.arange(5)[:, None] * rates)
    turned = torch.complex(x[..., :3], x[..., 3:]) * turns
    expected = torch.cat((turned.real, turned.imag), dim=-1)
    torch.testing.assert_close(rotated(x, rotation_table(5, 6).double()), expected, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("width", [7, 8])
def test_sinusoids_follow_their_formula(width: int):
    table = sinusoids(12, width)
    assert table.shape == (12, width)
    for position, dimension in ((0, 0), (3, 2), (11, 5), (7, 6)):
        angle = position / 10_000 ** (2 * (dimension // 2) / width)
        expected = math.cos(angle) if dimension % 2 else math.sin(angle)
        assert table[position, dimension].item() == pytest.approx(expected, abs=1e-5)
