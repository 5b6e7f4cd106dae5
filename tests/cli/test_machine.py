"""`data`, `doctor` and the global options."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import tlm_sweeps

Tlm = Callable[..., Any]


def test_the_version_is_the_package_s(tlm: Tlm):
    assert tlm("--version").out == f"tlm-sweeps {tlm_sweeps.__version__}\n"


def test_without_a_command_the_help_is_shown(tlm: Tlm):
    said = tlm()
    assert said.code == 0
    assert "Commands:" in said.out


def test_the_default_corpus_is_on_every_machine(tlm: Tlm):
    corpora = {each["name"]: each for each in tlm("data list --json").data}
    assert corpora["python-docs"]["whole"] is True
    assert {"tiny-shakespeare", "ptb", "wikitext-2", "wikipedia-subset"} <= corpora.keys()
    assert tlm("data check python-docs").code == 0
    assert Path(tlm("data get python-docs").out.strip()).is_dir()
    assert "python-docs" in tlm("data list").out


def test_a_damaged_corpus_is_found_out(tlm: Tlm, tmp_path: Path):
    folder = tmp_path / "data" / "tinyshakespeare"
    folder.mkdir(parents=True)
    (folder / "input.txt").write_text("To be, or not\n")
    said = tlm("data check tiny-shakespeare --data-dir data --json")
    assert said.code == 1
    assert [each["ok"] for each in said.data] == [False]
    assert "differs" in tlm("data check tiny-shakespeare --data-dir data").out


def test_the_doctor_finds_what_is_needed_here(tlm: Tlm):
    findings = {each["what"]: each for each in tlm("doctor --json").data}
    assert all(each["ok"] for each in findings.values() if each["needed"])
    assert {"Python", "torch", "cores", "memory", "cache folder", "runs folder"} <= findings.keys()
    assert "torch" in tlm("doctor").out


def test_the_doctor_says_when_nothing_can_be_written(tlm: Tlm, tmp_path: Path):
    (tmp_path / "file").touch()
    said = tlm("doctor --runs-dir file --json")
    assert said.code == 1
    assert [each["what"] for each in said.data if each["needed"] and not each["ok"]] == ["runs folder"]


def test_a_lack_of_git_and_home_does_not_stop_the_doctor(tlm: Tlm, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv("HOME", raising=False)
    monkeypatch.setenv("PATH", str(Path(shutil.which("true") or "/bin/true").parent))
    assert tlm("doctor").code == 0
