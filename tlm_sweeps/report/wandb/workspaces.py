"""The one place that loads wandb-workspaces, which writes W&B Reports."""

from __future__ import annotations

import random
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType


def reports() -> tuple[ModuleType, ModuleType]:
    """Its modules for reports and for filters. Loading them asks no server anything."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # it is written for an older pydantic
        import wandb_workspaces.reports.v2 as wr
        from wandb_workspaces import expr
    return wr, expr


@contextmanager
def same_names(seed: str) -> Iterator[None]:
    """Blocks and panels that are made inside get the same names every time: it draws them from `random`."""
    before = random.getstate()
    random.seed(seed)
    try:
        yield
    finally:
        random.setstate(before)
