"""A calibration is timed by the code that trains, kept for this machine alone, and never in the way when damaged."""

import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tlm_sweeps.compute.calibration import Calibration
from tlm_sweeps.errors import RunError
from tlm_sweeps.spec.experiment import ExperimentSpec
from tlm_sweeps.training.calibration import calibrate, keep, kept, origin
from tlm_sweeps.training.probes import Probe, probes
from tlm_sweeps.training.timing import LEAST_ROUNDS, samples


@pytest.fixture(autouse=True)
def _cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TLM_CACHE", str(tmp_path))


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Calibration:
    """A real one, as short as it can be."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TLM_CACHE", str(tmp_path_factory.mktemp("cache")))
        shares = calibrate("fp32", workers=1, seconds=0.0)
        while True:
            try:
                assert 0 <= next(shares) <= 1
            except StopIteration as end:
                return end.value


def children() -> Iterator[str]:
    """Processes that any thread of this one has started."""
    for tasks in Path("/proc/self/task").glob("*/children"):
        yield from tasks.read_text().split()


def test_every_probe_has_a_time_and_says_what_was_timed(made: Calibration):
    assert [each.experiment for each in made.timings] == [each.experiment for each in probes("fp32")]
    assert min(min(each.training_seconds, each.scoring_seconds) for each in made.timings) > 0
    assert made.origin == origin("fp32")
    assert made.workers == 1
    assert 0 <= made.others_share < 1


def test_samples_are_taken_of_every_probe_in_every_round():
    small = {"corpus": {"name": "python-docs"}, "model": {"kind": "linear", "width": 2, "context": 2}}
    last = {"training": {"predict": "last", "batch_size": 2, "epochs": 1.0}}
    asked = tuple(Probe(ExperimentSpec.model_validate(small | last), size) for size in (3, 4, 5))
    found = list(samples(asked, seconds=0.0, seed=1))
    assert sorted(each.probe for each in found) == sorted([0, 1, 2] * LEAST_ROUNDS)
    assert all(each.passed > 0 for each in found)


def test_what_is_kept_is_found_again_and_replaces_what_was_kept(made: Calibration):
    keep(made)
    assert kept(["fp32"]).calibrations == (made,)
    later = made.model_copy(update={"made_at": "2030-01-01T00:00:00+00:00"})
    keep(later)
    assert kept(["fp32"]).calibrations == (later,)
    assert kept(["fp32"]).note == ""


def test_nothing_is_found_where_nothing_is_kept():
    assert kept(["fp32"]).calibrations == ()
    assert kept(["fp32"]).note == ""


def test_all_precisions_that_are_asked_for_are_needed(made: Calibration):
    keep(made)
    found = kept(["fp32", "bf16"])
    assert found.calibrations == ()
    assert found.note


@pytest.mark.parametrize("content", ["", "{}", "[1]", '{"origin": 1}', "\0"])
def test_a_damaged_file_is_passed_over_with_a_word(made: Calibration, tmp_path: Path, content: str):
    keep(made)
    (file,) = tmp_path.rglob("*.json")
    file.write_text(content)
    assert kept(["fp32"]).calibrations == ()
    assert "damaged" in kept(["fp32"]).note


def test_a_file_of_another_machine_under_this_ones_name_is_passed_over(made: Calibration, tmp_path: Path):
    keep(made)
    (file,) = tmp_path.rglob("*.json")
    other = made.origin.model_copy(update={"processor": "another"})
    file.write_text(made.model_copy(update={"origin": other}).model_dump_json())
    assert kept(["fp32"]).calibrations == ()


@pytest.mark.parametrize("change", [{"processor": "another"}, {"cores": 99}, {"torch": "1.0"}])
def test_what_another_machine_made_does_not_count_here(made: Calibration, change: dict[str, object]):
    keep(made.model_copy(update={"origin": made.origin.model_copy(update=change)}))
    found = kept(["fp32"])
    assert found.calibrations == ()
    assert found.note


def test_one_that_older_code_made_counts_with_a_word(made: Calibration):
    keep(made.model_copy(update={"code": "older"}))
    found = kept(["fp32"])
    assert len(found.calibrations) == 1
    assert "changed" in found.note


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="reads Linux's /proc")
def test_an_interrupted_calibration_leaves_no_process_and_no_file(tmp_path: Path):
    before = set(children())
    shares = calibrate("fp32", workers=2)
    next(shares)
    begun = set(children()) - before
    shares.close()
    assert len(begun) == 2
    assert not any(Path("/proc", process).exists() for process in begun)
    assert not list(tmp_path.rglob("*.json"))


def test_a_process_that_dies_ends_the_calibration_with_its_last_words(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(sys, "executable", shutil.which("false"))
    with pytest.raises(RunError, match="the calibration failed"):
        list(calibrate("fp32", workers=1))
