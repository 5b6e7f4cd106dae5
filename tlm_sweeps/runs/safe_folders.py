"""What a folder must be before anything is written into it: ours, and without links that lead elsewhere."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from tlm_sweeps.errors import InputError


def ensure_no_links(folder: Path) -> None:
    """Refuse to write where a link in the folder leads elsewhere: what was unpacked or copied here may hold one.

    Raises:
        InputError: with the link and what it leads to.
    """
    with os.scandir(folder) as entries:
        link = next((Path(each.path) for each in entries if each.is_symlink()), None)
    if link is not None:
        hint = "move the link away: nothing is written through it"
        raise InputError(f"{link} is a link to {link.resolve()}", hint=hint)


def ensure_ours(folder: Path) -> None:
    """Refuse to write into a folder of another user, who could change what lies there, or lead it elsewhere.

    Who we are is told by a new file, since a network disk may know us under another number.

    Raises:
        InputError: with whose it is.
    """
    with tempfile.TemporaryFile(dir=folder) as new:
        mine = os.fstat(new.fileno()).st_uid
    owner = folder.stat().st_uid
    if owner != mine:
        hint = "name a runs folder of your own with --runs-dir; to read, `status`, `report` and `export` work here"
        raise InputError(f"{folder} belongs to user {owner}, and you are user {mine}", hint=hint)
