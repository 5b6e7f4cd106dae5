"""Exports hold every record whole, and a spreadsheet runs none of it."""

import csv
import io
import json
from pathlib import Path

import pandas as pd

from tlm_sweeps.runs.export import to_csv, to_json, to_parquet
from tlm_sweeps.runs.record import Provenance, Record


def record(number: int, **fields: object) -> Record:
    data = {
        "run_id": f"s-{number}",
        "sweep": "s",
        "trial": number,
        "seed": 0,
        "state": "complete",
        "settings": {"model.depth": number, "model.positions": "rope"},
        "spec": {"model": {"kind": "transformer", "dropout_at": ["ffn"]}},
        "fingerprint": "f",
        "val_nll": 1.5 + number / 3,
        "train_flops": {"matmul": 10**15 + number, "6nd": 1, "2nd": 2},
        "provenance": Provenance(argv=("tlm-sweeps", "sweep"), versions={"python": "3.11"}),
    }
    return Record.model_validate(data | fields)


RECORDS = (
    record(1),
    record(2, state="failed", reason='=HYPERLINK("http://x")', val_nll=None, train_flops=None),
    record(3, settings={"model.depth": 3, "training.clip": None}),
)


def test_json_is_a_list_of_records_that_reads_back():
    assert tuple(Record.model_validate(each) for each in json.loads(to_json(RECORDS))) == RECORDS


def test_csv_has_a_row_a_record_and_no_formulas():
    rows = list(csv.DictReader(io.StringIO(to_csv(RECORDS))))
    assert [row["run_id"] for row in rows] == ["s-1", "s-2", "s-3"]
    assert rows[0]["train_flops.matmul"] == str(10**15 + 1)
    assert float(rows[0]["val_nll"]) == RECORDS[0].val_nll
    assert rows[1]["val_nll"] == ""
    assert rows[1]["reason"].startswith("'=")
    assert rows[2]["settings.model.depth"] == "3"
    assert json.loads(rows[0]["spec.model.dropout_at"]) == ["ffn"]


def test_parquet_keeps_numbers_as_numbers(tmp_path: Path):
    to_parquet(RECORDS, tmp_path / "records.parquet")
    table = pd.read_parquet(tmp_path / "records.parquet")
    assert list(table["trial"]) == [1, 2, 3]
    assert table["val_nll"].dtype == float
    assert table["val_nll"].isna().tolist() == [False, True, False]
    assert table["train_flops.matmul"].iloc[0] == 10**15 + 1


def test_nothing_to_export_is_an_empty_table(tmp_path: Path):
    assert json.loads(to_json(())) == []
    assert to_csv(()).strip() == ""
    to_parquet((), tmp_path / "empty.parquet")
    assert pd.read_parquet(tmp_path / "empty.parquet").empty
