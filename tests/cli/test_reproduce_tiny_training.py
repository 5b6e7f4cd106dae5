"""`reproduce tiny-language-models` that trains: interrupted, gone on with, kept, its committees formed and timed."""

from __future__ import annotations

import json
import signal
import statistics
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file

from tests.studies.small_study import write_study
from tlm_sweeps import api
from tlm_sweeps.cli.machinery import Machinery
from tlm_sweeps.cli.reproduce_tiny import Telling, tell_tiny
from tlm_sweeps.cli.study_keeping import folder_for, keep_all
from tlm_sweeps.cli.study_training import train_missing
from tlm_sweeps.runs.record import Record
from tlm_sweeps.spec.identity import identity
from tlm_sweeps.studies.choosing import specs_of, study_of
from tlm_sweeps.studies.kept import read_kept
from tlm_sweeps.studies.published import Answer, Study
from tlm_sweeps.studies.tiny import reproduce_tiny
from tlm_sweeps.studies.tiny_document import tiny_document

Tlm = Callable[..., Any]
Told = Callable[..., dict[str, Any]]
NAME, SEEDS, MEMBERS = "tiny-language-models", 2, 6
PRETRAINING = ("tiny-scaled-deep", "tiny-scaled-shallow", "tiny-scaled-shallow-sizes")
AG_NEWS = ("tiny-scaled-ag-news", "tiny-scaled-ag-news-members")
N_RUNS = {
    "tiny-scaled-deep": 3 * SEEDS,
    "tiny-scaled-shallow": MEMBERS * SEEDS,
    "tiny-scaled-shallow-sizes": 2 * SEEDS,
    "tiny-scaled-ag-news": 6 * SEEDS,
    "tiny-scaled-ag-news-members": 2 * MEMBERS * SEEDS,
}


@dataclass(frozen=True)
class Trained:
    """The study cut down, with all runs of one of its tasks."""

    study: Study
    """Whose own specs are the small ones, so that their runs count."""
    folder: Path
    first: dict[str, Record]
    """What was kept when the first command was interrupted, by run."""

    @property
    def runs(self) -> Path:
        """Folder of all sweeps."""
        return self.folder / "runs"

    @property
    def kept(self) -> Path:
        """Folder of kept records."""
        return self.folder / "kept"

    @property
    def records(self) -> list[Record]:
        """Of all runs."""
        return [
            each for results in api.study_sweeps(self.study, runs_dir=self.runs).values() for each in results.records
        ]


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Trained]:
    """Begun by the command, interrupted after its first run, and gone on with to the end."""
    folder = tmp_path_factory.mktemp("tiny")
    specs = write_study(folder)
    whole = study_of(NAME)
    own = {each.spec.name: identity(each.spec) for each in specs_of(whole, specs)}
    answers = tuple(Answer(claim.key, (*PRETRAINING, *AG_NEWS)) for claim in whole.answers)
    study = replace(whole, answers=answers, identities=own)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TLM_CACHE", str(tmp_path_factory.getbasetemp() / "cache"))
        patch.chdir(folder)
        _interrupted_after_a_run(folder)
        first = {each.run_id: each for each in _kept_records(folder / "kept" / NAME)}
        machinery = Machinery("1", "cpu", None, folder / "runs", folder / "data")
        place = folder_for(study, folder / "kept")
        train_missing(study, machinery, argv=("tlm-sweeps", "reproduce"), specs=specs, seeds=SEEDS, keep_in=place)
        keep_all(api.study_sweeps(study, runs_dir=folder / "runs").values(), place)
        yield Trained(study, folder, first)


def _interrupted_after_a_run(folder: Path) -> None:
    words = ["reproduce", NAME, "--specs", "specs", "--seeds", str(SEEDS), "--workers", "1", "--to", "kept"]
    command = [sys.executable, "-m", "tlm_sweeps", *words, "--runs-dir", "runs", "--data-dir", "data"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=folder) as process:
        watchdog = threading.Timer(300, process.kill)
        watchdog.start()
        assert process.stderr
        next(line for line in process.stderr if "· val " in line)
        process.send_signal(signal.SIGINT)
        out, _ = process.communicate()
        watchdog.cancel()
    assert (process.returncode, out) == (130, "")


def _kept_records(folder: Path) -> list[Record]:
    return [each for results in read_kept(folder).values() for each in results.records if each.state == "complete"]


@pytest.fixture
def told(trained: Trained, capfd: pytest.CaptureFixture[str]) -> Told:
    """The document that the study's runs, or its kept records, make."""

    def tell(seeds: int | None = None, *, kept: bool = False, times_again: bool = False) -> dict[str, Any]:
        capfd.readouterr()
        source = trained.kept if kept else None
        sweeps = api.study_sweeps(trained.study, kept=source, runs_dir=trained.runs)
        place = None if kept else trained.kept / NAME
        telling = Telling(source, trained.runs, place, None, None, True, ("tlm-sweeps", "reproduce"), times_again)
        tell_tiny(trained.study, sweeps, seeds, telling)
        return json.loads(capfd.readouterr().out)

    return tell


def test_an_interrupted_study_is_kept_and_what_it_had_is_not_trained_again(trained: Trained):
    assert 1 <= len(trained.first) < N_RUNS["tiny-scaled-deep"]
    counts = {name: len(results.records) for name, results in read_kept(trained.kept / NAME).items()}
    assert counts == N_RUNS
    assert {each.state for each in trained.records} == {"complete"}
    now = {each.run_id: each for each in trained.records}
    assert {name: now[name] for name in trained.first} == trained.first


