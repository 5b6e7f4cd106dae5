"""How long the scaled second study's committees take beside a deep encoder, and whether the machine let them."""

from __future__ import annotations

from typing import Literal

from tlm_sweeps.committees.document import Blocks, CommitteeDocument, Latency

Arrangement = Literal["side by side", "in sequence"]
ARRANGEMENTS: tuple[Arrangement, ...] = ("side by side", "in sequence")
DECIDING_BATCH = 1
DECIDING_BLOCKS: Blocks = "whole"
"""As the study's models compute. Trimmed ones favour what has few blocks, and that is our doing, not the depth's."""
_IDLE = 0.25
"""Cores that are busy on a machine which nobody works on."""


def relative_latency(
    document: CommitteeDocument, arrangement: Arrangement, batch_size: int, blocks: Blocks = DECIDING_BLOCKS
) -> float | None:
    """Median time of the committee over that of the run beside it, on no more cores; None where it was not measured.

    In sequence has one core, and so has the run beside it; side by side has all, and the run beside it is taken on one
    or on all of them, where it is faster.
    """
    timings = document.latency.timings if document.latency else ()
    asked = [each for each in timings if (each.batch_size, each.blocks) == (batch_size, blocks)]
    together = [each.median_seconds for each in asked if each.arrangement == arrangement]
    alone = [
        each.median_seconds
        for each in asked
        if each.arrangement == "alone" and (each.n_threads == 1 or arrangement == "side by side")
    ]
    return min(together) / min(alone) if together and alone else None


def had_its_cores(latency: Latency, arrangement: Arrangement) -> bool:
    """Whether others left the cores that an arrangement asks for: one in sequence, else one for each process.

    False where the system does not tell. Times of a machine that others use are too long, and not equally so.
    """
    wanted = max((each.n_processes for each in latency.timings if each.arrangement == arrangement), default=1)
    return latency.busy_cores is not None and latency.busy_cores + wanted <= latency.cores + _IDLE
