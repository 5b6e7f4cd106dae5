"""The known corpora on this machine: which are there, whether they are whole, and how to get one.

For the `data` commands. It tokenises nothing and prints nothing.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

from tlm_sweeps.corpora.catalog import CATALOG, Counts, KnownCorpus, KnownFile
from tlm_sweeps.corpora.downloading import download, how_to_get, write_files
from tlm_sweeps.corpora.files import content_sha256, read_content
from tlm_sweeps.corpora.places import data_folders, downloads_folder
from tlm_sweeps.corpora.sources import find_files, python_docs_text
from tlm_sweeps.errors import InputError, did_you_mean


@dataclass(frozen=True)
class CorpusStatus:
    """A known corpus and what of it is on this machine."""

    name: str
    about: str
    licence: str
    found: Path | None
    """Its folder (`python-docs`: CPython's module), or None."""
    whole: bool
    """Every file is there and has the known content."""
    expected: Counts | None
    """Of all its files together; None where it differs from machine to machine."""


@dataclass(frozen=True)
class CheckResult:
    """One file of a corpus, against what is known of it. None: not there, or not known."""

    path: Path
    ok: bool
    expected_sha256: str | None
    found_sha256: str | None
    expected: Counts | None
    found: Counts | None


def list_corpora(data_dir: Path | None = None) -> list[CorpusStatus]:
    """Every known corpus, in the catalog's order."""
    return [_status(corpus, data_dir) for corpus in CATALOG.values()]


def check_corpus(name: str, data_dir: Path | None = None) -> list[CheckResult]:
    """Read every file of a corpus and compare checksum and counts with what is known.

    Raises:
        InputError: no corpus has the name, or nothing of it is on this machine.
    """
    corpus = _known(name)
    if not corpus.files:
        text = python_docs_text()
        digest = hashlib.sha256(text.encode()).hexdigest()
        return [CheckResult(_python_docs_path(), True, None, digest, None, count(text))]
    folder, found = _held(corpus, data_dir)
    if folder is None:
        raise InputError(
            f"the corpus {name!r} is not in {' or '.join(map(str, data_folders(data_dir)))}",
            place=name,
            hint=f"{how_to_get(corpus, downloads_folder())}, or name the folder that holds `{corpus.folders[0]}/` by "
            "--data-dir",
        )
    return [_checked(file, found.get(file.name), folder) for file in corpus.files]


def get_corpus(name: str, dest: Path | None = None, data_dir: Path | None = None) -> Path:
    """Put a known corpus into a data folder, copied from this machine or else downloaded, and verified.

    Args:
        name: a known corpus.
        dest: the data folder; default: the downloads folder, which is always looked in.
        data_dir: where to copy from, as `open_corpus` looks.

    Returns:
        The corpus's folder; for `python-docs`, which needs nothing, CPython's module.

    Raises:
        InputError: it is not to be had, or the folder cannot be written.
    """
    corpus = _known(name)
    if not corpus.files:
        return _python_docs_path()
    target = (dest or downloads_folder()).expanduser()
    there = find_files(corpus, target)
    if _is_whole(corpus, there):
        return next(iter(there.values())).parent
    _, found = _held(corpus, data_dir)
    if not _is_whole(corpus, found):
        return download(corpus, target)
    return write_files(corpus, {name: read_content(path) for name, path in found.items()}, target)


def count(text: str) -> Counts:
    r"""Characters, lines and words of a text.

    >>> count("to be\nor not\n")
    Counts(characters=13, lines=2, words=4)
    """
    lines = text.count("\n") + bool(text and not text.endswith("\n"))
    return Counts(characters=len(text), lines=lines, words=len(text.split()))


def _known(name: str) -> KnownCorpus:
    if name not in CATALOG:
        raise InputError(f"no corpus is named {name!r}", place=name, hint=did_you_mean(name, CATALOG))
    return CATALOG[name]


def _held(corpus: KnownCorpus, data_dir: Path | None) -> tuple[Path | None, dict[str, Path]]:
    """The first data folder that holds some of a corpus, and its files there."""
    for folder in data_folders(data_dir):
        if found := find_files(corpus, folder):
            return folder, found
    return None, {}


def _is_whole(corpus: KnownCorpus, found: dict[str, Path]) -> bool:
    return bool(found) and all(
        file.name in found and content_sha256(found[file.name]) == file.sha256 for file in corpus.files
    )


def _status(corpus: KnownCorpus, data_dir: Path | None) -> CorpusStatus:
    if not corpus.files:
        return CorpusStatus(corpus.name, corpus.about, corpus.licence, _python_docs_path(), whole=True, expected=None)
    _, found = _held(corpus, data_dir)
    counts = [file.counts for file in corpus.files]
    together = Counts(
        characters=sum(each.characters for each in counts),
        lines=sum(each.lines for each in counts),
        words=sum(each.words for each in counts),
    )
    place = next(iter(found.values())).parent if found else None
    return CorpusStatus(corpus.name, corpus.about, corpus.licence, place, _is_whole(corpus, found), together)


def _checked(file: KnownFile, path: Path | None, folder: Path) -> CheckResult:
    if path is None:
        return CheckResult(folder / file.name, False, file.sha256, None, file.counts, None)
    content = read_content(path)
    digest = hashlib.sha256(content).hexdigest()
    counts = count(content.decode("utf-8", errors="replace"))
    return CheckResult(path, digest == file.sha256 and counts == file.counts, file.sha256, digest, file.counts, counts)


def _python_docs_path() -> Path:
    import pydoc_data

    return Path(pydoc_data.__path__[0])
