"""What a job may be asked to have, and as which words Slurm is told."""

import re
import shlex
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tlm_sweeps.errors import InputError
from tlm_sweeps.launching.asked import Asked, ensure_valid, sbatch_words, seconds_of
from tlm_sweeps.launching.script import script_text


@pytest.mark.parametrize(
    ("written", "seconds"),
    [("90", 5400), ("90:30", 5430), ("4:00:00", 14400), ("1-0", 86400), ("1-6:30", 109800), ("0-0:3:1", 181)],
)
def test_a_time_limit_is_read_as_slurm_reads_it(written: str, seconds: int):
    assert seconds_of(written) == seconds
    ensure_valid(Asked(time=written))


@pytest.mark.parametrize("written", ["4h", "", "0", "2", "0:02:59", "-5", "1:2:3:4", "UNLIMITED", "4:00:00 ", "٤"])
def test_a_time_limit_that_is_none_or_leaves_no_time_to_leave_is_refused(written: str):
    with pytest.raises(InputError) as refused:
        ensure_valid(Asked(time=written))
    assert refused.value.problems[0].place == "--time"
    assert written in refused.value.problems[0].message


NO_OPTIONS = ("qos=low", "", "--", "job.sh", "-q low\n", "--QOS=low", "--qos=a\x00b")
OURS = ("--wrap=id", "--array=1-9", "-a1-9", "-N4", "--sig=TERM", "--time=5", "--output=x", "-o", "--comment=x", "-Dx")


@pytest.mark.parametrize("option", [*NO_OPTIONS, *OURS, "--no-requeue", "--parsable"])
def test_options_that_would_make_it_another_job_are_refused(option: str):
    with pytest.raises(InputError) as refused:
        ensure_valid(Asked(options=(option,)))
    assert refused.value.problems[0].place == "--slurm-option"


@pytest.mark.parametrize("option", ["--qos=low", "-qlow", "--mem=4G", "-c8", "--nodelist=n[1-2]", "--mail-user=a b"])
def test_other_options_are_handed_on(option: str):
    ensure_valid(Asked(options=(option,)))
    assert option in words(Asked(options=(option,)))


@pytest.mark.parametrize("name", ["", " ", "a\nb", "=x"])
def test_what_is_no_name_of_a_partition_is_refused(name: str):
    with pytest.raises(InputError):
        ensure_valid(Asked(partition=name))


def words(asked: Asked, cores: int | None = None) -> list[str]:
    return sbatch_words(asked, cores=cores, name="tlm-small", comment="token", output="file")


def test_a_job_says_what_was_asked_for_and_how_it_is_to_be_ended():
    asked = Asked(2, 4, "4:00:00", "gpu", "me", requeue=True)
    told = words(asked)
    for word in ("--nodes=2", "--gpus-per-node=4", "--time=4:00:00", "--partition=gpu", "--account=me", "--requeue"):
        assert word in told
    assert any(re.fullmatch(r"--signal=B:TERM@\d+", word) for word in told)
    assert "--no-kill" in told, "a node that dies does not end the job"
    assert "--no-requeue" in words(Asked())
    assert all(word.startswith("--") for word in told), "nothing can be taken for a script"


def test_one_node_gives_a_core_for_each_worker_or_all_it_has():
    assert "--cpus-per-task=3" in words(Asked(), cores=3)
    assert "--exclusive" in words(Asked())


@given(st.lists(st.text(st.characters(blacklist_categories=("Cs",), blacklist_characters="\0\n\r")), min_size=1))
def test_the_shell_reads_the_script_as_the_words_it_was_made_of(command: list[str]):
    last = script_text("small", Asked(requeue=True), ["sweep", *command]).split("\n")[-2]
    read = shlex.split(last)
    assert read[0] == "exec"
    assert read[-len(command) - 1 :] == ["sweep", *command]


def test_bash_runs_nothing_but_the_command(tmp_path: Path):
    evil = ["$(touch hurt)", "`touch hurt`", "; touch hurt", "a b", "'", '"', "*", "&& touch hurt", "é"]
    script = script_text("small", Asked(), ["sweep", *evil])
    (tmp_path / "job.sh").write_text(script.replace("exec ", "printf '%s\\0' "))
    done = subprocess.run(["bash", "job.sh"], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stdout.split("\0")[-len(evil) - 1 : -1] == evil
    assert [each.name for each in tmp_path.iterdir()] == ["job.sh"]
    assert subprocess.run(["bash", "-n"], input=script, text=True, check=False).returncode == 0
