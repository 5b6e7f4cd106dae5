"""Named arrays and the facts about them, kept in the cache and mapped from it. It knows nothing of what they mean."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tlm_sweeps.corpora.entries import canonical, publish_entry, sealed, unsealed, write_durably

Array = np.ndarray[Any, np.dtype[Any]]


@dataclass(frozen=True, eq=False)
class Kept:
    """Arrays, read-only and memory-mapped, and facts of JSON values."""

    facts: dict[str, Any]
    arrays: dict[str, Array]


def read_facts(entry: Path) -> dict[str, Any] | None:
    """The facts of an entry; None when it is not there or damaged."""
    meta = unsealed(entry / "meta.json")
    return None if meta is None else meta["facts"]


def read_kept(entry: Path) -> Kept | None:
    """An entry; None when it is not there or damaged."""
    meta = unsealed(entry / "meta.json")
    if meta is None:
        return None
    try:
        sums = meta.get("sha256", {})  # older entries have none
        arrays = {name: _mapped(entry / f"{name}.npy", size, sums.get(name)) for name, size in meta["bytes"].items()}
    except (OSError, ValueError):
        return None
    return Kept(meta["facts"], arrays)


def publish_kept(entry: Path, facts: Mapping[str, Any], arrays: Mapping[str, Array]) -> None:
    """Write an entry so that others see the whole of it or nothing.

    Raises:
        RunError: the cache folder cannot be written.
    """
    publish_entry(
        entry,
        write=lambda folder: _write(folder, facts, arrays),
        is_whole=lambda folder: read_kept(folder) is not None,
    )


def arrays_fingerprint(head: object, arrays: Mapping[str, Array]) -> str:
    """Sixteen hex digits over JSON values and the arrays in their order: names, types, shapes and contents."""
    digest = hashlib.sha256(canonical(head))
    for name, array in arrays.items():
        digest.update(canonical([name, array.dtype.str, list(array.shape)]))
        digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest()[:16]


def _write(folder: Path, facts: Mapping[str, Any], arrays: Mapping[str, Array]) -> None:
    sizes, sums = {}, {}
    for name, array in arrays.items():
        content = io.BytesIO()
        np.save(content, array, allow_pickle=False)
        write_durably(folder / f"{name}.npy", content.getvalue())
        sizes[name] = len(content.getvalue())
        sums[name] = hashlib.sha256(content.getvalue()).hexdigest()
    write_durably(folder / "meta.json", sealed({"facts": facts, "bytes": sizes, "sha256": sums}))


def _mapped(path: Path, size: int, sha256: str | None) -> Array:
    if path.stat().st_size != size:
        raise ValueError(f"{path} is torn")
    with path.open("rb") as file:
        if sha256 is not None and hashlib.file_digest(file, "sha256").hexdigest() != sha256:
            raise ValueError(f"{path} is damaged")
    # As in `cache`: private pages that refuse to be written, so that torch can have a writable view of them.
    mapped = np.load(path, mmap_mode="c", allow_pickle=False)
    mapped.flags.writeable = False
    return mapped
