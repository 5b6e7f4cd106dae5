"""Garbage collection put off while many objects are made that all stay. Knows nothing of what they are."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def without_collecting() -> Iterator[None]:
    """Thousands of plans or records are a million objects that all stay; looking for garbage among them is in vain.

    It was a quarter of the time to read 10,000 records, and half of the time to plan 20,000 settings.
    """
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()
