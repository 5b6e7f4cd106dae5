"""Which tokens are train, valid and test: the corpus's own parts, shares by position, or the study's slices.

It moves slices, not tokens: it works for any sequence and knows nothing of levels but that the study's slices have one.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from tlm_sweeps.corpora.catalog import CATALOG, PaperSplit
from tlm_sweeps.errors import InputError
from tlm_sweeps.spec.experiment import CorpusSpec, SplitShares

SPLIT_NAMES = ("train", "valid", "test")

Slices = tuple[tuple[int, int], tuple[int, int], tuple[int, int]]
Split = Literal["official"] | SplitShares | Slices
Ids = NDArray[np.integer]

_PLACE = "experiment.corpus.split"
_ROUNDING = 1e-9
"""Shares are binary fractions: 0.8 + 0.1 of 1,000 must end at 900, not at 899.999…"""


def choose_split(spec: CorpusSpec, parts: Sequence[str], name: str) -> Split:
    """How the corpus is split.

    Args:
        spec: what was asked.
        parts: the splits that the corpus has of its own; `["all"]` for none.
        name: what messages call the corpus.

    Raises:
        InputError: it cannot be split as asked.
    """
    missing = [split for split in SPLIT_NAMES if split not in parts]
    match spec.split:
        case "paper":
            return _paper_split(spec, name).slices or "official"
        case SplitShares():
            return spec.split
        case "official" if missing:
            raise InputError(
                f"{name} has no files of its own for {' and '.join(missing)}",
                place=_PLACE,
                hint="leave `split` out for 80/10/10, or write shares: split: {train: 80%, valid: 10%}",
            )
        case None if missing and "all" not in parts:
            raise InputError(
                f"{name} has {' and '.join(parts)} of its own, but no {' and '.join(missing)}",
                place=_PLACE,
                hint="add what is missing, or split all of it by position: split: {train: 80%, valid: 10%}",
            )
        case _:
            return SplitShares() if missing else "official"


def cut(split: Split, parts: Sequence[Ids]) -> tuple[Ids, Ids, Ids]:
    """Train, valid and test of the parts' tokens: three parts for `official`, one for the others."""
    if split == "official":
        train, valid, test = parts
        return train, valid, test
    (whole,) = parts
    slices = _by_shares(split, len(whole)) if isinstance(split, SplitShares) else split
    train, valid, test = (whole[first:last] for first, last in slices)
    return train, valid, test


def capped(spec: CorpusSpec, splits: tuple[Ids, Ids, Ids], name: str) -> tuple[Ids, Ids, Ids]:
    """The first tokens of each split: no more than the spec's caps, nor with `split: paper` than the study's.

    Raises:
        InputError: a split is empty.
    """
    asked = (spec.first_tokens.train, spec.first_tokens.valid, spec.first_tokens.test)
    papers = (_paper_split(spec, name).first_tokens if spec.split == "paper" else None) or (None, None, None)
    kept: list[Ids] = []
    for split, ids, *caps in zip(SPLIT_NAMES, splits, asked, papers, strict=True):
        if not len(ids):
            raise InputError(
                f"the {split} split of {name} has no tokens",
                place=_PLACE,
                hint="use a longer text, or shares that leave something: split: {train: 80%, valid: 10%}",
            )
        kept.append(ids[: min(cap for cap in (*caps, len(ids)) if cap is not None)])
    return kept[0], kept[1], kept[2]


def _paper_split(spec: CorpusSpec, name: str) -> PaperSplit:
    known = CATALOG.get(spec.name) if spec.name else None
    if known is None or known.paper is None:
        choices = ", ".join(f"{each.name} ({each.paper.level})" for each in CATALOG.values() if each.paper)
        raise InputError(
            f"`split: paper` is for the study's corpora, not for {name}",
            place=_PLACE,
            hint=f"it has slices of {choices}",
        )
    if known.paper.level != spec.level:
        raise InputError(
            f"the study's slices of {name} are of level {known.paper.level}, not {spec.level}",
            place=_PLACE,
            hint=f"write `level: {known.paper.level}`, or another split",
        )
    return known.paper


def _by_shares(shares: SplitShares, count: int) -> Slices:
    first = int(count * shares.train + _ROUNDING)
    second = min(count, int(count * (shares.train + shares.valid) + _ROUNDING))
    return (0, first), (first, second), (second, count)
