"""Exports hold every record whole, and a spreadsheet runs none of it."""

import csv
import io
import json
from pathlib import Path

import pandas as pd

from tlm_sweeps.runs.export import to_csv, to_json, to_parquet
from tlm_sweeps.runs.record import LabelScores, Provenance, Record, StartedFrom


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


def test_the_gain_of_pre_training_stands_beside_the_overlap():
    """Less the twin of the same seed, whatever the passages; where there is no twin, there is no gain."""
    origin = StartedFrom(sweep="pre", run_id="pre-0", fingerprint="f", sha256="0" * 64, train_flops={"matmul": 1})
    corpus = {"overlap": {"task_kinds_seen": 0.75, "common_mass": 0.5}}
    told = Provenance(corpus=corpus)
    random = [tuned(number, 0.25 * (number + 1), seed=number) for number in (0, 1)]
    begun = [
        tuned(2, 0.75, seed=0, started_from=origin, provenance=told, passages={"first_passages": 5}),
        tuned(3, 0.75, seed=1, started_from=origin, provenance=told, passages={"first_passages": 9}),
        tuned(4, 0.75, seed=2, started_from=origin, provenance=told),
    ]
    rows = list(csv.DictReader(io.StringIO(to_csv((*random, *begun)))))
    assert [row["gain"] for row in rows] == ["", "", "0.5", "0.25", ""]
    assert [row["overlap.task_kinds_seen"] for row in rows] == ["", "", "0.75", "0.75", "0.75"]
    assert "gain" not in to_csv((record(0),)).partition("\n")[0]


def tuned(number: int, accuracy: float, passages: object = None, **fields: object) -> Record:
    """A run that tells labels apart."""
    scores = LabelScores(
        n=100, n_correct=round(100 * accuracy), accuracy=accuracy, interval=(0.0, 1.0), macro_f1=accuracy
    )
    start = "pre" if "started_from" in fields else None
    spec = {"model": {"kind": "bert"}, "passages": passages, "start_from": start}
    return record(number, test_scores=scores, spec=spec, **fields)
