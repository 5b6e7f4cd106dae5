"""A table that a spreadsheet opens runs nothing, and its numbers stay numbers."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tlm_sweeps.runs.export import to_csv
from tlm_sweeps.runs.record import Record

FORMULAS = ["=1+1", "+1", "-1+cmd|' /C calc'!A0", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "＝1", "＋1", "－1", "＠x"]
_FIRST = set("=+-@\t\r\n＝＋－＠")


def _row(record: Record) -> dict[str, str]:
    (row,) = csv.DictReader(io.StringIO(to_csv((record,)), newline=""))
    return row


@pytest.mark.parametrize("text", FORMULAS)
def test_a_formula_becomes_a_text(text: str, make_record: Callable[..., Record]) -> None:
    row = _row(make_record(reason=text, baseline=text, settings={"model.positions": text}))
    assert row["reason"] == row["baseline"] == row["settings.model.positions"] == f"'{text}".replace("\r", "\n")


def test_numbers_below_zero_and_plain_texts_stay(make_record: Callable[..., Record]) -> None:
    row = _row(make_record(settings={"x": -1.5, "y": -3, "z": "a=b"}, val_nll=-0.25))
    assert (row["settings.x"], row["settings.y"], row["settings.z"]) == ("-1.5", "-3", "a=b")
    assert float(row["val_nll"]) == -0.25


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.text(max_size=20))
def test_no_row_and_no_text_cell_begins_like_a_formula(make_record: Callable[..., Record], text: str) -> None:
    told = _row(make_record(reason=text))["reason"]
    assert not told or told[0] not in _FIRST
