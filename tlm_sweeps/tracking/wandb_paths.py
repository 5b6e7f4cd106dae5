"""Where a sweep is at W&B: `ENTITY/PROJECT/SWEEPID`, or its page's address."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import unquote, urlparse

from tlm_sweeps.errors import InputError

_NAME = re.compile(r"[A-Za-z0-9_][^/\\?#%:]{0,127}")


@dataclass(frozen=True)
class SweepPath:
    """A sweep at W&B."""

    entity: str
    project: str
    sweep_id: str

    def __str__(self) -> str:
        return f"{self.entity}/{self.project}/{self.sweep_id}"


def is_sweep_path(text: str) -> bool:
    """Whether this names a sweep at W&B rather than one here, whose name holds no slash, or a file.

    >>> is_sweep_path("team/tlm/ab12cd34"), is_sweep_path("quickstart"), is_sweep_path("../quickstart")
    (True, False, False)
    """
    return "/" in text and not text.startswith((".", "/", "~"))


def sweep_path(text: str) -> SweepPath:
    """Read `ENTITY/PROJECT/SWEEPID`, also with `sweeps/` before the id, or the address of the sweep's page.

    >>> sweep_path("team/tlm/ab12cd34") == sweep_path("https://wandb.ai/team/tlm/sweeps/ab12cd34?nw=x")
    True

    Raises:
        InputError: for anything else.
    """
    written = unquote(urlparse(text).path) if "://" in text else text
    parts = [part.strip() for part in written.strip("/ ").split("/")]
    if len(parts) == 4 and parts[2] == "sweeps":
        del parts[2]
    if len(parts) != 3 or not all(_NAME.fullmatch(part) for part in parts):
        hint = "a W&B sweep is written ENTITY/PROJECT/SWEEPID, a sweep of this machine by its name alone"
        raise InputError(f"`{text}` is no W&B sweep", hint=hint)
    return SweepPath(*parts)
