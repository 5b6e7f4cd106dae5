"""Submitting: what is refused before anything is, what is written down, and what `status` says afterwards."""

import json
import shlex
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.launching.conftest import SPEC, Programs, Said
from tlm_sweeps.runs.ledger_lock import held
from tlm_sweeps.spec.loading import load_sweep

Tlm = Callable[[str], Said]
SUBMIT = "sweep small.yaml --launch slurm --time 10"


def script_words(folder: Path = Path("runs/small")) -> list[str]:
    """The command of the job's script, as a shell reads it."""
    return shlex.split((folder / "slurm" / "job.sh").read_text().splitlines()[-1])


@pytest.mark.parametrize(
    ("words", "value", "place"),
    [
        ("sweep small.yaml --nodes 2", "--nodes", "--nodes"),
        ("sweep small.yaml --requeue", "--requeue", "--requeue"),
        ("sweep small.yaml --slurm-option=--qos=low", "--slurm-option", "--slurm-option"),
        (f"{SUBMIT} --time 4h", "4h", "--time"),
        (f"{SUBMIT} --slurm-option=--array=1-4", "--array", "--slurm-option"),
        (f"{SUBMIT} --partition ''", "``", "--partition"),
        (f"{SUBMIT} --workers many", "many", "--workers"),
        (f"{SUBMIT} --device tpu", "tpu", "--device"),
        (f"{SUBMIT} --set budget.flops=1e3", "budget.flops", "budget.flops"),
        (f"{SUBMIT} --set experiment.corpus.name=nowhere", "nowhere", "corpus"),
        (f"{SUBMIT} --engine wandb", "W&B", "--launch"),
    ],
)
def test_what_cannot_be_run_is_refused_and_nothing_is_submitted_or_written(
    words: str, value: str, place: str, tlm: Tlm, programs: Programs
):
    said = tlm(words)
    assert said.code == 2, said
    assert value in said.err
    assert place in said.err
    assert programs.asked("sbatch") is None
    assert not Path("runs").exists()


def test_without_slurm_the_hint_is_where_to_type_it(tlm: Tlm, programs: Programs):
    (programs.folder / "sbatch").unlink()
    said = tlm(SUBMIT)
    assert said.code == 2
    assert "`sbatch`" in said.err
    assert not Path("runs").exists()


def test_a_job_is_submitted_with_what_was_asked_for_and_told(tlm: Tlm, programs: Programs):
    said = tlm(f"{SUBMIT} --workers 3 --requeue --slurm-option=--qos=low --data-dir data")
    assert said.code == 0, said.err
    assert "job: 7" in said.out
    assert "tlm-sweeps status small" in said.err
    asked = programs.asked("sbatch")
    assert asked is not None
    assert {"--time=10", "--cpus-per-task=3", "--requeue", "--qos=low"} <= set(asked)
    assert Path(asked[-1]).read_text().startswith("#!/bin/bash\n")
    words = script_words()
    assert "--requeue" in words
    assert f"--runs-dir={Path('runs').resolve()}" in words
    assert f"--data-dir={Path('data').resolve()}" in words
    assert "--workers=3" in words


def test_the_job_reads_a_copy_that_has_what_was_set(tlm: Tlm, programs: Programs):
    assert tlm(f"{SUBMIT} --set model.width=32 --set name=other").code == 0
    Path("small.yaml").unlink()
    words = script_words(Path("runs/other"))
    copied = load_sweep(words[words.index("sweep") + 1]).spec
    Path("small.yaml").write_text(SPEC)
    assert copied == load_sweep("small.yaml", ["model.width=32", "name=other"]).spec


def test_a_chain_is_copied_with_all_that_it_is_after(tlm: Tlm, programs: Programs):
    Path("deep").mkdir()
    Path("first.yaml").write_text(SPEC.replace("small", "first"))
    Path("deep/last.yaml").write_text(SPEC.replace("small", "last") + "after: [../first.yaml]\n")
    said = tlm("sweep deep/last.yaml --launch slurm")
    assert said.code == 0, said.err
    words = script_words(Path("runs/last"))
    Path("first.yaml").unlink()
    assert [each.spec.name for each in load_sweep(words[words.index("sweep") + 1]).links] == ["first"]


