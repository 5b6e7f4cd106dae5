"""Text sets on the Hugging Face Hub: the only file that imports `datasets`.

It loads rows of text and knows nothing of tokens or of our cache. Data only: a set that needs its own code to be run
is refused by `datasets` itself.
"""

from __future__ import annotations

import logging
import os
import socket
import textwrap
import urllib.request
from pathlib import Path
from urllib.parse import urlsplit

from tlm_sweeps.errors import InputError

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
    if not Path(dataset).is_dir():
        _require_hub(dataset)
        _logger.warning("loading %s from the Hugging Face Hub", dataset)
    import datasets

    datasets.disable_progress_bars()  # a set of ours is small; the log says that it is loaded

    try:
        found = datasets.load_dataset(dataset, name=config, revision=revision)
    except Exception as error:  # `datasets` and its HTTP client raise what they like
        raise InputError(
            f"{dataset!r} cannot be loaded from the Hub: {_in_short(error)}",
            place="experiment.corpus.hub",
            hint="write `owner/set`, or `owner/set:config` where it has several, as on its page on the Hub",
        ) from error
    rows: dict[str, list[str]] = {}
    for name, part in found.items():
        if str(name) in _SPLITS:
            rows[_SPLITS[str(name)]] = [row or "" for row in part[_text_column(dataset, part.features)]]
    if "train" not in rows:
        raise InputError(
            f"{dataset!r} has no train split, but: {', '.join(map(str, found))}", place="experiment.corpus.hub"
        )
    return rows


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


def _require_hub(dataset: str) -> None:
    """Fail at once where the Hub's name does not even resolve: `datasets` would try for half a minute."""
    offline = os.environ.get("HF_HUB_OFFLINE") or os.environ.get("HF_DATASETS_OFFLINE")
    if offline or urllib.request.getproxies():  # offline, `datasets` may have a copy; a proxy resolves names itself
        return
    host = urlsplit(os.environ.get("HF_ENDPOINT", "https://huggingface.co")).hostname
    try:
        socket.getaddrinfo(host, 443)
    except OSError as error:
        raise InputError(
            f"{dataset!r} cannot be loaded: the Hugging Face Hub ({host}) cannot be reached from here",
            place="experiment.corpus.hub",
            hint="connect to the network; or, where the set is in the Hugging Face cache already, set HF_HUB_OFFLINE=1",
        ) from error


def _in_short(error: Exception) -> str:
    """The error on one line; the names of configurations, where one must be chosen, are in it."""
    return textwrap.shorten(str(error) or type(error).__name__, width=500, placeholder=" …")
