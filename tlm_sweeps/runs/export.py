"""Records as files that other tools read: JSON, CSV, Parquet."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from tlm_sweeps.runs.record import Record

_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def to_json(records: tuple[Record, ...]) -> str:
    """A list of records."""
    return TypeAdapter(tuple[Record, ...]).dump_json(records, indent=2).decode()


def to_csv(records: tuple[Record, ...]) -> str:
    """A row a record; nested fields under dotted names, text that a spreadsheet would run made harmless."""
    rows = [{name: _cell(value) for name, value in flat(record).items()} for record in records]
    names = list(dict.fromkeys(name for row in rows for name in row))
    text = io.StringIO()
    writer = csv.DictWriter(text, names, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def to_parquet(records: tuple[Record, ...], path: Path) -> None:
    """A row a record, with dotted column names; columns whose values differ in type become JSON text."""
    import pandas as pd

    rows = [flat(record) for record in records]
    names = list(dict.fromkeys(name for row in rows for name in row))
    pd.DataFrame({name: _column([row.get(name) for row in rows]) for name in names}).to_parquet(path, index=False)


def _column(values: list[Any]) -> list[Any]:
    kinds = {
        float if isinstance(value, int | float) and not isinstance(value, bool) else type(value) for value in values
    }
    if len(kinds - {type(None)}) > 1 or kinds & {list, dict}:
        return [None if value is None else json.dumps(value) for value in values]
    return values


def flat(record: Record) -> dict[str, Any]:
    """A record as one level of dotted names: `train_flops.matmul`, `settings.model.depth`, `spec.model.kind`.

    `started_from` is `sweep/run`, and `pretraining_flops` what that run cost, in the account of the budget.
    """
    found: dict[str, Any] = {}
    _flatten("", record.model_dump(mode="json"), found)
    origin = record.started_from
    found["started_from"] = origin and f"{origin.sweep}/{origin.run_id}"
    found["pretraining_flops"] = origin and origin.train_flops.get(record.account or "matmul")
    return found


def _flatten(prefix: str, section: dict[str, Any], found: dict[str, Any]) -> None:
    for key, value in section.items():
        if isinstance(value, dict) and value:
            _flatten(f"{prefix}{key}.", value, found)
        else:
            found[prefix + key] = None if value == {} else value


def _cell(value: Any) -> Any:
    if _is_nested(value):
        return json.dumps(value)
    return "'" + value if isinstance(value, str) and value.startswith(_FORMULA) else value


def _is_nested(value: Any) -> bool:
    return isinstance(value, list | dict)
