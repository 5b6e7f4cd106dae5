"""The options that say how to train, as one value: commands pass them on together."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Machinery:
    """How to train, as given after the options of the same names."""

    workers: str
    device: str
    stack: int | None
    runs_dir: Path | None
    data_dir: Path | None
    retries: int | None = None
