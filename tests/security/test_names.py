"""No name leads out of its folder, nothing is written through a link, and another user's folder is not written to."""

from __future__ import annotations

import json
import os
import re
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from tlm_sweeps.corpora.places import cache_folder
from tlm_sweeps.errors import InputError
from tlm_sweeps.report.wandb.told import HeldRun, names_of
from tlm_sweeps.runs.folders import sweep_folder
from tlm_sweeps.runs.ledger import FILE, reading, writing
from tlm_sweeps.runs.record import Record
from tlm_sweeps.spec.sweep import SweepSpec
from tlm_sweeps.studies.kept import read_kept
from tlm_sweeps.tracking.wandb_paths import sweep_path

Tlm = Callable[..., Any]

PATHS = ["../x", "..", ".", "/tmp/x", "a/../../x", "a/b", "a\\b", "~root", "x\0y", "-rf", "a\n", "$(id)", "file:///x"]  # noqa: S108 - a name that is refused
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a folder away")


@pytest.mark.parametrize("name", PATHS)
def test_a_spec_takes_no_path_for_a_name(name: str, make_spec: Callable[..., SweepSpec]) -> None:
    experiment = make_spec().experiment.model_dump(mode="json", exclude_unset=True)
    named: list[dict[str, Any]] = [
        {"name": name},
        {"baselines": {name: {"model.kind": "linear"}}},
        {"experiment": experiment | {"corpus": {"name": name}}},
        {"experiment": experiment | {"start_from": name if "/" in name else f"sweep/{name}"}},
        {"tracking": {"project": name}},
        {"tracking": {"entity": name}},
    ]
    for changes in named:
        if changes.get("experiment", {}).get("start_from") == "a/b":
            continue  # a run of a sweep
        with pytest.raises(ValidationError):
            make_spec(**changes)


@pytest.mark.parametrize("name", PATHS)
def test_no_command_takes_a_path_for_a_sweep(name: str, tlm: Tlm, tmp_path: Path) -> None:
    before = sorted(tmp_path.rglob("*"))
    for command in ("status", "report", "export", "sync"):
        said = tlm(command, "--", name)
        assert said.code == 2
        assert "Traceback" not in said.err
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.parametrize("name", [each for each in PATHS if each != "a/b"])
def test_a_run_cannot_be_called_by_a_path(name: str, make_record: Callable[..., Record]) -> None:
    with pytest.raises(ValidationError):
        make_record(run_id=name)


def test_a_ledger_that_names_a_run_by_a_path_is_not_trained(tlm: Tlm, runs: Path, tmp_path: Path) -> None:
    shutil.copytree(runs, tmp_path / "runs")
    ledger = sqlite3.connect(tmp_path / "runs" / "tiny" / FILE)
    with ledger:
        rewritten = "json_remove(replace(record, 'tiny-0000-s0', '../../escaped'), '$.checksum')"
        ledger.execute(
            f"UPDATE runs SET run_id = '../../escaped', state = 'waiting', record = {rewritten} "  # noqa: S608 - fixed words
            "WHERE run_id = 'tiny-0000-s0'"
        )
    ledger.close()
    said = tlm("sweep", runs / "tiny.yaml", "--runs-dir", tmp_path / "runs", "--workers", "1")
    assert said.code == 1
    assert "cannot be read: run_id" in said.err
    assert not list(tmp_path.rglob("escaped"))


def test_a_kept_record_that_names_a_run_by_a_path_is_refused(
    make_record: Callable[..., Record], make_spec: Callable[..., SweepSpec], tmp_path: Path
) -> None:
    kept = {
        "command": "",
        "spec": make_spec().model_dump(mode="json", exclude_unset=True),
        "spent_flops": 0,
        "created_at": "",
        "records": [make_record().model_dump(mode="json") | {"run_id": "../../x"}],
        "curves": {},
    }
    (tmp_path / "quickstart.json").write_text(json.dumps(kept))
    with pytest.raises(InputError, match=r"records\.0\.run_id"):
        read_kept(tmp_path)


