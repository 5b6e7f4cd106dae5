"""tlm_sweeps: for this many training FLOPs, which tiny language model is best?"""

from __future__ import annotations

import importlib
from typing import Any

__version__ = "0.1.0"

_API = (
    "export_study",
    "iter_sweep",
    "load",
    "load_chain",
    "plan",
    "records",
    "results",
    "status",
    "sweep",
    "write_report",
)


def __getattr__(name: str) -> Any:
    """The API's functions, imported when first asked for, by name: the rooms that import this must not import them."""
    if name in _API:
        return getattr(importlib.import_module("tlm_sweeps.api"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return ["__version__", *_API]
