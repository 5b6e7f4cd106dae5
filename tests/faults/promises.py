"""What must hold of a sweep however it was disturbed, counted without a line of the program: SQLite, JSON, hashes."""

from __future__ import annotations

import json
import sqlite3
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from safetensors.numpy import load_file

RETRIES = 2
"""Deaths of its workers that a run survives."""


@dataclass(frozen=True)
class Count:
    """What was found besides: how much the faults cost."""

    runs: int
    failed: int
    deaths: int
    lost_flops: int
    """Charged besides what the records spent."""


def broken_promises(folder: Path, in_peace: Path) -> tuple[list[str], Count]:
    """Which promises a sweep's folder breaks.

    Args:
        folder: of the disturbed sweep, at its end.
        in_peace: of the same sweep, never disturbed.

    Returns:
        A sentence for each broken one, and the count.
    """
    rows, peaceful = _rows(folder), {(row["trial"], row["seed"]): row for row in _rows(in_peace)}
    deaths = _deaths(folder)
    broken = _of_settings(rows, peaceful)
    for row in rows:
        record = json.loads(row["record"])
        if row["state"] == "complete":
            broken += _of_result(row, record, json.loads(peaceful[row["trial"], row["seed"]]["record"]))
            broken += _of_files(folder / row["run_id"], _steps(folder, row["run_id"]))
        elif row["state"] != "failed" or deaths.get(row["run_id"], 0) <= RETRIES:
            died = deaths.get(row["run_id"], 0)
            broken.append(f"{row['run_id']} is {row['state']} ({record['reason']}) after {died} deaths")
    charged, reserved = sum(row["charged"] for row in rows), sum(row["reserved"] for row in rows)
    spent = sum(
        json.loads(row["record"])["train_flops"]["matmul"] for row in rows if row["state"] in ("complete", "failed")
    )
    if reserved:
        broken.append(f"{reserved} FLOPs stay reserved")
    if charged < spent:
        broken.append(f"{charged} FLOPs are charged, but the records spent {spent}")
    failed = sum(row["state"] == "failed" for row in rows)
    return broken, Count(len(rows), failed, sum(deaths.values()), charged - spent)


def _of_settings(rows: list[dict[str, Any]], peaceful: dict[Any, Any]) -> list[str]:
    """Each setting and seed once, and none that the sweep had not without the faults."""
    keys = [(row["trial"], row["seed"]) for row in rows]
    if len(keys) != len(set(keys)):
        return ["a setting was trained twice"]
    if set(keys) != set(peaceful):
        return [f"other settings: {sorted(set(keys) ^ set(peaceful))}"]
    same = all(
        json.loads(row["record"])["settings"] == json.loads(peaceful[key]["record"])["settings"]
        for row, key in zip(rows, keys, strict=True)
    )
    return [] if same else ["settings changed their numbers"]


def _of_result(row: dict[str, Any], record: dict[str, Any], peaceful: dict[str, Any]) -> list[str]:
    """Bit for bit what it was without faults."""
    same = ("train_nll", "val_nll", "test_nll", "best_step", "steps", "epochs", "train_flops", "fingerprint")
    return [
        f"{row['run_id']}: {name} is {record[name]}, undisturbed {peaceful[name]}"
        for name in same
        if record[name] != peaceful[name]
    ]


def _of_files(folder: Path, steps: list[int]) -> list[str]:
    broken = []
    if not load_file(folder / "model.safetensors"):
        broken.append(f"{folder.name}: no weights were kept")
    lines = [json.loads(line)["step"] for line in (folder / "metrics.jsonl").read_text().splitlines()]
    if lines != steps:
        broken.append(f"{folder.name}: metrics of steps {lines}, the ledger has {steps}")
    return broken


def _rows(folder: Path) -> list[dict[str, Any]]:
    with sqlite3.connect(f"{(folder / 'ledger.sqlite').as_uri()}?mode=ro", uri=True) as db:
        db.row_factory = sqlite3.Row
        return [dict(row) for row in db.execute("SELECT * FROM runs ORDER BY trial, seed")]


def _steps(folder: Path, run_id: str) -> list[int]:
    with sqlite3.connect(f"{(folder / 'ledger.sqlite').as_uri()}?mode=ro", uri=True) as db:
        return [
            step for (step,) in db.execute("SELECT step FROM measurements WHERE run_id = ? ORDER BY step", (run_id,))
        ]


def _deaths(folder: Path) -> dict[str, int]:
    with sqlite3.connect(f"{(folder / 'ledger.sqlite').as_uri()}?mode=ro", uri=True) as db:
        return dict(db.execute("SELECT run_id, count(*) FROM deaths GROUP BY run_id"))
