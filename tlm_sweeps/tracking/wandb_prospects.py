"""What of W&B will work here, found out in a bounded time and without importing the client."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from tlm_sweeps.tracking import wandb_asking
from tlm_sweeps.tracking.wandb_tracker import environment

PATIENCE_SECONDS = 8.0
"""How long all of it may take: the client's start is a second or two, and then there is the server."""


@dataclass(frozen=True)
class Prospects:
    """What the client says of itself and of its server."""

    server: str | None = None
    """Its address; None where the client itself does not work."""
    key_kept: str | None = None
    """Where the API key is kept: a variable's name or a file. None where nobody is logged in."""
    user: str | None = None
    """Whose key it is; None where the server did not say."""
    entity: str | None = None
    """Where runs go when the spec names no entity."""
    has_scheduler: bool | None = None
    """Whether the server lets a local scheduler drive a sweep; None where it did not say."""
    trouble: str = ""
    """What went wrong, as the end of a sentence that begins with the server."""


def prospects(patience_seconds: float = PATIENCE_SECONDS) -> Prospects:
    """Ask the client, and through it the server when somebody is logged in.

    Args:
        patience_seconds: for all of it. What was found out by then is kept.
    """
    with tempfile.TemporaryDirectory(prefix="tlm-sweeps-", ignore_cleanup_errors=True) as home:
        try:
            done = subprocess.run(
                [sys.executable, "-P", wandb_asking.__file__],
                stdin=subprocess.DEVNULL,
                capture_output=True,
                env=environment(Path(home)) | {"WANDB_DIR": home},
                timeout=patience_seconds,
                check=False,
            )
        except subprocess.TimeoutExpired as late:
            return _read(late.stdout or b"", f"does not answer within {patience_seconds:g} s")
        except OSError as error:
            return Prospects(trouble=str(error))
    last_words = done.stderr.decode(errors="replace").strip().rpartition("\n")[2]
    return _read(done.stdout, "" if done.returncode == 0 else last_words)


def _read(said: bytes, trouble: str) -> Prospects:
    facts: dict[str, object] = {"trouble": trouble}
    for line in said.splitlines(keepends=True):
        if line.endswith(b"\n"):
            facts |= json.loads(line)
    return Prospects(**facts)  # pyright: ignore[reportArgumentType] - what wandb_asking.py tells has these types
