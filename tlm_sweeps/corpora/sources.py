"""Where a spec's text comes from: found first, which is cheap, and read only when it must be tokenised.

It knows nothing of tokens and splits; it only says which text belongs to which split where the corpus says so itself.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, assert_never

from tlm_sweeps.corpora.catalog import CATALOG, KnownCorpus, KnownFile, Part
from tlm_sweeps.corpora.downloading import download, how_to_get
from tlm_sweeps.corpora.files import content_sha256, decode_text, joined, read_content, require_path
from tlm_sweeps.corpora.hub import load_rows, local_stamp
from tlm_sweeps.corpora.places import data_folders, downloads_folder
from tlm_sweeps.errors import InputError, did_you_mean
from tlm_sweeps.spec.experiment import CorpusSpec

_TEXT_SUFFIXES = (".txt", ".text", ".md", ".rst", ".tokens", ".raw")
_SPLIT_WORDS: dict[str, Part] = {
    "train": "train",
    "training": "train",
    "valid": "valid",
    "validation": "valid",
    "val": "valid",
    "dev": "valid",
    "test": "test",
}


@dataclass(frozen=True)
class PythonDocs:
    """The language reference inside CPython."""

    name: str
    text: str


@dataclass(frozen=True)
class SourceFile:
    """A text file and the split that it holds; `all` where the corpus has no splits of its own."""

    part: Part
    path: Path
    sha256: str
    """Of the unpacked content."""


@dataclass(frozen=True)
class FileSource:
    """Files on this machine, in the order in which they are joined."""

    name: str
    files: tuple[SourceFile, ...]


@dataclass(frozen=True)
class HubSource:
    """A set on the Hub, not loaded yet."""

    name: str
    dataset: str
    config: str | None
    revision: str | None


Source = PythonDocs | FileSource | HubSource


def find_source(spec: CorpusSpec, data_dir: Path | None = None) -> Source:
    """Find the text that a spec names. Only a known corpus that is nowhere on this machine is downloaded.

    Raises:
        InputError: there is no such text, or a known one is incomplete or damaged.
    """
    if spec.name is not None:
        return _known_source(spec.name, data_dir)
    if spec.path is not None:
        return _path_source(spec.path)
    if spec.hub is not None:
        dataset, _, config = spec.hub.partition(":")
        return HubSource(spec.hub, dataset, config or None, spec.revision)
    raise InputError(
        "the corpus has no source", place="experiment.corpus", hint="write one of `name`, `path` and `hub`"
    )


def identity(source: Source) -> dict[str, Any]:
    """What decides which text it is, as JSON values: contents for files, the address for a Hub set."""
    match source:
        case PythonDocs():
            return {"text": hashlib.sha256(source.text.encode()).hexdigest()}
        case FileSource():
            return {"files": [[file.part, file.sha256] for file in source.files]}
        case HubSource():
            address = [source.dataset, source.config, source.revision]
            return {"hub": address, "local": [list(stamp) for stamp in local_stamp(source.dataset)]}
        case _:
            assert_never(source)


def read_texts(source: Source) -> dict[Part, str]:
    """The text by split (`train`, `valid`, `test`), or under `all` where the corpus has no splits of its own.

    Raises:
        InputError: a text is empty, is no UTF-8, or cannot be read.
    """
    match source:
        case PythonDocs():
            return {"all": source.text}
        case FileSource():
            return _read_files(source)
        case HubSource():
            return _read_hub(source)
        case _:
            assert_never(source)


def find_files(corpus: KnownCorpus, folder: Path) -> dict[str, Path]:
    """Which of a known corpus's files lie in a data folder: their catalog names and where they are."""
    found: dict[str, Path] = {}
    for file in corpus.files:
        names = [name + packed for name in (file.name, *file.other_names) for packed in ("", ".gz")]
        places = [folder / subfolder / name for subfolder in corpus.folders for name in names]
        place = next((place for place in places if place.is_file()), None)
        if place is not None:
            found[file.name] = place
    return found


def python_docs_text() -> str:
    """The topics of CPython's `pydoc_data`, sorted by key, a title line above each."""
    try:
        from pydoc_data.topics import topics
    except ImportError as error:
        raise InputError(
            "this Python has no `pydoc_data`, from which the corpus `python-docs` is made",
            place="experiment.corpus.name",
            hint="use a CPython from python.org, uv or your distribution's full package, or name a text by `path`",
        ) from error
    return "\n\n".join(f"{key}\n{topics[key].strip()}" for key in sorted(topics)) + "\n"


