"""What a user can get wrong: exit code 2, the value and a hint, no traceback, nothing written."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Tlm = Callable[..., Any]
WRONG = {
    "a spec that is not there": ("sweep swep.yaml", "no such spec `swep.yaml`"),
    "a misspelt spec": ("sweep tinny.yaml", "did you mean `tiny.yaml`?"),
    "an unknown key": ("sweep tiny.yaml --set model.dept=3", "did you mean `model.depth`?"),
    "a wrong type": ("sweep tiny.yaml --set model.depth=1.5", "whole number"),
    "an unknown sampler": ("sweep tiny.yaml --set engine.sampler=tp", "did you mean `tpe`?"),
    "an unknown corpus": ("sweep tiny.yaml --set corpus.name=python-doc", "did you mean `python-docs`?"),
    "a corpus that is not here": ("sweep tiny.yaml --set corpus={name: ptb}", "ptb"),
    "a context longer than the text": ("sweep tiny.yaml --set model.context=2000", "at most 1999"),
    "a budget below one step": ("sweep tiny.yaml --set budget.flops=1e6", "less than one step"),
    "an impossible shape": ("sweep tiny.yaml --set search=null --set baselines=null --set model.heads=3", "divisible"),
    "a name that is a path": ("sweep tiny.yaml --set name=../up", "cannot be a name"),
    "a runs folder that is a file": ("sweep tiny.yaml --runs-dir tiny.yaml", "--runs-dir"),
    "a data folder that is not there": ("plan tiny.yaml --set corpus={name: ptb} --data-dir nowhere", "nowhere"),
    "no number of workers": ("sweep tiny.yaml --workers many", "whole number from 1"),
    "no workers": ("sweep tiny.yaml --workers 0", "whole number from 1"),
    "fewer retries than none": ("sweep tiny.yaml --retries -1", "0 lets a run fail with its first worker"),
    "an empty spec": ("spec check empty.yaml", "empty"),
    "a spec that is no text": ("spec check binary.yaml", "not UTF-8"),
    "an empty text": ("sweep tiny.yaml --set corpus={path: empty.yaml}", "no text"),
    "a text that is no text": ("sweep tiny.yaml --set corpus={path: binary.yaml}", "UTF-8"),
    "an unknown command": ("swep tiny.yaml", "did you mean `sweep`?"),
    "an unknown option": ("sweep tiny.yaml --worker 2", "did you mean --workers?"),
    "no spec at all": ("sweep", "missing argument `SPEC`"),
    "an unknown format": ("export tiny --format xml", "json"),
    "a sweep that is not there": ("status other", "no sweep `other`"),
    "a sweep that is a path": ("report ../../etc", "is no sweep name"),
    "no sweeps at all": ("status", "no sweeps in runs"),
    "an unknown corpus to get": ("data get shakespear", "tiny-shakespeare"),
    "a template where there is no folder": ("init nowhere/sweep.yaml", "cannot write"),
    "a template with an impossible name": ("init other.yaml --name a/b", "a/b"),
}


@pytest.mark.parametrize(("line", "said"), WRONG.values(), ids=WRONG.keys())
def test_wrong_input_is_explained_and_leaves_nothing_behind(tlm: Tlm, spec: Path, line: str, said: str):
    spec.with_name("empty.yaml").write_bytes(b"")
    spec.with_name("binary.yaml").write_bytes(b"\xff\xfe\x00name")
    before = sorted(spec.parent.rglob("*"))
    answer = tlm(*_words(line))
    assert answer.code == 2
    assert answer.err.startswith("error: ")
    assert said in answer.err
    assert "\nhint: " in answer.err
    assert "Traceback" not in answer.err
    assert answer.out == ""
    assert sorted(spec.parent.rglob("*")) == before


def _words(line: str) -> list[str]:
    """Split at blanks outside braces."""
    words: list[str] = []
    for word in line.split(" "):
        if words and words[-1].count("{") > words[-1].count("}"):
            words[-1] += f" {word}"
        else:
            words.append(word)
    return words


def test_an_infeasible_field_is_shown_with_its_line(tlm: Tlm, spec: Path):
    spec.write_text(spec.read_text().replace("context: 16", "context: 1999999"))
    answer = tlm("sweep", spec, "--set", "search=null", "--set", "baselines=null")
    assert f"at {spec}:5 experiment.model.context" in answer.err


def test_all_problems_of_a_spec_are_told_at_once(tlm: Tlm, spec: Path):
    answer = tlm("spec", "check", spec, "--set", "model.depth=0", "--set", "training.batch_size=many")
    assert answer.err.count("error: ") == 2


def test_markup_and_escape_codes_of_the_input_are_shown_and_not_obeyed(tlm: Tlm):
    answer = tlm("sweep", "[red]x[/red]\x1b[31m.yaml")
    assert "[red]x[/red]\\x1b[31m.yaml" in answer.err
    assert "\x1b" not in answer.err


def test_debug_shows_the_traceback_wherever_it_stands(tlm: Tlm):
    assert "Traceback" in tlm("sweep", "nothing.yaml", "--debug").err
    assert "Traceback" in tlm("--debug", "sweep", "nothing.yaml").err


@pytest.mark.parametrize("written", ["soon", "0", "-3", "nan", "1e9"])
def test_an_impossible_time_between_checkpoints_is_refused(
    tlm: Tlm, spec: Path, monkeypatch: pytest.MonkeyPatch, written: str
):
    monkeypatch.setenv("TLM_CHECKPOINT_SECONDS", written)
    before = sorted(spec.parent.rglob("*"))
    answer = tlm("sweep", spec)
    assert answer.code == 2
    assert f"`{written}` is no number of seconds" in answer.err
    assert "leave TLM_CHECKPOINT_SECONDS unset" in answer.err
    assert sorted(spec.parent.rglob("*")) == before


@pytest.mark.parametrize("written", ["soon", "0", "nan", "1e9"])
def test_an_impossible_time_until_a_worker_is_stuck_is_refused(
    tlm: Tlm, spec: Path, monkeypatch: pytest.MonkeyPatch, written: str
):
    monkeypatch.setenv("TLM_STUCK_SECONDS", written)
    before = sorted(spec.parent.rglob("*"))
    answer = tlm("sweep", spec)
    assert answer.code == 2
    assert f"`{written}` is no number of seconds" in answer.err
    assert "leave TLM_STUCK_SECONDS unset" in answer.err
    assert sorted(spec.parent.rglob("*")) == before
