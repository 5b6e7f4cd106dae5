"""Records that are kept in the repository, a file a sweep: what was run, by which command, and what came of it.

A file holds results only. Published numbers are elsewhere, and nothing here can tell them from ours.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from tlm_sweeps.corpora.files import write_atomically
from tlm_sweeps.errors import InputError
from tlm_sweeps.report.sources import SweepResults
from tlm_sweeps.runs.record import Measurement, Record
from tlm_sweeps.spec.sweep import SweepSpec

Run = tuple[str, int]
"""What makes a run the same one in any folder: the fingerprint of its experiment, and its seed."""


class _File(BaseModel):
    """What a file holds; its lines are for people who compare two versions of it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    command: str
    spec: SweepSpec
    spent_flops: int
    created_at: str
    records: tuple[Record, ...]
    curves: dict[str, tuple[Measurement, ...]]


def keep(results: SweepResults, folder: Path) -> Path:
    """Write what a sweep has found into its file, a record a line; the same results make the same file.

    Whoever opens the file finds the old one or the whole new one.

    Raises:
        InputError: the file that is there has complete runs that would be lost, or it cannot be written.
    """
    ensure_none_lost(results.spec.name, complete_runs(results.records), folder)
    path = _file_of(results.spec.name, folder)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        write_atomically(path, _text(results).encode())
    except OSError as error:
        hint = "name a folder that you may write"
        raise InputError(f"the records cannot be kept: {error.strerror}", place=str(path), hint=hint) from error
    return path


def complete_runs(records: Sequence[Record]) -> frozenset[Run]:
    """The complete ones among a sweep's runs."""
    return frozenset((record.fingerprint, record.seed) for record in records if record.state == "complete")


def ensure_none_lost(name: str, runs: Collection[Run], folder: Path) -> None:
    """Refuse to write over a kept file that has complete runs which the new one would lack.

    Args:
        name: the sweep's.
        runs: complete ones of the new file.
        folder: of the files; it need not be there.

    Raises:
        InputError: with both counts; or what is there cannot be read, so that nobody knows what would be lost.
    """
    path = _file_of(name, folder)
    if not path.exists():
        return
    there = complete_runs(_read(path).records)
    if lost := there.difference(runs):
        raise InputError(
            f"{len(there)} complete runs of {name} are kept here; {len(lost)} of them would be lost, "
            f"since they are not among the {len(runs)} of the new file",
            place=str(path),
            hint="name another folder with --to, or move this file away",
        )


def read_kept(folder: Path) -> dict[str, SweepResults]:
    """The sweeps that a folder keeps, by name.

    Raises:
        InputError: there is no such folder, or a file in it is not one of ours, or not under its sweep's name.
    """
    if not folder.is_dir():
        hint = "name the folder that holds them: `--from records`"
        raise InputError("no records are kept here", place=str(folder), hint=hint)
    return {path.stem: _read(path) for path in sorted(folder.glob("*.json"))}


def _read(path: Path) -> SweepResults:
    try:
        kept = _File.model_validate_json(path.read_text(encoding="utf-8"))
    except (OSError, ValidationError, UnicodeDecodeError) as error:
        hint = "take the file from the repository again, or move it away"
        raise InputError(f"the kept records cannot be read: {_reason(error)}", place=str(path), hint=hint) from error
    if path.stem != kept.spec.name:  # so that no two files are of one sweep
        own = path.with_name(f"{kept.spec.name}.json")
        hint = f"{own.name} is there too: move one of them away" if own.exists() else f"rename it to {own.name}"
        raise InputError(f"the kept records are of the sweep `{kept.spec.name}`", place=str(path), hint=hint)
    return SweepResults(
        spec=kept.spec,
        records=kept.records,
        curves=kept.curves,
        spent_flops=kept.spent_flops,
        created_at=kept.created_at,
        command=kept.command,
    )


def _reason(error: OSError | ValidationError | UnicodeDecodeError) -> str:
    match error:
        case UnicodeDecodeError():
            return f"it is not UTF-8: byte {error.start + 1} is {error.object[error.start]:#04x}"
        case ValidationError():
            first = error.errors()[0]
            return ": ".join(part for part in (".".join(map(str, first["loc"])), first["msg"]) if part)
        case OSError():
            return error.strerror or str(error)


def _text(results: SweepResults) -> str:
    records = sorted(results.records, key=lambda record: (record.trial, record.seed))
    head: dict[str, Any] = {
        "command": results.command,
        "spec": results.spec.model_dump(mode="json", exclude_unset=True),
        "spent_flops": results.spent_flops,
        "created_at": max((record.finished_at or "" for record in records), default=""),
    }
    lines = [f'"{name}": {json.dumps(value)}' for name, value in head.items()]
    lines.append(f'"records": [\n{_rows([record.model_dump_json() for record in records])}\n]')
    curves = {record.run_id: results.curves.get(record.run_id, ()) for record in records}
    texts = [
        f"{json.dumps(name)}: [{', '.join(each.model_dump_json() for each in curve)}]" for name, curve in curves.items()
    ]
    lines.append(f'"curves": {{\n{_rows(texts)}\n}}')
    return "{\n" + ",\n".join(lines) + "\n}\n"


def _file_of(name: str, folder: Path) -> Path:
    return folder / f"{name}.json"


def _rows(texts: list[str]) -> str:
    return ",\n".join(texts)
