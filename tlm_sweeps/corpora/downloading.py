"""From the Hub into a data folder: the canonical files of a known corpus, restored and verified before they appear."""

from __future__ import annotations

import hashlib
from pathlib import Path

from tlm_sweeps.corpora.catalog import HubPlace, KnownCorpus, KnownFile
from tlm_sweeps.corpora.files import write_atomically
from tlm_sweeps.corpora.hub import load_rows
from tlm_sweeps.errors import InputError


def download(corpus: KnownCorpus, data_folder: Path) -> Path:
    """Put a known corpus's files into its folder under `data_folder`, laid out as usual.

    Returns:
        The corpus's folder.

    Raises:
        InputError: the Hub cannot be reached, what it holds is not the known text, or the folder cannot be written.
    """
    if corpus.hub is None:
        raise InputError(
            f"the Hub has no copy of the corpus {corpus.name!r}",
            place=corpus.name,
            hint=f"{how_to_get(corpus, data_folder)}, or name the folder that holds `{corpus.folders[0]}/` by "
            "--data-dir",
        )
    try:
        rows = load_rows(corpus.hub.dataset, corpus.hub.config, corpus.hub.revision)
    except InputError as error:
        raise InputError(
            error.problems[0].message,
            place=corpus.name,
            hint=f"connect to the network, or {_by_hand(corpus, data_folder)}",
        ) from error
    contents = {file.name: _restored(corpus, corpus.hub, file, rows) for file in corpus.files}
    return write_files(corpus, contents, data_folder)


def how_to_get(corpus: KnownCorpus, data_folder: Path) -> str:
    """What brings a corpus onto this machine: a command, or files to put where they are looked for."""
    return _by_hand(corpus, data_folder) if corpus.hub is None else f"tlm-sweeps data get {corpus.name}"


def write_files(corpus: KnownCorpus, contents: dict[str, bytes], data_folder: Path) -> Path:
    """Write a corpus's files, already verified, each at once or not at all."""
    folder = data_folder.expanduser() / corpus.folders[0]
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, content in contents.items():
            write_atomically(folder / name, content)
    except OSError as error:
        raise InputError(
            f"{str(folder)!r} cannot be written: {error.strerror}", place=str(folder), hint="name a folder of your own"
        ) from error
    return folder


def _by_hand(corpus: KnownCorpus, data_folder: Path) -> str:
    names = ", ".join(file.name for file in corpus.files)
    return f"put {names} (or .gz) into {data_folder / corpus.folders[0]}"


def _restored(corpus: KnownCorpus, place: HubPlace, file: KnownFile, rows: dict[str, list[str]]) -> bytes:
    parts = ("train", "valid", "test") if file.part == "all" else (file.part,)
    mine = [row for part in parts for row in rows.get(part, [])]
    content = "".join(place.row.format(row) if row else place.blank_row for row in mine).encode()
    if hashlib.sha256(content).hexdigest() != file.sha256:
        there = f"{place.dataset}:{place.config}" if place.config else place.dataset
        raise InputError(
            f"{place.dataset!r} on the Hub no longer holds the {corpus.name} text that is known by its checksum",
            place=file.name,
            hint=f"to use it as it is, write `hub: {there}` and `revision: {place.revision}` in place of the name",
        )
    return content