def test_what_slurm_refuses_is_passed_on_without_secrets(tlm: Tlm, programs: Programs, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("SITE_TOKEN", "verysecretword")
    programs.plays("sbatch", code=1, problem="sbatch: error: invalid partition: nope verysecretword")
    said = tlm(f"{SUBMIT} --partition nope")
    assert said.code == 2
    assert "invalid partition: nope" in said.err
    assert "verysecretword" not in said.err
    assert "job.sh" in said.err
    assert tlm("status small").code == 2, "no job is remembered"


@pytest.mark.parametrize(("state", "word"), [("PENDING", "pending"), ("RUNNING", "running"), ("COMPLETING", "running")])
def test_a_second_job_beside_the_first_is_refused_with_its_number(state: str, word: str, tlm: Tlm, programs: Programs):
    assert tlm(SUBMIT).code == 0
    first = programs.asked("sbatch")
    programs.plays("squeue", f"%COMMENT%\\x1f7\\x1f{state}\\x1fPriority")
    said = tlm(SUBMIT)
    assert said.code == 2
    assert "job 7" in said.err
    assert word in said.err
    assert programs.asked("sbatch") == first


def test_a_job_that_is_over_is_followed_by_the_next(tlm: Tlm, programs: Programs):
    assert tlm(SUBMIT).code == 0
    programs.plays("squeue", "%COMMENT%\\x1f7\\x1fTIMEOUT\\x1fTimeLimit")
    said = tlm("status small")
    assert "timeout" in said.out
    assert "tlm-sweeps sweep small.yaml --launch slurm" in said.out, "the same command goes on"
    programs.plays("sbatch", "8")
    assert tlm(SUBMIT).code == 0


def test_when_slurm_does_not_answer_no_second_job_is_submitted(tlm: Tlm, programs: Programs):
    assert tlm(SUBMIT).code == 0
    programs.plays("squeue", code=1, problem="Unable to contact slurm controller")
    said = tlm(SUBMIT)
    assert said.code == 2
    assert "Unable to contact slurm controller" in said.err


def test_another_job_with_the_same_number_is_not_taken_for_ours(tlm: Tlm, programs: Programs):
    assert tlm(SUBMIT).code == 0
    programs.plays("squeue", "somebody\\x1f7\\x1fRUNNING\\x1fNone")
    said = tlm("status small --json")
    assert json.loads(said.out)["job"]["stage"] == "unknown"
    assert "it was lost" in tlm("status small").out


def test_status_shows_what_is_known_where_there_is_no_slurm(tlm: Tlm, programs: Programs):
    assert tlm(SUBMIT).code == 0
    (programs.folder / "squeue").unlink()
    said = tlm("status small")
    assert said.code == 0
    assert "Slurm job 7" in said.out
    assert "Slurm is not on this machine" in said.out
    facts = json.loads(tlm("status --json").out)
    assert facts["job"]["id"] == "7"
    assert facts["job"]["stage"] == "unanswered"


def test_accounts_remember_what_the_queue_has_forgotten(tlm: Tlm, programs: Programs):
    assert tlm(SUBMIT).code == 0
    programs.plays("sacct", "CANCELLED by 1000|0:0")
    facts = json.loads(tlm("status small --json").out)["job"]
    assert (facts["stage"], facts["state"]) == ("over", "CANCELLED by 1000")


def test_a_sweep_that_runs_here_is_not_submitted(tlm: Tlm, programs: Programs):
    with held(Path("runs/small")):
        said = tlm(SUBMIT)
    assert said.code == 2
    assert "already running" in said.err
    assert programs.asked("sbatch") is None


def test_a_link_in_the_folder_is_not_written_through(tlm: Tlm, programs: Programs, tmp_path: Path):
    Path("runs/small").mkdir(parents=True)
    Path("runs/small/slurm").symlink_to(tmp_path / "elsewhere")
    said = tlm(SUBMIT)
    assert said.code == 2
    assert "link" in said.err
    assert not (tmp_path / "elsewhere").exists()