def _known_source(name: str, data_dir: Path | None) -> Source:
    corpus = CATALOG.get(name)
    if corpus is None:
        raise InputError(
            f"no corpus is named {name!r}",
            place="experiment.corpus.name",
            hint=did_you_mean(name, CATALOG) + "; a text of your own is named by `path`",
        )
    if not corpus.files:
        return PythonDocs(name, python_docs_text())
    folders = data_folders(data_dir)
    for folder in folders:
        if found := find_files(corpus, folder):
            return FileSource(name, tuple(_verified(corpus, file, found, folder) for file in corpus.files))
    try:
        download(corpus, downloads_folder())
    except InputError as error:
        raise InputError(
            f"the corpus {name!r} is not in {' or '.join(map(str, folders))}, and not to be had from the Hub: "
            f"{error.problems[0].message}",
            place="experiment.corpus.name",
            hint=f"name the folder that holds `{corpus.folders[0]}/` by --data-dir or TLM_DATA; or"
            f"{', with network,' if corpus.hub else ''} {how_to_get(corpus, downloads_folder())}",
        ) from error
    return _known_source(name, data_dir)


def _verified(corpus: KnownCorpus, file: KnownFile, found: dict[str, Path], folder: Path) -> SourceFile:
    get_again = f"take it away, then {how_to_get(corpus, folder)}"
    if file.name not in found:
        raise InputError(
            f"the corpus {corpus.name!r} is incomplete: {file.name} is missing",
            place=str(folder / corpus.folders[0]),
            hint=f"add the file, or {get_again}",
        )
    path = found[file.name]
    digest = content_sha256(path)
    if digest != file.sha256:
        raise InputError(
            f"{path.name} is not the {corpus.name} text: sha256 of its content {digest[:16]}…, not {file.sha256[:16]}…",
            place=str(path),
            hint=f"{get_again}; to use another text on purpose, name it by `path`",
        )
    return SourceFile(file.part, path, digest)


def _path_source(written: str) -> FileSource:
    path = require_path(written)
    if path.is_file():
        return FileSource(path.name, (SourceFile("all", path, content_sha256(path)),))
    texts = sorted(file for file in path.iterdir() if file.is_file() and _is_text(file))
    if not texts:
        raise InputError(
            f"the folder {written!r} holds no text files",
            place="experiment.corpus.path",
            hint=f"text files of a folder end in {', '.join(_TEXT_SUFFIXES)}, and may be packed as .gz",
        )
    files = tuple(SourceFile(part, file, content_sha256(file)) for part, file in _by_split(texts))
    return FileSource(path.resolve().name, files)


def _by_split(texts: list[Path]) -> list[tuple[Part, Path]]:
    """A folder's files by split, if their names speak of train and one more; else all of them as one text."""
    named: list[tuple[Part, Path]] = [(part, file) for file in texts if (part := _split_of(file)) is not None]
    parts = {part for part, _ in named}
    return named if "train" in parts and len(parts) > 1 else [("all", file) for file in texts]


def _is_text(path: Path) -> bool:
    unpacked = path.with_suffix("") if path.suffix == ".gz" else path
    return unpacked.suffix in _TEXT_SUFFIXES and not path.name.startswith(".")


def _split_of(path: Path) -> Part | None:
    """The split that a file's name speaks of: `wiki.valid.txt.gz`, `train-00001.txt`."""
    return next((_SPLIT_WORDS[word] for word in re.split(r"[._-]", path.name.lower()) if word in _SPLIT_WORDS), None)


def _read_files(source: FileSource) -> dict[Part, str]:
    texts: dict[Part, list[str]] = {}
    for file in source.files:
        content = read_content(file.path)
        if hashlib.sha256(content).hexdigest() != file.sha256:
            raise InputError(f"{file.path.name} changed while it was read", place=str(file.path), hint="start again")
        texts.setdefault(file.part, []).append(decode_text(content, file.path))
    for part, several in texts.items():
        if all(not text or text.isspace() for text in several):
            places = ", ".join(str(file.path) for file in source.files if file.part == part)
            raise InputError(f"{source.name} holds no text", place=places, hint="name a file that has text in it")
    return {part: joined(several) for part, several in texts.items()}


def _read_hub(source: HubSource) -> dict[Part, str]:
    rows = load_rows(source.dataset, source.config, source.revision)
    parts: dict[str, Part] = {"train": "train", "valid": "valid", "test": "test"} if len(rows) > 1 else {"train": "all"}
    texts: dict[Part, str] = {}
    for split, lines in rows.items():
        texts[parts[split]] = "".join(line if line.endswith("\n") else line + "\n" for line in lines)
        if not texts[parts[split]].strip():
            raise InputError(f"the {split} split of {source.name!r} holds no text", place="experiment.corpus.hub")
    return texts