def test_every_run_began_with_weights_of_its_own_seed(trained: Trained):
    begun = [each for each in trained.records if each.sweep in AG_NEWS and each.spec.get("start_from")]
    origins = {f"{each.sweep}/{each.run_id}": each for each in trained.records if each.sweep in PRETRAINING}
    assert len(begun) == 5 * SEEDS + MEMBERS * SEEDS
    for each in begun:
        assert each.started_from
        origin = origins[f"{each.started_from.sweep}/{each.started_from.run_id}"]
        assert (origin.seed, origin.spec["passages"]) == (each.seed, each.spec["passages"])
        assert each.started_from.train_flops == origin.train_flops


def test_claims_are_of_the_real_runs_by_seed(trained: Trained):
    sweeps = api.study_sweeps(trained.study, kept=trained.kept)
    accuracy = {
        (each.seed, each.spec.get("start_from"), each.spec["passages"]["first_passages"]): each.test_scores.accuracy
        for each in sweeps["tiny-scaled-ag-news"].records
        if each.test_scores
    }
    document = json.loads(json.dumps(tiny_document(reproduce_tiny(trained.study, sweeps))))
    b1, b2, b3, _ = (claim["settings"][0] for claim in document["claims"])
    gains = {
        str(seed): accuracy[seed, "tiny-scaled-deep", 20_000] - accuracy[seed, None, 20_000] for seed in range(SEEDS)
    }
    assert next(each["values"] for each in b1["quantities"] if each["label"] == "ag-news") == pytest.approx(gains)
    sizes = (1_250, 5_000, 20_000)
    slopes = {
        str(seed): statistics.linear_regression(
            np.log2(sizes).tolist(), [accuracy[seed, "tiny-scaled-deep", size] for size in sizes]
        ).slope
        for seed in range(SEEDS)
    }
    assert next(each["values"] for each in b2["quantities"] if each["label"] == "ag-news") == pytest.approx(slopes)
    assert any("fewrel" in reason or "dbpedia" in reason for reason in b3["missing"])
    assert {each["verdict"] for claim in document["claims"] for each in claim["settings"]} == {"not run"}


def test_runs_of_specs_that_are_not_the_studys_own_do_not_count(tlm: Tlm, trained: Trained):
    said = tlm("reproduce", NAME, "--no-train", "--runs-dir", trained.runs, "--json")
    assert said.code == 0
    assert set(said.data["left_out"]) == set(N_RUNS)
    assert said.data["committees"] == []


@pytest.mark.slow
def test_committees_are_formed_of_the_real_runs_kept_and_not_timed_again(trained: Trained, told: Told):
    document = told()
    committees = {(each["task"], each["replicate"]): each for each in document["committees"]}
    assert set(committees) == {("ag-news", replicate) for replicate in range(SEEDS)}
    by_run = {each.run_id: each for each in trained.records}
    for (_, replicate), each in committees.items():
        members = [by_run[name] for name in each["members"]]
        assert [member.seed for member in members] == list(range(MEMBERS * replicate, MEMBERS * (replicate + 1)))
        logits, labels = zip(*(_predictions(trained, member) for member in members), strict=True)
        right = float((np.mean(logits, axis=0).argmax(axis=1) == labels[0]).mean())
        deep = by_run[each["deep"]]
        assert deep.seed == replicate
        assert deep.test_scores
        rule = each["rules"]["mean logit"]
        assert rule["test"]["accuracy"] == pytest.approx(right)
        assert rule["lead"] == pytest.approx(right - deep.test_scores.accuracy)
        behind = [member.started_from.train_flops["matmul"] for member in members if member.started_from]
        assert deep.started_from
        ratio = sum(behind) / deep.started_from.train_flops["matmul"]
        assert each["relative_pretraining_flops"] == pytest.approx(ratio)
        assert all(timing["median_seconds"] > 0 for timing in each["latency"]["timings"])
    b4 = document["claims"][3]["settings"][0]
    leads = {str(replicate): each["rules"]["mean logit"]["lead"] for (_, replicate), each in committees.items()}
    assert b4["quantities"][0]["values"] == pytest.approx(leads)
    assert (b4["verdict"], b4["quantities"][0]["n_asked"]) == ("not run", SEEDS)
    assert told() == document, "what is known is not timed again"
    assert told(kept=True) == document, "kept records say the same as the runs"


@pytest.mark.slow
def test_times_taken_anew_take_the_place_of_the_old_ones(told: Told):
    before, again, after = told(), told(seeds=1, times_again=True), told()
    old, new = (each["committees"][0] for each in (before, again))
    assert new["latency"]["timings"] != old["latency"]["timings"]
    assert {name: each for name, each in new.items() if name in ("members", "rules", "sizes")} == {
        name: each for name, each in old.items() if name in ("members", "rules", "sizes")
    }
    assert after["committees"] == [new, *before["committees"][1:]]


def _predictions(trained: Trained, record: Record) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """A run's logits of the test examples, and their labels, from its own file."""
    found = load_file(trained.runs / record.sweep / record.run_id / "predictions.safetensors")
    return found["test_logits"], found["test_labels"]
