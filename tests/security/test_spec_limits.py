"""Whatever a spec file holds, it is a sweep or an `InputError`, in less than a second and 100 MB."""

from __future__ import annotations

import contextlib
import resource
import time
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from tests.cli.conftest import SPEC
from tlm_sweeps.errors import InputError
from tlm_sweeps.spec.loading import load_sweep
from tlm_sweeps.spec.yaml_source import MAX_BYTES, MAX_VALUES

_CPU_SECONDS = 1.0
_BYTES = 100 * 2**20
_ALL_KINDS = "model.kind: [linear, mlp, attention, bert, transformer]"


def _load(content: bytes, folder: Path) -> tuple[str, float]:
    """What is said of a file, if it is refused, and the processor's time it took."""
    path = folder / "spec.yaml"
    path.write_bytes(content)
    begun, said = time.process_time(), ""
    try:
        load_sweep(path)
    except InputError as error:
        said = str(error)
    return said, time.process_time() - begun


def _filled(unit: Callable[[int], str], most: int) -> str:
    """As many units as a spec may have, by its size and by the number of its values."""
    text = "".join(unit(number) for number in range(most))
    return text[: MAX_BYTES - 3000]


def _searching(lines: str) -> str:
    return SPEC.replace("search:\n", f"search:\n{lines}").replace("  model.depth: [1, 2]\n", "")


MANY = MAX_VALUES - 100
LARGE: dict[str, str] = {
    "numbers": f"a: [{_filled(lambda _: '1,', 10**6)}]",
    "empty mappings": f"a: [{_filled(lambda _: '{},', 10**6)}]",
    "keys": _filled(lambda k: f"k{k}: 1\n", MANY),
    "keys like a field": _filled(lambda k: f"{'learning_rat' * 8}{k}: 1\n", 1100),
    "keys of a section": f"{SPEC}\n" + "training:\n" + _filled(lambda k: f"  k{k}: 1\n", MANY),
    "brackets": "a: " + "[" * (MAX_BYTES - 10),
    "braces": "a: " + "{a: " * (MAX_BYTES // 5),
    "dashes": "- " * (MAX_BYTES // 2),
    "question marks": "? " * (MAX_BYTES // 2),
    "digits": "a: " + "9" * (MAX_BYTES - 10),
    "an exponent": "a: 1e" + "9" * (MAX_BYTES - 10),
    "a quote": 'a: "' + "x" * (MAX_BYTES - 10),
    "escapes": 'a: "' + "\\x41" * (MAX_BYTES // 5) + '"',
    "line breaks": "\n" * (MAX_BYTES - 1),
    "comments": "# \n" * (MAX_BYTES // 3),
    "a tag": "a: !" + "x" * (MAX_BYTES - 10),
    "a name": SPEC.replace("name: tiny", "name: " + "x" * 200_000),
    "choices": _searching(f"  training.batch_size: [{', '.join(map(str, range(1, MANY)))}]\n"),
    "wrong choices": _searching(f"  {_ALL_KINDS}\n  model.dropout: [{', '.join(map(str, range(1, MANY)))}]\n"),
    "wrong names": _searching("".join(f"  model.k{k}: [1]\n" for k in range(1100))),
    "baselines": SPEC.replace(
        "baselines:\n", "baselines:\n" + "".join(f"  b{k}: {{model.depth: 1}}\n" for k in range(1100))
    ),
    "wrong tags": SPEC + f"tracking: {{tags: [{_filled(lambda _: '1,', MANY)}]}}\n",
}
HUGE_NUMBERS: dict[str, str] = {
    "steps without number": "  training.weight_decay: {uniform: [1, 1e300], step: 1e-300}\n",
    "ranges as wide as numbers go": "".join(
        f"  training.{name}: {{int_uniform: [1, 1e300]}}\n" for name in ("weight_decay", "clip", "learning_rate")
    ),
    "whole numbers beyond floats": f"  training.batch_size: [{'9' * 4000}]\n",
}


@pytest.mark.parametrize("text", LARGE.values(), ids=LARGE.keys())
def test_a_large_spec_is_answered_within_a_second(text: str, tmp_path: Path) -> None:
    assert len(text.encode()) <= MAX_BYTES
    said, seconds = _load(text.encode(), tmp_path)
    assert seconds < _CPU_SECONDS
    assert len(said) < 20_000


@pytest.mark.parametrize("lines", HUGE_NUMBERS.values(), ids=HUGE_NUMBERS.keys())
def test_huge_numbers_are_answered(lines: str, tmp_path: Path) -> None:
    _load(_searching(lines).encode(), tmp_path)


@pytest.mark.parametrize("name", ["numbers", "choices", "brackets", "escapes", "digits"])
def test_a_large_spec_takes_little_memory(name: str, tmp_path: Path) -> None:
    tracemalloc.start()
    try:
        _load(LARGE[name].encode(), tmp_path)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < _BYTES


def test_of_many_problems_the_first_are_told_and_that_there_are_more(tmp_path: Path) -> None:
    said, _ = _load(LARGE["keys"].encode(), tmp_path)
    assert "unknown key `k0`" in said
    assert "there are more problems than these" in said
    assert "there are more" not in _load(b"a: 1\nb: 2\n", tmp_path)[0]


_AT = st.integers(0, len(SPEC))
_BITS = st.sampled_from(
    [
        *"{}[]:,-#&*!|>'\"%@`~?\t\n",
        ": ",
        "null",
        "true",
        "-1",
        "0",
        "1e999",
        "9" * 400,
        ".nan",
        "!!python/name:os",
        "<<: *a",
        "\x00",
        "\ufeff",
        "\ud7ff",
        "../",
        "{uniform: [1, 0]}",
        "{log_uniform: [0, 1e308]}",
        "[[[[",
        "kind: bert",
        "\n  ",
        "auto",
    ]
)
_EDITS = st.lists(st.tuples(_AT, st.integers(0, 30), _BITS), min_size=1, max_size=4)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(_EDITS)
@example([(0, len(SPEC), "")])
def test_a_valid_spec_with_any_edits_is_a_sweep_or_refused(tmp_path: Path, edits: list[tuple[int, int, str]]) -> None:
    text = SPEC
    for at, gone, new in edits:
        text = text[:at] + new + text[at + gone :]
    _, seconds = _load(text.encode(), tmp_path)
    assert seconds < _CPU_SECONDS


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=2000) | st.text(max_size=500).map(lambda text: text.encode("utf-16")))
def test_any_bytes_are_a_sweep_or_refused(tmp_path: Path, content: bytes) -> None:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    _, seconds = _load(content, tmp_path)
    assert seconds < _CPU_SECONDS
    assert (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024 < _BYTES


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.sampled_from(["name", "model.depth", "search", "seeds", "budget.flops", "corpus", "engine", "baselines"]),
    _BITS | st.text(),
)
def test_any_override_is_taken_or_refused(tmp_path: Path, name: str, value: str) -> None:
    path = tmp_path / "spec.yaml"
    path.write_text(SPEC)
    with contextlib.suppress(InputError):
        load_sweep(path, [f"{name}={value}"])