@pytest.mark.parametrize("name", ["../../x", "/etc/x", "a/b", ".ssh"])
def test_what_wandb_calls_a_run_becomes_a_name(name: str) -> None:
    told = HeldRun("ab12", "finished", "", "", {"run_id": name}, {})
    mine = HeldRun(name, "finished", "", "", {}, {})
    names = names_of([told, mine])
    assert names["ab12"] == "ab12"
    assert re.fullmatch(r"[A-Za-z0-9_-]+", names[name])


@pytest.mark.parametrize("path", ["a/b/..", "../b/c", "a/../c", "a/b/.ssh", "a/b/c%2f..%2fd", "a/b/c\\..\\d"])
def test_a_wandb_path_leads_nowhere_else(path: str) -> None:
    for written in (path, f"https://wandb.ai/{path}"):
        with pytest.raises(InputError):
            sweep_path(written)


@pytest.fixture
def elsewhere(tmp_path: Path) -> Iterator[Path]:
    """A folder that nothing may be written to."""
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    yield folder
    assert list(folder.iterdir()) == []


def test_a_sweep_that_is_a_link_is_refused_with_its_target(tlm: Tlm, spec: Path, elsewhere: Path) -> None:
    Path("runs").mkdir()
    Path("runs/tiny").symlink_to(elsewhere)
    said = tlm("sweep", spec)
    assert (said.code, str(elsewhere) in said.err) == (2, True)


@pytest.mark.parametrize("inside", [FILE, "ledger.lock", f"{FILE}-wal", "tiny-0000-s0"])
def test_a_link_inside_a_sweep_is_refused_with_its_target(inside: str, tmp_path: Path, elsewhere: Path) -> None:
    folder = sweep_folder(tmp_path, "tiny")
    folder.mkdir()
    (folder / inside).symlink_to(elsewhere / "new")
    with pytest.raises(InputError, match=str(elsewhere)), writing(folder):
        pass


def test_a_link_inside_a_run_fails_the_run_and_is_not_followed(tlm: Tlm, spec: Path, elsewhere: Path) -> None:
    alone = ("--set", "search={model.depth: [1]}", "--set", "baselines=null", "--workers", "1", "--no-report")
    run = Path("runs/tiny/tiny-0000-s0")
    with writing(sweep_folder(Path("runs"), "tiny")):
        pass
    run.mkdir()
    (run / "metrics.jsonl").symlink_to(elsewhere / "new")
    said = tlm("sweep", spec, *alone)
    assert said.code == 1
    assert "is a link to" in said.err


@as_root
def test_a_sweep_of_another_user_is_read_and_not_written(tmp_path: Path) -> None:
    folder = sweep_folder(tmp_path, "theirs")
    with writing(folder):
        pass
    os.chown(folder, 12345, 12345)
    with reading(folder) as ledger:
        assert ledger.states() == {}
    with pytest.raises(InputError, match="belongs to user 12345"), writing(folder):
        pass


def _link(folder: Path) -> None:
    (folder.parent / "target").mkdir()
    folder.symlink_to(folder.parent / "target")


def _open_to_all(folder: Path) -> None:
    folder.mkdir()
    folder.chmod(0o777)


@pytest.mark.parametrize("prepare", [_link, _open_to_all])
def test_a_cache_that_somebody_prepared_in_the_temporary_folder_is_not_used(
    prepare: Callable[[Path], None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    (tmp_path / "a file").touch()
    monkeypatch.setenv("TLM_CACHE", str(tmp_path / "a file" / "cache"))
    prepare(tmp_path / f"tlm_sweeps-{os.getuid()}")
    with pytest.raises(InputError, match="no cache folder"):
        cache_folder()


def test_the_cache_that_is_made_is_private(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TLM_CACHE", str(tmp_path / "cache"))
    assert cache_folder().stat().st_mode & 0o077 == 0


def test_others_cannot_write_what_a_sweep_leaves(runs: Path) -> None:
    files = [runs / "tiny", *(runs / "tiny").rglob("*")]
    assert [file for file in files if file.stat().st_mode & 0o002] == []
    assert {file.name for file in files} >= {FILE, "ledger.lock", "model.safetensors"}
