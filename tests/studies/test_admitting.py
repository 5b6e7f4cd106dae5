"""What counts for a study: its own specs only, and the seeds that are asked for; what is left out is said."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from tests.studies.study_runs import SPECS
from tlm_sweeps.compute.planning import PlannedTrial
from tlm_sweeps.report.sources import SweepResults
from tlm_sweeps.spec.identity import identity
from tlm_sweeps.spec.loading import load_sweep
from tlm_sweeps.studies.admitting import admit
from tlm_sweeps.studies.choosing import study_of
from tlm_sweeps.studies.claims import judge
from tlm_sweeps.studies.document import document_of
from tlm_sweeps.studies.findings import findings
from tlm_sweeps.studies.kept import keep, read_kept
from tlm_sweeps.studies.question_sections import answer_of
from tlm_sweeps.studies.reproduction import reproduce
from tlm_sweeps.studies.tables import notes_of
from tlm_sweeps.studies.tradeoffs import TRADEOFFS
from tlm_sweeps.studies.tradeoffs_claims import A4
from tlm_sweeps.studies.tradeoffs_questions import QUESTIONS
from tlm_sweeps.studies.tradeoffs_specs import IDENTITIES

Trained = Callable[..., SweepResults]
HEADS = "tradeoffs-heads"


def more_heads_help(trial: PlannedTrial, seed: int) -> float:
    """What claim A4 says, at all other rows' published order."""
    return 2.5 - 0.05 * trial.settings.get("model.heads", 1) + 0.001 * seed**2


@pytest.fixture(scope="module")
def heads(trained: Trained) -> SweepResults:
    """The study's sweep over heads, five seeds."""
    return trained("sweep-heads.yaml", more_heads_help)


def of_another_spec(results: SweepResults) -> SweepResults:
    """The same runs, said to be of a spec with another learning rate."""
    experiment = results.spec.experiment
    training = experiment.training.model_copy(update={"learning_rate": 7e-4})
    spec = results.spec.model_copy(update={"experiment": experiment.model_copy(update={"training": training})})
    return replace(results, spec=spec)


def test_the_specs_of_the_repository_are_the_ones_that_count():
    specs = [load_sweep(path).spec for path in sorted(SPECS.glob("*.yaml"))]
    hint = (
        "a spec of the study has changed, or what a spec can say: write the identities that it has now into "
        "tlm_sweeps/studies/tradeoffs_specs.py. Records of an old spec no longer count: train them again."
    )
    assert {spec.name: identity(spec) for spec in specs} == IDENTITIES, hint


def test_the_sweeps_that_count_are_those_that_are_asked_for():
    assert set(study_of(TRADEOFFS.name).sweeps) == set(IDENTITIES) - {"tradeoffs-linear"}, "the README's, of one seed"


def test_more_seeds_make_no_other_sweep_and_records_keep_their_spec(
    trained: Trained, heads: SweepResults, tmp_path: Path
):
    keep(trained("sweep-heads.yaml", more_heads_help, seeds=2), tmp_path)
    kept = read_kept(tmp_path)
    assert set(admit(IDENTITIES, kept)) == {HEADS}
    assert set(admit(IDENTITIES, {HEADS: heads})) == {HEADS}


def test_runs_of_another_spec_decide_nothing_and_are_said(heads: SweepResults):
    found = reproduce(TRADEOFFS, {HEADS: of_another_spec(heads)})
    assert found.verdicts == {"not run": 20}
    cell = next(each for each in found.results if each.table.key == "heads")
    assert "not the study's spec" in cell.caution
    (setting, *_) = judge(A4, found.sweeps).settings
    assert setting.verdict == "not run"
    assert "tradeoffs-heads is left out with its 15 complete runs" in " ".join(setting.missing)
    assert any("left out" in note for note in notes_of(found, cell.table))
    document = document_of(found)
    assert set(document["left_out"]) == {HEADS}
    page = findings({HEADS: of_another_spec(heads)})
    assert "tradeoffs-heads (left out)" in page
    assert IDENTITIES[HEADS] in page.partition("## Limits")[2]


def test_a_question_says_that_its_sweep_is_left_out(trained: Trained):
    name = "tradeoffs-question-5"
    runs = trained("question-5-ptb-context.yaml", lambda _, seed: 6.0 + 0.01 * seed)
    found = admit(IDENTITIES, {name: of_another_spec(runs)})
    answer = answer_of(QUESTIONS[4], found)
    assert answer.headline == "Not run yet."
    assert "left out" in answer.details


def test_sweeps_of_other_names_are_none_of_the_study(heads: SweepResults):
    found = admit(IDENTITIES, {"mine": heads})
    assert (dict(found), found.left_out) == ({}, {})


def test_what_was_left_out_stays_left_out(heads: SweepResults):
    once = admit(IDENTITIES, {HEADS: of_another_spec(heads)})
    assert admit(IDENTITIES, once) == once


@pytest.mark.parametrize(("seeds", "counted"), [(None, {0, 1, 2, 3, 4}), (3, {0, 1, 2}), (8, {0, 1, 2, 3, 4})])
def test_claims_and_cells_count_the_seeds_that_are_asked_for(seeds: int | None, counted: set[int], heads: SweepResults):
    found = reproduce(TRADEOFFS.only(["heads"]), {HEADS: heads}, seeds)
    assert all(set(result.test_nlls) == counted for result in found.results)
    setting = judge(A4, found.sweeps).settings[0]
    assert all(set(each.differences) == counted for each in setting.compared)
    assert setting.verdict == ("not run" if seeds == 8 else "holds"), "of eight seeds, three have not ended"


def test_questions_count_the_seeds_that_are_asked_for(trained: Trained):
    name = "tradeoffs-question-5"
    runs = trained(
        "question-5-ptb-context.yaml", lambda trial, seed: 6.0 + trial.settings["model.context"] / 1e3 + 0.01 * seed
    )
    document = document_of(reproduce(study_of(TRADEOFFS.name, ["Q5"]), {name: runs}, seeds=4))
    (group,) = document["questions"][0]["groups"]
    assert set(group["reference"]["values"]) == {0, 1, 2, 3}


def test_seeds_that_the_spec_does_not_ask_for_do_not_count(heads: SweepResults):
    fewer = replace(heads, spec=heads.spec.model_copy(update={"seeds": 4}))
    found = reproduce(TRADEOFFS.only(["heads"]), {HEADS: fewer})
    assert all(set(result.test_nlls) == {0, 1, 2, 3} for result in found.results)
    assert len(judge(A4, found.sweeps).settings[0].compared[0].differences) == 4
