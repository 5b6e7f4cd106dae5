"""Records as files that other tools read: JSON, CSV, Parquet."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from tlm_sweeps.runs.record import Record

_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
"""A text that begins so is run by one spreadsheet or another; an apostrophe before it makes it text."""


def to_json(records: tuple[Record, ...]) -> str:
    """A list of records."""
    return TypeAdapter(tuple[Record, ...]).dump_json(records, indent=2).decode()


def to_csv(records: tuple[Record, ...]) -> str:
    """A row a record; nested fields under dotted names, text that a spreadsheet would run made harmless."""
    gains = gains_of(records)
    rows = [{name: _cell(value) for name, value in (flat(record) | _gain(record, gains)).items()} for record in records]
    names = list(dict.fromkeys(name for row in rows for name in row))
    text = io.StringIO()
    writer = csv.DictWriter(text, names, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def to_parquet(records: tuple[Record, ...], path: Path) -> None:
    """A row a record, with dotted column names; columns whose values differ in type become JSON text."""
    import pandas as pd

    gains = gains_of(records)
    rows = [flat(record) | _gain(record, gains) for record in records]
    names = list(dict.fromkeys(name for row in rows for name in row))
    pd.DataFrame({name: _column([row.get(name) for row in rows]) for name in names}).to_parquet(path, index=False)


def gains_of(records: tuple[Record, ...]) -> dict[str, float]:
    """What pre-training brings: test accuracy less that of the twin from random weights, by run, where there is one.

    A twin has the same seed and the same experiment but for its first weights and the passages that made them.
    """
    scored = [(record, scores.accuracy) for record in records if (scores := record.test_scores) is not None]
    twins = {_twin(record): accuracy for record, accuracy in scored if record.started_from is None}
    begun = [(record, accuracy) for record, accuracy in scored if record.started_from is not None]
    return {record.run_id: accuracy - twins[key] for record, accuracy in begun if (key := _twin(record)) in twins}


def _twin(record: Record) -> str:
    same = {name: value for name, value in record.spec.items() if name not in {"start_from", "passages"}}
    return json.dumps([record.sweep, record.seed, same], sort_keys=True)


def _gain(record: Record, gains: dict[str, float]) -> dict[str, float | None]:
    """Overlap and gain beside each other, of runs that tell labels apart; no columns of others."""
    if record.test_scores is None:
        return {}
    overlap = record.provenance.corpus.get("overlap") or {}
    shares = {f"overlap.{name}": overlap.get(name) for name in ("task_kinds_seen", "common_mass")}
    return {**shares, "gain": gains.get(record.run_id)}


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
    if not isinstance(value, str):
        return value
    text = value.replace("\r\n", "\n").replace("\r", "\n")  # some readers begin a row at a lone carriage return
    return "'" + text if text.startswith(_FORMULA) else text


def _is_nested(value: Any) -> bool:
    return isinstance(value, list | dict)
