"""A disk of a few hundred kilobytes that fills while a sweep runs on it: a tmpfs that nobody else sees."""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

_SCRIPT = """
disk=$1 kept=$2 conditions=$3; shift 3
for each in $conditions; do
  if mountpoint -q "$disk"; then options=remount,$each; else options=$each; fi
  mount -t tmpfs -o "$options" tmpfs "$disk"
  mkdir "$kept/$each"
  "$@" > "$kept/$each/said.txt" 2>&1
  echo $? > "$kept/$each/code.txt"
  cp -a "$disk/." "$kept/$each/disk"
done
"""


@dataclass(frozen=True)
class Session:
    """What the command did under one condition of the disk."""

    code: int
    said: str
    disk: Path
    """A copy of the disk afterwards."""


def is_possible() -> bool:
    """Whether a disk can be mounted here for one process and its children alone."""
    with tempfile.TemporaryDirectory() as folder:
        mounting = ["unshare", "-m", "mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", folder]
        try:
            return subprocess.run(mounting, capture_output=True, check=False).returncode == 0
        except FileNotFoundError:
            return False


def sessions(command: Sequence[str], disk: Path, kept: Path, conditions: Sequence[str]) -> list[Session]:
    """Run the same command under one condition of a disk after the other.

    Args:
        command: writes below `disk`.
        disk: a folder; what is written there is in memory, and gone at the end.
        kept: a folder for what is left of it after each.
        conditions: as `mount` takes them: `size=600k`, `ro`.
    """
    disk.mkdir()
    kept.mkdir()
    run = ["unshare", "-m", "sh", "-u", "-c", _SCRIPT, "sh", str(disk), str(kept)]
    subprocess.run([*run, " ".join(conditions), *command], check=True, timeout=1800, stdin=subprocess.DEVNULL)
    found = [kept / each for each in conditions]
    return [
        Session(int((each / "code.txt").read_text()), (each / "said.txt").read_text(), each / "disk") for each in found
    ]
