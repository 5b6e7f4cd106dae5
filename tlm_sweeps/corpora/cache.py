"""Tokenised corpora on disk, shared by any number of processes: whole or not there, never half written.

It says what an entry holds; how an entry comes to be there is for `entries`. It knows nothing of where texts come from.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tlm_sweeps.corpora.entries import canonical, entry_folder, publish_entry, sealed, unsealed, write_durably
from tlm_sweeps.corpora.splitting import SPLIT_NAMES, Ids
from tlm_sweeps.corpora.tokenising import Tokens, smallest_dtype

FORMAT = 1
"""Of entries and of tokenising: raise it whenever the same text would become other tokens or another layout."""


@dataclass(frozen=True)
class Meta:
    """What an entry says of itself, in a small file that is enough for counting."""

    level: str
    vocabulary_size: int
    n_train: int
    n_valid: int
    n_test: int
    fingerprint: str
    vocabulary_sha256: str
    """Of the vocabulary's file."""

    @property
    def sizes(self) -> tuple[int, int, int]:
        """Tokens in train, valid and test."""
        return self.n_train, self.n_valid, self.n_test


def entry_of(identity: Mapping[str, Any]) -> Path:
    """The folder, there or not, of the corpus with this identity: source and every option of tokenising."""
    return entry_folder({"format": FORMAT, **identity})


def read_meta(entry: Path) -> Meta | None:
    """What an entry says of itself; None when it is not there or damaged."""
    written = unsealed(entry / "meta.json")
    try:
        return None if written is None else Meta(**written)
    except TypeError:
        return None  # of another layout: it is built anew


def read_tokens(entry: Path) -> Tokens | None:
    """An entry's tokens, memory-mapped; None when it is not there or damaged."""
    meta = read_meta(entry)
    if meta is None:
        return None
    try:
        vocabulary = (entry / "vocabulary.json").read_bytes()
        if hashlib.sha256(vocabulary).hexdigest() != meta.vocabulary_sha256:
            return None
        dtype = smallest_dtype(meta.vocabulary_size)
        splits = [
            _mapped(entry / f"{name}.bin", dtype, size) for name, size in zip(SPLIT_NAMES, meta.sizes, strict=True)
        ]
    except (OSError, ValueError):
        return None
    tokens = Tokens(tuple(json.loads(vocabulary)), *splits)
    return tokens if fingerprint(tokens, meta.level) == meta.fingerprint else None  # a flipped bit is not of our text


def publish(tokens: Tokens, level: str, entry: Path) -> None:
    """Write an entry so that others see the whole of it or nothing.

    Raises:
        RunError: the cache folder cannot be written.
    """
    publish_entry(
        entry,
        write=lambda folder: _write(tokens, level, folder),
        is_whole=lambda folder: read_tokens(folder) is not None,
    )


def fingerprint(tokens: Tokens, level: str) -> str:
    """Sixteen hex digits over level, vocabulary and the ids of the three splits: the same text tokenised alike."""
    digest = hashlib.sha256(canonical([level, list(tokens.vocabulary)]))
    for ids in (tokens.train, tokens.valid, tokens.test):
        digest.update(len(ids).to_bytes(8, "little"))
        digest.update(np.ascontiguousarray(ids).data)
    return digest.hexdigest()[:16]


def _mapped(path: Path, dtype: np.dtype[np.integer], size: int) -> Ids:
    if path.stat().st_size != size * dtype.itemsize:
        raise ValueError(f"{path} is torn")
    # Private pages, copied if they were ever written to, which these arrays refuse: so whoever needs a writable view,
    # as torch does, can have one of the same memory without a way to the file.
    mapped = np.memmap(path, dtype=dtype, mode="c", shape=(size,))
    mapped.flags.writeable = False
    return mapped


def _write(tokens: Tokens, level: str, folder: Path) -> None:
    splits = (tokens.train, tokens.valid, tokens.test)
    for name, ids in zip(SPLIT_NAMES, splits, strict=True):
        write_durably(folder / f"{name}.bin", ids.tobytes())
    vocabulary = json.dumps(tokens.vocabulary).encode()
    write_durably(folder / "vocabulary.json", vocabulary)
    meta = Meta(
        level=level,
        vocabulary_size=len(tokens.vocabulary),
        n_train=len(tokens.train),
        n_valid=len(tokens.valid),
        n_test=len(tokens.test),
        fingerprint=fingerprint(tokens, level),
        vocabulary_sha256=hashlib.sha256(vocabulary).hexdigest(),
    )
    write_durably(folder / "meta.json", sealed(asdict(meta)))
