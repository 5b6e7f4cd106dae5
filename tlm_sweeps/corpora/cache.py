"""Tokenised corpora on disk, shared by any number of processes: whole or not there, never half written.

An entry is a folder that is built under another name and moved into place in one step, so no lock is needed: where two
processes build the same entry, the second to finish throws its own away. It knows nothing of where texts come from.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tlm_sweeps.corpora.places import cache_folder
from tlm_sweeps.corpora.splitting import SPLIT_NAMES, Ids
from tlm_sweeps.corpora.tokenising import Tokens, smallest_dtype
from tlm_sweeps.errors import RunError

FORMAT = 1
"""Of entries and of tokenising: raise it whenever the same text would become other tokens or another layout."""
_DAY_SECONDS = 86_400


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
    key = hashlib.sha256(_canonical({"format": FORMAT, **identity})).hexdigest()[:32]
    return cache_folder() / "corpora" / key


def read_meta(entry: Path) -> Meta | None:
    """What an entry says of itself; None when it is not there or damaged."""
    try:
        written = json.loads((entry / "meta.json").read_bytes())
        if written.pop("checksum") == hashlib.sha256(_canonical(written)).hexdigest():
            return Meta(**written)
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        pass  # not there, torn or not ours: it is built anew
    return None


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
    return Tokens(tuple(json.loads(vocabulary)), *splits)


def publish(tokens: Tokens, level: str, entry: Path) -> None:
    """Write an entry so that others see the whole of it or nothing.

    Raises:
        RunError: the cache folder cannot be written.
    """
    scratch = entry.with_name(f".building-{os.getpid()}-{os.urandom(4).hex()}")
    try:
        scratch.mkdir(parents=True)
        _write(tokens, level, scratch)
        _move_into_place(scratch, entry)
        _clear_abandoned(entry.parent)
    except OSError as error:
        raise RunError(
            f"the tokenised corpus cannot be kept: {error.strerror}",
            place=str(entry.parent),
            hint="set TLM_CACHE to a folder with room",
        ) from error
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def fingerprint(tokens: Tokens, level: str) -> str:
    """Sixteen hex digits over level, vocabulary and the ids of the three splits: the same text tokenised alike."""
    digest = hashlib.sha256(_canonical([level, list(tokens.vocabulary)]))
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
        _write_durably(folder / f"{name}.bin", ids.tobytes())
    vocabulary = json.dumps(tokens.vocabulary).encode()
    _write_durably(folder / "vocabulary.json", vocabulary)
    meta = Meta(
        level=level,
        vocabulary_size=len(tokens.vocabulary),
        n_train=len(tokens.train),
        n_valid=len(tokens.valid),
        n_test=len(tokens.test),
        fingerprint=fingerprint(tokens, level),
        vocabulary_sha256=hashlib.sha256(vocabulary).hexdigest(),
    )
    checked = {**asdict(meta), "checksum": hashlib.sha256(_canonical(asdict(meta))).hexdigest()}
    _write_durably(folder / "meta.json", json.dumps(checked, indent=1).encode())


def _write_durably(path: Path, content: bytes) -> None:
    with path.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _move_into_place(scratch: Path, entry: Path) -> None:
    for _ in range(10):  # each round another process may have put a new entry there
        try:
            scratch.rename(entry)
        except OSError:
            if read_tokens(entry) is not None:
                return  # another process was first
            _take_away(entry)
        else:
            return
    scratch.rename(entry)


def _take_away(damaged: Path) -> None:
    aside = damaged.with_name(f".building-{os.getpid()}-{os.urandom(4).hex()}")
    try:
        damaged.rename(aside)
    except FileNotFoundError:
        return  # another process took it away
    shutil.rmtree(aside, ignore_errors=True)


def _clear_abandoned(folder: Path) -> None:
    """Take away what processes that were killed while building have left."""
    for path in folder.glob(".building-*"):
        try:
            is_old = time.time() - path.stat().st_mtime > _DAY_SECONDS
        except FileNotFoundError:
            continue
        if is_old:
            shutil.rmtree(path, ignore_errors=True)


def _canonical(value: object) -> bytes:
    return json.dumps(value, sort_keys=True, separators=(",", ":")).encode()
