"""Scalars are read as people mean them, and what is written reads back."""

from __future__ import annotations

import math

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from tlm_sweeps.spec.yaml_scalars import AmbiguousScalarError, read_plain, write_scalar
from tlm_sweeps.spec.yaml_source import read_text


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("3e-4", 0.0003),
        ("1e-3", 0.001),
        ("1E+3", 1000),
        ("2e13", 20_000_000_000_000),
        ("1.5e6", 1_500_000),
        ("1_000", 1000),
        ("0", 0),
        ("-7", -7),
        ("0.05", 0.05),
        (".5", 0.5),
        ("1.", 1.0),
        ("-0.0", -0.0),
        ("true", True),
        ("False", False),
        ("null", None),
        ("~", None),
        ("", None),
    ],
)
def test_numbers_and_words_are_what_people_mean(text: str, value: object) -> None:
    read = read_plain(text)
    assert read == value
    assert type(read) is type(value)


@pytest.mark.parametrize(
    "text",
    [
        "5%",
        "20 TFLOPs",
        "2026-01-31",
        "2026-01-31 10:20:30",
        "1.2.3",
        "1__0",
        "_1",
        "1e",
        "e5",
        "nan",
        "yes",
        "off",
        "٣",
    ],
)
def test_everything_else_is_text_as_it_stands(text: str) -> None:
    assert read_plain(text) == text


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("010", "write 10 (or, meaning base 8, 8), or quote it"),
        ("-010", "write -10 (or, meaning base 8, -8)"),
        ("089", "write 89"),
        ("007", "write 7"),
        ("00.5", "write 0.5"),
        ("0_1", "write 1"),
        ("0x10", "write 16"),
        ("0o17", "write 15"),
        ("0b11", "write 3"),
        ("1:30", "quote it if it is text"),
        ("10:20:30", "quote it if it is text"),
        (".inf", "finite"),
        ("-.Inf", "finite"),
        (".nan", "finite"),
        ("1e400", "smaller"),
        ("-1e400", "smaller"),
        ("9" * 400, "smaller"),
        ("1e-400", "larger"),
    ],
)
def test_what_could_be_read_two_ways_is_refused_with_a_hint(text: str, hint: str) -> None:
    with pytest.raises(AmbiguousScalarError) as refused:
        read_plain(text)
    assert hint in refused.value.hint


_SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(10**40), 10**40),
    st.integers(0, 30).map(lambda power: 10**power),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(),
    st.text(alphabet="0123456789.eE+-_:xobn~ #,[]{}&*!|>'\"%@`\\\t\n\x85\u2028\ufeff", max_size=8),
    st.sampled_from(
        ["yes", "No", "ON", "true", "null", "010", "1:30", ".inf", "1e5", "<<", "=", "- a", "a: b", "a #b"]
    ),
)


@given(_SCALARS)
def test_what_is_written_reads_back_in_block_and_in_flow(value: object) -> None:
    written = write_scalar(value)  # pyright: ignore[reportArgumentType]
    assert "\n" not in written
    for text, path in ((f"a: {written}\n", "a"), (f"a: [x, {written}]\n", "a"), (f"a: {{b: {written}}}", "a")):
        read = read_text(text, "test").data[path]
        read = read[1] if isinstance(read, list) else read["b"] if isinstance(read, dict) else read
        assert read == value
        assert isinstance(read, bool) == isinstance(value, bool)


@given(st.text())
def test_text_that_is_written_means_the_same_to_other_yaml_readers(text: str) -> None:
    assert yaml.safe_load(f"a: {write_scalar(text)}") == {"a": text}


@given(st.floats(min_value=1e-300, max_value=1e300))
def test_a_float_keeps_every_bit(number: float) -> None:
    read = read_plain(write_scalar(number))
    assert isinstance(read, int | float)
    assert math.isclose(read, number, rel_tol=0, abs_tol=0)
