"""Records that are kept in the repository, a file a sweep: what was run, by which command, and what came of it.

A file holds results only. Published numbers are elsewhere, and nothing here can tell them from ours.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from tlm_sweeps.errors import InputError
from tlm_sweeps.report.sources import SweepResults
from tlm_sweeps.runs.record import Measurement, Record
from tlm_sweeps.spec.sweep import SweepSpec


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
    """Write what a sweep has found into its file, a record a line; the same results make the same file."""
    path = folder / f"{results.spec.name}.json"
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
    folder.mkdir(parents=True, exist_ok=True)
    path.write_text("{\n" + ",\n".join(lines) + "\n}\n", encoding="utf-8", newline="\n")
    return path


def read_kept(folder: Path) -> dict[str, SweepResults]:
    """The sweeps that a folder keeps, by name.

    Raises:
        InputError: there is no such folder, or a file in it is not one of ours.
    """
    if not folder.is_dir():
        hint = "name the folder that holds them: `--from records`"
        raise InputError("no records are kept here", place=str(folder), hint=hint)
    found = (_read(path) for path in sorted(folder.glob("*.json")))
    return {results.spec.name: results for results in found}


def _read(path: Path) -> SweepResults:
    try:
        kept = _File.model_validate_json(path.read_text(encoding="utf-8"))
    except (OSError, ValidationError) as error:
        hint = "take the file from the repository again, or make it with `tlm-sweeps reproduce STUDY --to FOLDER`"
        raise InputError("the kept records cannot be read", place=str(path), hint=hint) from error
    return SweepResults(
        spec=kept.spec,
        records=kept.records,
        curves=kept.curves,
        spent_flops=kept.spent_flops,
        created_at=kept.created_at,
        command=kept.command,
    )


def _rows(texts: list[str]) -> str:
    return ",\n".join(texts)
