"""Dropout drops the share that is asked, keeps the mean, and lets gradients through where it let numbers through."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional

from tlm_sweeps.models.dropping import Dropout, dropped


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_the_share_is_dropped_and_the_mean_stays(share: float, dtype: torch.dtype):
    torch.manual_seed(0)
    found = dropped(torch.ones(1001, 997, dtype=dtype), share)
    assert (found == 0).float().mean().item() == pytest.approx(share, abs=2e-3)
    kept = found[found != 0].unique()
    assert kept.tolist() == [pytest.approx(1 / (1 - share), rel=5e-3)]
    assert found.float().mean().item() == pytest.approx(1, abs=0.01)


def test_it_spreads_as_torchs_own_does():
    torch.manual_seed(0)
    ours, torchs = (
        (f(torch.ones(4000, 250), 0.1) == 0).sum(1).float() for f in (dropped, functional.dropout)
    )  # of each row, how many
    assert ours.mean().item() == pytest.approx(torchs.mean().item(), abs=0.3)
    assert ours.std().item() == pytest.approx(torchs.std().item(), rel=0.05)


def test_gradients_are_dropped_where_numbers_were():
    torch.manual_seed(0)
    x = torch.ones(33, 7, requires_grad=True)
    found = dropped(x, 0.3)
    (gradient,) = torch.autograd.grad(found.sum(), x)
    assert torch.equal(gradient, found.detach())
    assert 0 < (found == 0).sum() < x.numel()


def test_one_seed_drops_alike_and_the_next_draw_does_not():
    torch.manual_seed(7)
    first, second = dropped(torch.ones(100), 0.5), dropped(torch.ones(100), 0.5)
    torch.manual_seed(7)
    assert torch.equal(dropped(torch.ones(100), 0.5), first)
    assert not torch.equal(first, second)


def test_nothing_is_dropped_without_a_share_or_outside_training():
    x = torch.ones(10)
    assert dropped(x, 0.0) is x
    assert Dropout(0.5).eval()(x) is x


def test_the_largest_share_leaves_something_to_divide_by():
    torch.manual_seed(0)
    found = dropped(torch.ones(1_000_000), 1 - 1e-9)
    assert torch.isfinite(found).all()
