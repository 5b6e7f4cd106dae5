"""Keys that are padding might as well not be there, on whatever way attention is computed."""

from __future__ import annotations

import pytest
import torch

from tlm_sweeps.models.mixing import mixed


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("groups", [1, 2, 4])
@pytest.mark.parametrize("queries", [1, 5])
def test_padded_keys_are_left_out(dtype: torch.dtype, groups: int, queries: int):
    random = torch.Generator().manual_seed(groups)
    query = torch.randn(3, 4, queries, 8, generator=random).to(dtype)
    key, value = (torch.randn(3, groups, 5, 8, generator=random).to(dtype) for _ in range(2))
    tolerance = 1e-6 if dtype == torch.float32 else 0.02
    is_real = torch.tensor([[1, 1, 1, 1, 1], [1, 0, 1, 0, 0], [0, 0, 0, 0, 1]]).bool()
    found = mixed(query, key, value, causal=False, is_real=is_real)
    for window, real in enumerate(is_real):
        one = slice(window, window + 1)
        alone = mixed(query[one], key[one, :, real], value[one, :, real], causal=False)
        torch.testing.assert_close(found[one], alone, atol=tolerance, rtol=tolerance)


def test_padded_keys_are_left_out_where_weights_are_dropped():
    """Values are 1 where real, so what is kept of the weights has the mean 1, and a million where they are padding."""
    torch.manual_seed(0)
    query, key = torch.randn(64, 2, 16, 4), torch.randn(64, 2, 16, 4)
    is_real = torch.arange(16).expand(64, 16) < 9
    value = torch.where(is_real[:, None, :, None], 1.0, 1e6).expand(64, 2, 16, 4)
    found = mixed(query, key, value, causal=False, dropout=0.5, is_real=is_real)
    assert found.max() <= 2.001
    assert found.std() > 0.1
    assert found.mean().item() == pytest.approx(1.0, abs=0.05)
