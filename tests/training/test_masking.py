"""Which pieces are asked for and what is seen in their place, by counting."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from tests.training.masked_runs import CONTEXT, PIECES, job, passages, rows
from tlm_sweeps.corpora.pieces import MASK, PAD
from tlm_sweeps.spec.masking import MaskingSpec
from tlm_sweeps.training.masking import MaskedWindows, Masking
from tlm_sweeps.training.passages import TrainingPassages, held_out

CPU = torch.device("cpu")


def masked(windows: np.ndarray, spec: MaskingSpec | None = None, seed: int = 0) -> MaskedWindows:
    return Masking(PIECES, spec or MaskingSpec()).of(windows, np.random.default_rng(seed), CPU)


def test_every_window_has_the_same_places_and_repeated_ones_weigh_nothing():
    windows = rows(200, 3)
    found = masked(windows, MaskingSpec(share=0.5))
    assert found.places.shape == (200, 6)
    for row, places, weights in zip(windows, found.places.tolist(), found.weights.tolist(), strict=True):
        n_pieces = int((row != PIECES.ids[PAD]).sum()) - 2
        counted = [place for place, weight in zip(places, weights, strict=True) if weight]
        assert len(counted) == len(set(counted)) == min(6, n_pieces)
        assert set(places) == set(counted)
        assert all(1 <= place <= n_pieces for place in places)  # between [CLS] and [SEP]


def test_targets_are_what_stood_there_and_nothing_else_is_changed():
    windows = rows(200, 3).astype(np.int64)
    found = masked(windows.astype(np.uint16), MaskingSpec(share=0.3))
    original = torch.from_numpy(windows)
    assert torch.equal(found.targets, original.gather(1, found.places))
    assert torch.equal(found.inputs.scatter(1, found.places, found.targets), original)
    assert torch.equal(found.is_real, original != PIECES.ids[PAD])


def test_of_the_places_80_percent_are_masks_and_10_percent_random_pieces():
    found = masked(rows(20_000, 4, shortest=CONTEXT - 2))
    shown = found.inputs.gather(1, found.places)
    masks = shown == PIECES.ids[MASK]
    n_ordinary = len(PIECES.vocabulary) - len(PIECES.special_ids)
    changed = ~masks & (shown != found.targets)
    assert masks.float().mean().item() == pytest.approx(0.8, abs=0.01)
    # A random piece is, once in so many, the one that stood there.
    assert changed.float().mean().item() == pytest.approx(0.1 * (1 - 1 / n_ordinary), abs=0.008)
    assert not set(shown[changed].tolist()) & PIECES.special_ids
    assert len(set(shown[changed].tolist())) == n_ordinary
    n_at = found.places.flatten().bincount(minlength=CONTEXT)
    assert n_at[1:-1].min() > 0.9 * n_at[1:-1].float().mean()


def test_more_windows_do_not_change_how_the_first_ones_are_masked():
    few, many = (masked(rows(100, 5)[:count]) for count in (7, 100))
    assert torch.equal(few.inputs, many.inputs[:7])
    assert torch.equal(few.places, many.places[:7])


def test_training_masks_anew_at_each_step_and_alike_whenever_it_is_asked():
    text, asked = passages(), job(steps=100)
    batches = TrainingPassages(asked, text, CPU)
    first_epoch = [batches.batch(step) for step in range(7)]
    assert [len(each) for each in first_epoch] == [8, 8, 8, 8, 8, 8, 2]
    seen = torch.cat([each.inputs.scatter(1, each.places, each.targets) for each in first_epoch])
    assert sorted(seen.tolist()) == sorted(text.train.tolist())  # one pass over the passages
    again = TrainingPassages(asked, text, CPU).batch(3)
    assert torch.equal(again.inputs, first_epoch[3].inputs)
    other_epoch = torch.cat([batches.batch(step).inputs for step in range(7, 14)])
    assert other_epoch.tolist() != torch.cat([each.inputs for each in first_epoch]).tolist()
    other_seed = TrainingPassages(job(steps=100, seed=1), text, CPU).batch(3)
    assert not torch.equal(other_seed.inputs, again.inputs)


def test_what_runs_are_judged_on_is_masked_alike_for_all_of_them():
    one, other = (held_out(job(seed=seed).experiment, passages(), "valid", CPU) for seed in (0, 1))
    assert torch.equal(one.inputs, other.inputs)
    assert torch.equal(one.places, other.places)
    assert len(one) == 20
