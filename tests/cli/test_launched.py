"""What reads sweeps, of one that was launched at W&B: found under its name, and nobody is asked."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tlm_sweeps import api
from tlm_sweeps.errors import InputError
from tlm_sweeps.search.wandb.launched import FILE, LaunchedSweep, write_launched

Tlm = Callable[..., Any]
PAGE = "https://wandb.example/ann/tlm/sweeps/abcd1234"


@pytest.fixture
def launched(spec: Path, tmp_path: Path) -> LaunchedSweep:
    """A sweep `shapes` as its launch left it in `runs`."""
    sweep = LaunchedSweep(
        id="abcd1234",
        entity="ann",
        project="tlm",
        base_url="https://wandb.example",
        url=PAGE,
        fingerprint="0" * 16,
        spec=api.load(spec, ["name=shapes"]),
        created_at="2025-07-01T12:00:00+00:00",
    )
    write_launched(tmp_path / "runs" / "shapes", sweep)
    return sweep


def test_status_says_where_the_sweep_is_and_what_tells_of_it(tlm: Tlm, launched: LaunchedSweep):
    for words in (["status", "shapes"], ["status"]):
        said = tlm(*words)
        assert (said.code, said.err) == (0, "")
        for known in ("W&B sweep", launched.path, PAGE, "tlm-sweeps report shapes"):
            assert known in said.out
    facts = tlm("status shapes --json").data
    assert (facts["sweep"], facts["path"], facts["page"]) == ("shapes", "ann/tlm/abcd1234", PAGE)
    assert facts["question"] == launched.spec.question


def test_watching_a_sweep_of_wandb_is_for_its_page(tlm: Tlm, launched: LaunchedSweep):
    said = tlm("status shapes --watch")
    assert (said.code, said.out) == (2, "")
    assert PAGE in said.err


def test_list_shows_both_kinds(tlm: Tlm, launched: LaunchedSweep, runs: Path):
    shutil.copytree(runs / "tiny", "runs/tiny")
    said = tlm("list")
    assert said.code == 0
    (line,) = [line for line in said.out.splitlines() if "shapes" in line]
    assert "W&B" in line
    assert "ann/tlm/abcd1234" in line
    assert any(line.startswith("tiny") for line in said.out.splitlines())
    assert {each["sweep"]: each.get("path") for each in tlm("list --json").data} == {
        "tiny": None,
        "shapes": "ann/tlm/abcd1234",
    }


def test_list_shows_launched_sweeps_where_there_are_no_others(tlm: Tlm, launched: LaunchedSweep):
    said = tlm("list")
    assert (said.code, said.err) == (0, "")
    assert "ann/tlm/abcd1234" in said.out


def test_what_cannot_be_read_does_not_hide_the_others(tlm: Tlm, launched: LaunchedSweep):
    other = Path("runs/broken")
    other.mkdir()
    (other / FILE).write_text("{")
    said = tlm("list --json")
    assert (said.code, [each["sweep"] for each in said.data]) == (1, ["shapes"])
    assert "runs/broken/wandb-sweep.json" in said.err


def test_a_sweep_that_was_searched_here_and_uploaded_stays_one_of_here(tlm: Tlm, launched: LaunchedSweep, runs: Path):
    shutil.copytree(runs / "tiny", "runs/tiny")
    write_launched(Path("runs/tiny"), launched.model_copy(update={"made_by": "sync"}))
    assert tlm("status tiny --json").data["trials_over"] == 3
    assert [each["sweep"] for each in tlm("list --json").data] == ["tiny", "shapes"]


@pytest.mark.parametrize("command", ["status", "export", "report"])
def test_a_misspelt_name_is_answered_with_the_launched_sweeps_too(tlm: Tlm, launched: LaunchedSweep, command: str):
    said = tlm(command, "shape")
    assert said.code == 2
    assert "did you mean `shapes`?" in said.err


def test_only_names_that_a_command_can_use_are_proposed(tlm: Tlm, launched: LaunchedSweep, runs: Path):
    shutil.copytree(runs / "tiny", "runs/tiny")
    said = tlm("export other --format optuna")
    assert (said.code, said.err.splitlines()[-1]) == (2, "hint: valid: tiny")
    assert tlm("export other").err.splitlines()[-1] == "hint: valid: shapes, tiny"


def test_a_path_at_wandb_is_no_sweep_of_here(tlm: Tlm):
    said = tlm("status ann/tlm/abcd1234")
    assert said.code == 2
    assert "`ann/tlm/abcd1234` is a W&B sweep" in said.err
    assert "hint: `tlm-sweeps report ann/tlm/abcd1234`" in said.err


def test_the_api_says_the_same(launched: LaunchedSweep):
    assert api.launched("shapes") == launched
    assert api.launched("nothing") is None
    with pytest.raises(InputError, match="ann/tlm/abcd1234"):
        api.status("shapes")
