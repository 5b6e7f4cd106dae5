"""Points with what must be known of where they come from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from tlm_sweeps.scaling.choices import Sizes, Tokens
from tlm_sweeps.scaling.cost import CostLaw
from tlm_sweeps.scaling.points import Point


@dataclass(frozen=True)
class Observations:
    """Runs that one law may be fitted to."""

    points: tuple[Point, ...]
    sources: tuple[str, ...]
    """Names of sweeps, or a file."""
    account: str
    """How FLOPs were counted."""
    cost: CostLaw | None = None
    """What a token costs, where it is so by rule; None: it is fitted to what the runs spent."""
    sizes: Sizes | None = None
    """What N counts; None where a file says how many there are."""
    tokens: Tokens | None = None
    alike: Mapping[str, str] = field(default_factory=dict)
    """What all runs have in common and another run must have too."""
    left_out: Mapping[str, int] = field(default_factory=dict)
    """Why settings are not among the points, and how many."""
    notes: tuple[str, ...] = ()
