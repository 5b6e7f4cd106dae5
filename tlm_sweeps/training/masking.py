"""Which pieces of a passage an encoder must predict, and what it sees in their place (Devlin et al. 2019, section 3.1).

Every window has the same number of predicted places, so that its FLOPs are known beforehand. A passage with fewer
pieces repeats some of them, and what is repeated weighs nothing. It knows no model.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from jaxtyping import Bool, Float, Int, UInt16
from torch import Tensor

from tlm_sweeps.corpora.pieces import CLS, MASK, PAD, SEP, WordPieces
from tlm_sweeps.spec.masking import MaskingSpec, masked_places


@dataclass(frozen=True, eq=False)
class MaskedWindows:
    """Windows with what is asked of each."""

    inputs: Int[Tensor, "b t"]
    """What the encoder sees."""
    is_real: Bool[Tensor, "b t"]
    """Where it is no padding."""
    places: Int[Tensor, "b q"]
    """What is predicted."""
    targets: Int[Tensor, "b q"]
    """The pieces that stood there."""
    weights: Float[Tensor, "b q"]
    """1, or 0 where a place is named again."""

    def __len__(self) -> int:
        return len(self.inputs)

    def part(self, first: int, end: int) -> MaskedWindows:
        """Some of the windows."""
        some = (each[first:end] for each in (self.inputs, self.is_real, self.places, self.targets, self.weights))
        return MaskedWindows(*some)


@dataclass(frozen=True, eq=False)
class Masking:
    """How windows of one vocabulary are masked."""

    pieces: WordPieces
    spec: MaskingSpec

    def of(self, rows: UInt16[np.ndarray, "b t"], stream: np.random.Generator, device: torch.device) -> MaskedWindows:
        """Mask windows; each takes its own share of the stream, so that more windows do not change the first ones.

        Args:
            rows: `[CLS]`, pieces, `[SEP]`, padding.
            stream: decides which places, and what is seen there.
            device: where the windows are wanted.
        """
        n_windows, context = rows.shape
        count = masked_places(self.spec, context)
        chances = stream.random((n_windows, context + 2 * count))
        may_be_masked = ~np.isin(rows, self._frame)
        available = may_be_masked.sum(1)[:, None]
        order = np.where(may_be_masked, chances[:, :context], 2.0).argsort(1)
        rank = np.arange(count) % np.maximum(available, 1)
        places = np.take_along_axis(order, rank, 1)
        targets = np.take_along_axis(rows, places, 1)
        shown = np.take_along_axis(self._shown(targets, chances[:, context:]), rank, 1)
        inputs = rows.astype(np.int64)
        np.put_along_axis(inputs, places, np.where(available > 0, shown, targets), 1)
        weights = (np.arange(count) < available).astype(np.float32)
        found = (inputs, rows != self.pieces.ids[PAD], places, targets.astype(np.int64), weights)
        return MaskedWindows(*(torch.from_numpy(each).to(device) for each in found))

    def _shown(self, targets: UInt16[np.ndarray, "b q"], chances: Float[np.ndarray, "b _"]) -> Int[np.ndarray, "b q"]:
        """What the encoder sees in the place of targets: the mask, any piece, or the target itself."""
        fate, choice = np.hsplit(chances, 2)
        others = self._ordinary[(choice * len(self._ordinary)).astype(np.int64)]
        kept = np.where(fate < self.spec.masked + self.spec.random, others, targets)
        return np.where(fate < self.spec.masked, self.pieces.ids[MASK], kept)

    @cached_property
    def _frame(self) -> list[int]:
        return [self.pieces.ids[piece] for piece in (PAD, CLS, SEP)]

    @cached_property
    def _ordinary(self) -> Int[np.ndarray, " n"]:
        """The pieces that a text can write."""
        return np.setdiff1d(np.arange(len(self.pieces.vocabulary)), sorted(self.pieces.special_ids))
