"""One seed decides everything: each draw of a run is a pure function of the seed, its purpose and a counter.

No random state is kept or saved, so runs neither disturb each other in one process nor change when they resume.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from enum import IntEnum

import numpy as np
import torch


class Purpose(IntEnum):
    """What is drawn besides the first weights. The numbers enter every stream: changing one changes every result."""

    WINDOWS = 1
    DROPOUT = 2
    MASKING = 3
    HELD_OUT_MASKING = 4


@contextmanager
def first_weights(seed: int) -> Iterator[None]:
    """Draw a module's first weights in here: as after `torch.manual_seed(seed)`, on the CPU whatever the device.

    The study's linear model, the first that it builds after setting its seed (689), begins with just these weights.
    """
    with torch.random.fork_rng(devices=()):
        torch.default_generator.manual_seed(seed)
        yield


def window_stream(seed: int, epoch: int) -> np.random.Generator:
    """The random numbers that choose an epoch's windows."""
    return np.random.Generator(np.random.Philox(np.random.SeedSequence((seed, Purpose.WINDOWS, epoch))))


def masking_stream(seed: int, step: int) -> np.random.Generator:
    """The random numbers that choose a step's masked pieces."""
    return np.random.Generator(np.random.Philox(np.random.SeedSequence((seed, Purpose.MASKING, step))))


def held_out_masking_stream() -> np.random.Generator:
    """Those of the passages that runs are judged on: the same for all, whatever their seed."""
    return np.random.Generator(np.random.Philox(np.random.SeedSequence((0, Purpose.HELD_OUT_MASKING))))


def seed_dropout(seed: int, step: int, device: torch.device) -> None:
    """Set torch's global generator to what one step's dropout draws from."""
    state = int(np.random.SeedSequence((seed, Purpose.DROPOUT, step)).generate_state(1)[0])
    if device.type == "cpu":
        torch.default_generator.manual_seed(state)  # 80 times faster than seeding every device
    else:
        torch.manual_seed(state)
