"""Which of the members sit in a smaller committee: every choice up to a bound, else a seeded sample of them."""

from __future__ import annotations

import itertools
import math
import random
from dataclasses import dataclass


@dataclass(frozen=True)
class Subsets:
    """Committees of one size out of some members."""

    chosen: tuple[tuple[int, ...], ...]
    """Members by number, rising; no committee twice."""
    n_possible: int
    """How many such committees there are."""

    @property
    def is_all(self) -> bool:
        """Whether none is left out."""
        return len(self.chosen) == self.n_possible


def subsets(members: int, size: int, most: int, seed: int = 0) -> Subsets:
    """Committees of a size: all where there are at most `most`, else so many, drawn evenly and without repetition.

    Args:
        members: that there are.
        size: 1 to `members`.
        most: committees that are looked at.
        seed: of the draw; the size enters it too.

    >>> subsets(3, 2, most=10).chosen
    ((0, 1), (0, 2), (1, 2))
    >>> drawn = subsets(30, 15, most=4)
    >>> len(drawn.chosen), drawn.n_possible, drawn.is_all
    (4, 155117520, False)
    """
    possible = math.comb(members, size)
    if possible <= most:
        return Subsets(tuple(itertools.combinations(range(members), size)), possible)
    draw = random.Random(f"{seed}/{members}/{size}")
    chosen: dict[tuple[int, ...], None] = {}
    while len(chosen) < most:
        chosen[tuple(sorted(draw.sample(range(members), size)))] = None
    return Subsets(tuple(chosen), possible)
