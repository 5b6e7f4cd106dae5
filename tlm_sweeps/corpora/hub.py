"""Text sets on the Hugging Face Hub: the only file that imports `datasets`.

It loads rows and knows nothing of tokens or of our cache. Data only: a set that needs its own code to be run
is refused by `datasets` itself.
"""

from __future__ import annotations

import logging
import os
import socket
import textwrap
import urllib.request
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from tlm_sweeps.errors import InputError

if TYPE_CHECKING:
    import datasets

_logger = logging.getLogger(__name__)

_SPLITS = {"train": "train", "validation": "valid", "valid": "valid", "dev": "valid", "test": "test"}
"""Names of splits on the Hub and what we call them."""
_TEXT_COLUMNS = ("text", "sentence", "content", "document")


def load_rows(dataset: str, config: str | None = None, revision: str | None = None) -> dict[str, list[str]]:
    """The rows of text of a Hub set, by split: `train`, `valid`, `test`, whichever it has.

    Args:
        dataset: `owner/set`, or a local folder that `datasets` can read.
        config: one of the set's configurations, where it has several.
        revision: commit, branch or tag.

    Raises:
        InputError: the Hub or the set cannot be reached, or the set has no text.
    """
    columns = load_columns(dataset, config, revision)
    return {split: [row or "" for row in rows] for split, rows in columns.items()}


def load_columns(
    dataset: str, config: str | None = None, revision: str | None = None
) -> dict[str, Sequence[str | None]]:
    """As `load_rows`, but each row is read from the disk when it is asked for."""
    found = load_set(dataset, config, revision, place="experiment.corpus.hub")
    columns: dict[str, Sequence[str | None]] = {
        _SPLITS[str(name)]: part[_text_column(dataset, part.features)]
        for name, part in found.items()
        if str(name) in _SPLITS
    }
    if "train" not in columns:
        raise InputError(
            f"{dataset!r} has no train split, but: {', '.join(map(str, found))}", place="experiment.corpus.hub"
        )
    return columns


def load_set(dataset: str, config: str | None, revision: str | None, *, place: str) -> Mapping[Any, datasets.Dataset]:
    """The splits of a Hub set under their own names, rows on the disk.

    Args:
        dataset: `owner/set`, or a local folder that `datasets` can read.
        config: one of the set's configurations, where it has several.
        revision: commit, branch or tag.
        place: the field in which the set was named.

    Raises:
        InputError: the Hub or the set cannot be reached.
    """
    if not Path(dataset).is_dir():
        kept = "where the set is in the Hugging Face cache already, set HF_HUB_OFFLINE=1"
        require_hub(dataset, place=place, otherwise=kept)
        _logger.warning("loading %s from the Hugging Face Hub", dataset)
    import datasets

    datasets.disable_progress_bars()  # a set of ours is small; the log says that it is loaded

    try:
        return datasets.load_dataset(dataset, name=config, revision=revision)
    except Exception as error:  # `datasets` and its HTTP client raise what they like
        raise InputError(
            f"{dataset!r} cannot be loaded from the Hub: {_in_short(error)}",
            place=place,
            hint="write `owner/set`, or `owner/set:config` where it has several, as on its page on the Hub",
        ) from error


def require_hub(name: str, *, place: str, otherwise: str) -> None:
    """Fail at once where the Hub's name does not even resolve: its clients would try for half a minute.

    Args:
        name: what is to be loaded.
        place: the field in which it was named.
        otherwise: what to do without a network, for the hint.

    Raises:
        InputError: the Hub is out of reach.
    """
    offline = os.environ.get("HF_HUB_OFFLINE") or os.environ.get("HF_DATASETS_OFFLINE")
    if offline or urllib.request.getproxies():  # offline, there may be a copy; a proxy resolves names itself
        return
    host = urlsplit(os.environ.get("HF_ENDPOINT", "https://huggingface.co")).hostname
    try:
        socket.getaddrinfo(host, 443)
    except OSError as error:
        raise InputError(
            f"{name!r} cannot be loaded: the Hugging Face Hub ({host}) cannot be reached from here",
            place=place,
            hint=f"connect to the network; or, {otherwise}",
        ) from error


def local_stamp(dataset: str) -> list[tuple[str, int, int]]:
    """Name, size and time of each file, for a set that is a local folder; nothing for one on the Hub."""
    folder = Path(dataset)
    files = sorted(path for path in folder.rglob("*") if path.is_file()) if folder.is_dir() else []
    return [(str(path.relative_to(folder)), path.stat().st_size, path.stat().st_mtime_ns) for path in files]


def _text_column(dataset: str, features: dict[str, object]) -> str:
    texts = [name for name, kind in features.items() if getattr(kind, "dtype", "") in ("string", "large_string")]
    usual = [name for name in _TEXT_COLUMNS if name in texts]
    if usual or len(texts) == 1:
        return (usual or texts)[0]
    raise InputError(
        f"{dataset!r} has no column of text that could be meant; its columns are {', '.join(features)}",
        place="experiment.corpus.hub",
        hint=f"use a set with one column of text, or one that is named {', '.join(_TEXT_COLUMNS)}",
    )


def _in_short(error: Exception) -> str:
    """The error on one line; the names of configurations, where one must be chosen, are in it."""
    return textwrap.shorten(str(error) or type(error).__name__, width=500, placeholder=" …")
