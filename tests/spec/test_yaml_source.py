"""A YAML text is read with the place of everything in it, or refused with the line that is wrong."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tlm_sweeps.errors import InputError, Problem
from tlm_sweeps.spec.yaml_source import MAX_BYTES, Position, read_mapping, read_text


def refusal(text: str | bytes, folder: Path) -> Problem:
    """The problem that a file with this text has."""
    path = folder / "spec.yaml"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    with pytest.raises(InputError) as refused:
        read_mapping(path)
    (problem,) = refused.value.problems
    assert problem.hint
    return Problem(problem.message, problem.place.replace(str(path), "spec.yaml"), problem.hint)


def test_keys_and_values_have_their_places() -> None:
    document = read_text("a: 1\nb:\n  - x\n  - {c: 2}\n", "test")
    assert document.data == {"a": 1, "b": ["x", {"c": 2}]}
    assert document.keys["b",] == Position(2, 1)
    assert document.values["b", 0] == Position(3, 5)
    assert document.keys["b", 1, "c"] == Position(4, 6)
    assert document.values["b", 1, "c"] == Position(4, 9)


def test_a_byte_order_mark_and_windows_line_ends_are_fine(tmp_path: Path) -> None:
    path = tmp_path / "spec.yaml"
    path.write_bytes(b"\xef\xbb\xbf---\r\na: 1\r\nb: 2\r\n...\r\n")
    document = read_mapping(path)
    assert document.data == {"a": 1, "b": 2}
    assert document.keys["b",].line == 3


@pytest.mark.parametrize(
    ("text", "line", "message", "hint"),
    [
        ("a: 1\nb: 010\n", 2, "`010` begins with a zero", "write 10"),
        ("a: [1, 1:30]\n", 1, "`1:30` may mean a time", "quote"),
        ("a: .nan\n", 1, "`.nan` is no finite number", "finite"),
        ("a: 1\nb: {c: 1, c: 2}\n", 2, "`c` is written twice in `b`: lines 2 and 2", "keep one"),
        ("a: 1\n\na: 2\n", 3, "`a` is written twice: lines 1 and 3", "keep one"),
        ('a: 1\n"a": 2\n', 2, "`a` is written twice", "keep one"),
        ("a: &x 1\nb: 2\n", 1, "anchors (`&x`)", "remove"),
        ("a: 1\nb: *x\n", 2, "aliases (`*x`)", "write the value out"),
        ("&x a: 1\n", 1, "anchors", "remove"),
        ("a: 1\n<<: {b: 2}\n", 2, "merge keys", "write the entries out"),
        ("a: 1\nb: !!python/object/apply:os.system [ls]\n", 2, "`!!python/object/apply:os.system`", "remove the tag"),
        ("a: !!str 1\n", 1, "`!!str`", "remove the tag"),
        ("a: !local {b: 1}\n", 1, "`!local`", "remove the tag"),
        ("a: ! 1\n", 1, "`!`", "remove the tag"),
        ("!!map {a: 1}\n", 1, "`!!map`", "remove the tag"),
        ("a: 1\n---\nb: 2\n", 2, "a second document", "keep one"),
        ("- a\n- b\n", 1, "the spec must be a mapping, got a list", "begin with a key"),
        ("# hm\nhello\n", 2, "the spec must be a mapping, got `hello`", "begin with a key"),
        ("a:\n\tb: 1\n", 2, "'\\t'", "spaces"),
        ("a: 1\n  b: 2\n", 2, "mapping values are not allowed", "quote"),
        ("a: [1, 2\nb: 3\n", 2, "expected ',' or ']'", "bracket"),
        ('a: "b\nc: 1\n', 1, "unexpected end of stream", "quote"),
        ("a: 1\nb\n", 2, "could not find expected ':'", "key: value"),
        ("a: %5\n", 1, "'%'", "quotes"),
        ("a: {b:1}\n", 1, "`b:1` has no value", "space after the colon"),
        ("1: a\n", 1, "a key must be text, not `1`", 'quote it: "1"'),
        ("? [a]\n: 1\n", 1, "a key must be text", "name"),
        ("a: 1\nb: \x07\n", 2, "U+0007", "remove it"),
        ('a: "\\ud800"\n', 1, "surrogate", "character"),
        (b"a: 1\nb: caf\xe9\n", 2, "not UTF-8: byte 0xe9", "save the file as UTF-8"),
        ("a: 1".encode("utf-16"), 1, "not UTF-8", "save the file as UTF-8"),
        ("a: " + "[" * 5000, 1, "nested deeper than 30 levels", "flatter"),
        ("a: " + "{b: " * 5000, 1, "nested deeper than 30 levels", "flatter"),
    ],
)
def test_a_surprising_text_is_refused_at_its_line(
    text: str | bytes, line: int, message: str, hint: str, tmp_path: Path
) -> None:
    problem = refusal(text, tmp_path)
    assert problem.place == f"spec.yaml:{line}"
    assert message in problem.message
    assert hint in problem.hint


@pytest.mark.parametrize("text", ["", "\n\n", "# only a comment\n", "---\n", "null\n", "\ufeff"])
def test_an_empty_file_is_said_to_be_empty(text: str, tmp_path: Path) -> None:
    problem = refusal(text, tmp_path)
    assert problem.message == "the spec is empty"
    assert "tlm-sweeps init" in problem.hint


def test_an_alias_bomb_is_refused_before_it_is_built(tmp_path: Path) -> None:
    lines = ["a: &a [x, x]"] + [
        f"{new}: &{new} [*{old}, *{old}]" for old, new in zip("abcdefgh", "bcdefghi", strict=True)
    ]
    assert "anchors" in refusal("\n".join(lines), tmp_path).message


def test_a_huge_file_is_refused_unread(tmp_path: Path) -> None:
    assert f"larger than {MAX_BYTES:,} bytes" in refusal(b"a: " + b"x" * MAX_BYTES, tmp_path).message


def test_a_missing_file_is_answered_with_the_nearest_one(tmp_path: Path) -> None:
    (tmp_path / "sweep.yaml").write_text("a: 1")
    for wrong in ("swep.yaml", "sweep", "sweep.yml"):
        with pytest.raises(InputError, match="no such spec") as refused:
            read_mapping(tmp_path / wrong)
        assert refused.value.problems[0].hint == f"did you mean `{tmp_path / 'sweep.yaml'}`?"


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such spec") as refused:
        read_mapping(tmp_path / "nowhere" / "sweep.yaml")
    assert refused.value.problems[0].hint == f"there is no folder `{tmp_path / 'nowhere'}`"


def test_a_folder_is_no_spec_but_holds_some(tmp_path: Path) -> None:
    (tmp_path / "sweep.yaml").write_text("a: 1")
    with pytest.raises(InputError, match="is a folder, not a spec") as refused:
        read_mapping(tmp_path)
    assert f"`{tmp_path / 'sweep.yaml'}`" in refused.value.problems[0].hint


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_that_may_not_be_read_is_said_to_be_so(tmp_path: Path) -> None:
    path = tmp_path / "sweep.yaml"
    path.write_text("a: 1")
    path.chmod(0)
    with pytest.raises(InputError, match="Permission denied"):
        read_mapping(path)


@pytest.mark.parametrize("name", ["a" * 300, "a\0b"])
def test_an_impossible_file_name_is_an_input_error(name: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot read"):
        read_mapping(tmp_path / name)


def test_a_loop_of_links_is_an_input_error(tmp_path: Path) -> None:
    (tmp_path / "loop.yaml").symlink_to(tmp_path / "loop.yaml")
    with pytest.raises(InputError):
        read_mapping(tmp_path / "loop.yaml")


_YAML_PIECES = st.sampled_from(
    [*"abc019:-?[]{},#&*!|>'\"%@`~ \t\n.", ": ", "- ", "\n  ", "---\n", "<<", "!!str ", "1e5", "é"]
)


@settings(max_examples=300)
@given(st.one_of(st.lists(_YAML_PIECES, max_size=30).map("".join), st.text()))
def test_any_text_is_a_document_or_an_input_error(text: str) -> None:
    with contextlib.suppress(InputError):
        assert read_text(text, "test").source == "test"
