"""Records as files that other tools read: JSON, CSV, Parquet."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import Any

from tlm_sweeps.runs.record import Record

_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def to_json(records: tuple[Record, ...]) -> str:
    """A list of records."""
    return json.dumps([record.model_dump(mode="json") for record in records], indent=2, ensure_ascii=False)


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
    """A record as one level of dotted names: `train_flops.matmul`, `settings.model.depth`, `spec.model.kind`."""
    return _flat("", record.model_dump(mode="json"))


def _flat(prefix: str, value: Any) -> dict[str, Any]:
    if not isinstance(value, dict) or not value:
        return {prefix: None if value == {} else value}
    parts = [_flat(f"{prefix}.{key}" if prefix else key, item) for key, item in value.items()]
    return {name: item for part in parts for name, item in part.items()}


def _cell(value: Any) -> Any:
    if _is_nested(value):
        return json.dumps(value)
    return "'" + value if isinstance(value, str) and value.startswith(_FORMULA) else value


def _is_nested(value: Any) -> bool:
    return isinstance(value, list | dict)
