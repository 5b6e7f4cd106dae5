"""`reproduce`: what does not go together, and what could not be written, is refused before anything is trained."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Tlm = Callable[..., Any]
STUDY = "architecture-tradeoffs"


@pytest.mark.parametrize(
    ("words", "message", "hint"),
    [
        ("--from . --to .", "--to means nothing where nothing is trained", "leave out --from or --to"),
        ("--from . --workers 2", "--workers means nothing where nothing is trained", "leave out --from or --workers"),
        ("--from . --runs-dir .", "--runs-dir means nothing where kept records are read", "--runs-dir"),
        ("--no-train --stack 2", "--stack means nothing where nothing is trained", "leave out --no-train or --stack"),
        ("--no-train --retries 1", "--retries means nothing where nothing is trained", "--no-train or --retries"),
        ("--no-train --specs .", "--specs means nothing", "leave out --no-train or --specs"),
        ("--no-train", "no sweep of architecture-tradeoffs that is asked for has been begun", "leave out --no-train"),
        ("--again any --seeds 2", "--seeds means nothing where one run is trained again", "leave out --again or --see"),
        ("--again any --to kept", "--to means nothing", "--again or --to"),
        ("--again any --html a.html", "--html means nothing", "--again or --html"),
        ("--again any --from . --findings a.md", "--findings means nothing", "--again or --findings"),
        ("--again any --specs .", "--specs means nothing", "--again or --specs"),
        ("--again any --stack 2", "--stack means nothing", "--again or --stack"),
        ("--again any --no-train", "--no-train means nothing", "--again or --no-train"),
        ("--again any", "no complete run is kept", "--from"),
        ("--findings a.md", "made from the kept records of the whole study", f"reproduce {STUDY} --from FOLDER"),
        ("--no-train --findings a.md", "made from the kept records", "--from FOLDER --findings FILE"),
        ("--from . --findings .", "`.` is a folder", "name a file"),
        ("--from . --findings nowhere/a.md", "there is no folder `nowhere`", "name a file"),
        ("--html nowhere/a.html", "there is no folder `nowhere`", "name a file"),
        ("--to tiny.yaml", "cannot write to tiny.yaml", "name a folder"),
        ("--specs tiny.yaml", "the folder of the specs is no folder", "name the folder that holds the specs"),
        ("--specs nowhere", "the folder of the specs is not there", "name the folder that holds the specs"),
        ("--table a9", "has no table `a9`", "Q7, claims, questions"),
        ("--table question", "has no table `question`", "did you mean `questions`?"),
    ],
)
def test_what_means_nothing_together_is_refused(words: str, message: str, hint: str, tlm: Tlm, spec: Path):
    said = tlm(f"reproduce {STUDY} {words}")
    assert said.code == 2
    assert message in said.err
    assert hint in said.err.split("hint: ")[1]
    assert not said.out
    assert not Path("runs").exists()


def test_keys_may_be_written_in_any_case(tlm: Tlm, records: Path):
    small, large = (tlm("reproduce", STUDY, "--from", records, "--table", key, "--json") for key in ("a4", "A4"))
    assert small.code == 0
    assert [claim["name"] for claim in small.data["claims"]] == ["A4"]
    assert small.out == large.out
    assert len(tlm("reproduce", STUDY, "--from", records, "--table", "CLAIMS", "--json").data["claims"]) == 6
