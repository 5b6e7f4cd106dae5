"""`reproduce --to`, `--no-train` and `--again`: no complete run is lost, whatever happens while a study is trained."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.studies.study_runs import results_of
from tlm_sweeps import api
from tlm_sweeps.studies.kept import keep, read_kept

Tlm = Callable[..., Any]
STUDY = "architecture-tradeoffs"
CONTEXT = ("reproduce", STUDY, "--table", "context")


def complete(folder: str) -> int:
    """How many complete runs of the context sweep are kept in a folder."""
    kept = read_kept(Path(folder) / STUDY)["tradeoffs-context"]
    return sum(record.state == "complete" for record in kept.records)


def test_complete_runs_that_are_kept_are_not_written_over_by_fewer(tlm: Tlm, small_specs: Path):
    words = (*CONTEXT, "--specs", small_specs, "--workers", "1")
    assert tlm(*words, "--to", "kept").code == 0
    (file,) = Path("kept").rglob("*.json")
    before = file.read_bytes()
    fewer = tlm(*words, "--seeds", "1", "--runs-dir", "others", "--to", "kept")
    assert fewer.code == 2
    assert "6 complete runs of tradeoffs-context are kept here; 3 of them would be lost" in fewer.err
    assert "not among the 3 of the new file" in fewer.err
    assert not Path("others").exists(), "it is said before anything is trained"
    with closing(api.iter_sweep(api.load(small_specs / "sweep-context.yaml"), runs_dir="half", workers=1)) as pictures:
        next(picture for picture in pictures if picture.states.get("complete"))
    half = tlm(*CONTEXT, "--no-train", "--runs-dir", "half", "--to", "kept")
    assert half.code == 2
    assert "would be lost" in half.err
    assert file.read_bytes() == before
    assert tlm(*words, "--to", "kept").code == 0, "the same runs once more lose nothing"


def test_an_interrupted_study_is_kept_as_far_as_it_is_and_can_be_looked_at(tlm: Tlm, small_specs: Path):
    file = small_specs / "sweep-context.yaml"
    file.write_text(file.read_text().replace("windows_per_epoch: 64", "windows_per_epoch: 60000"))
    words = [*CONTEXT, "--specs", str(small_specs), "--workers", "1", "--to", "kept"]
    command = [sys.executable, "-m", "tlm_sweeps", *words]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        watchdog = threading.Timer(100, process.kill)
        watchdog.start()
        assert process.stderr
        next(line for line in process.stderr if "· val " in line)
        process.send_signal(signal.SIGINT)
        out, _ = process.communicate()
        watchdog.cancel()
    assert (process.returncode, out) == (130, "")
    assert 1 <= complete("kept") < 6
    looked = tlm(*CONTEXT, "--no-train", "--to", "more")
    assert looked.code == 0
    assert "· val " not in looked.err
    assert "of 3 rows" in looked.out
    assert complete("more") == complete("kept")


def test_a_sweep_begun_by_another_spec_is_refused_before_any_other_is_trained(tlm: Tlm, small_specs: Path):
    hidden = (small_specs / "sweep-context.yaml").read_text().replace("tradeoffs-context", "tradeoffs-hidden")
    (small_specs / "sweep-hidden.yaml").write_text(hidden)
    with closing(api.iter_sweep(api.load(small_specs / "sweep-hidden.yaml"), workers=1)) as pictures:
        next(pictures)
    (small_specs / "sweep-hidden.yaml").write_text(hidden.replace("batch_size: 8", "batch_size: 16"))
    words = (*CONTEXT, "--table", "hidden", "--specs", small_specs, "--workers", "1")
    refused = tlm(*words)
    assert refused.code == 2
    assert "`tradeoffs-hidden` was begun with another spec" in refused.err
    assert "training.batch_size: 8 → 16" in refused.err
    assert "hint: name another folder of sweeps with --runs-dir, or move `runs/tradeoffs-hidden` away" in refused.err
    assert [path.name for path in Path("runs").iterdir()] == ["tradeoffs-hidden"]
    Path("runs/tradeoffs-hidden").rename("away")
    assert tlm(*words, "--seeds", "1").code == 0


def test_a_kept_run_that_failed_is_said_and_fails_nothing(tlm: Tlm, tmp_path: Path):
    sweep = results_of("sweep-heads.yaml", lambda _, seed: 2.3 + 0.01 * seed)
    failed = sweep.records[0].model_copy(update={"state": "failed", "reason": "diverged: loss is nan"})
    results = type(sweep)(sweep.spec, (failed, *sweep.records[1:]), sweep.curves, 0, "", "tlm-sweeps")
    keep(results, tmp_path / "records" / STUDY)
    said = tlm("reproduce", STUDY, "--from", "records", "--table", "heads")
    assert (said.code, said.err) == (0, "1 run of tradeoffs-heads failed\n")
    again = tlm("reproduce", STUDY, "--from", "records", "--again", failed.run_id)
    assert again.code == 2
    assert f"the kept run `{failed.run_id}` is failed: diverged: loss is nan" in again.err


def test_a_kept_run_that_could_not_be_begun_is_said(tlm: Tlm, tmp_path: Path):
    sweep = results_of("sweep-heads.yaml", lambda _, seed: 2.3 + 0.01 * seed)
    lost = sweep.records[0].model_copy(update={"state": "infeasible", "reason": "`pre/a` left no weights"})
    results = type(sweep)(sweep.spec, (lost, *sweep.records[1:]), sweep.curves, 0, "", "tlm-sweeps")
    keep(results, tmp_path / "records" / STUDY)
    said = tlm("reproduce", STUDY, "--from", "records", "--table", "heads")
    assert said.code == 0
    assert "1 run of tradeoffs-heads could not be begun: `pre/a` left no weights" in said.err


def test_a_run_that_fails_while_a_study_is_trained_leaves_with_1(tlm: Tlm, small_specs: Path):
    file = small_specs / "sweep-context.yaml"
    file.write_text(file.read_text().replace("batch_size: 8,", "batch_size: 8, learning_rate: 1e30,"))
    trained = tlm(*CONTEXT, "--specs", small_specs, "--workers", "1", "--seeds", "1")
    assert trained.code == 1
    assert "3 runs of tradeoffs-context failed" in trained.err
    assert tlm(*CONTEXT, "--no-train").code == 0


def test_a_run_is_drawn_from_the_tables_that_are_asked_for(tlm: Tlm, records: Path):
    words = ("reproduce", STUDY, "--from", records, "--again", "tradeoffs-heads-t0001-s9")
    wrong = tlm(*words)
    assert wrong.code == 2
    assert wrong.err.split("hint: ")[1].count("`") == 6, "three names"
    other = tlm(*words, "--table", "depth")
    assert "no complete run is kept" in other.err


@pytest.mark.parametrize("name", ["notes.json", "tradeoffs-context.json"])
def test_a_kept_file_that_cannot_be_read_is_said(name: str, tlm: Tlm, records: Path):
    (records / STUDY / name).write_bytes(b'{"command": "\xff"}')
    said = tlm("reproduce", STUDY, "--from", records)
    assert said.code == 2
    assert "cannot be read: it is not UTF-8: byte 14 is 0xff" in said.err
    assert name in said.err
