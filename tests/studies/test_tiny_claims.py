"""Claims B1 to B4 over planted accuracies: each verdict in both directions, and what must not be judged."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import pytest

from tests.studies.tiny_runs import N_TEST, Times, committees_of, scaled_study
from tlm_sweeps.errors import InputError
from tlm_sweeps.report.sources import SweepResults
from tlm_sweeps.runs.record import Record
from tlm_sweeps.studies.choosing import study_of
from tlm_sweeps.studies.quantity_claims import QuantityClaimAnswer
from tlm_sweeps.studies.tiny import TINY, reproduce_tiny
from tlm_sweeps.studies.tiny_committees import seats
from tlm_sweeps.studies.tiny_document import tiny_document
from tlm_sweeps.studies.tiny_findings import tiny_findings
from tlm_sweeps.studies.tiny_sections import sections

Accuracy = Callable[[str, Mapping[str, Any], int], float]
NOISE = (0.0, 0.003, -0.002, 0.001)
"""Of seeds, the same in every arm but for what `wobble` adds."""


def wobble(seed: int) -> float:
    """Seeds differ a little, and differences between arms do too."""
    return NOISE[seed % len(NOISE)]


def gaining(gains: Mapping[str, float], per_doubling: float = 0.0) -> Accuracy:
    """Pre-training brings so much on a task, and so much more for every doubling above 1,250 passages."""

    def accuracy(task: str, experiment: Mapping[str, Any], seed: int) -> float:
        if experiment.get("start_from") is None:
            return 0.5 + 0.5 * wobble(seed)
        doublings = {1_250: 0, 5_000: 2, 20_000: 4}[experiment["passages"]["first_passages"]]
        return 0.5 + gains[task] + per_doubling * doublings + wobble(seed) * (1 + 0.1 * doublings)

    return accuracy


ALIKE: dict[str, float] = {"ag-news": 0.1, "dbpedia-14": 0.1, "fewrel": 0.1}


def answer(name: str, accuracy: Accuracy, **study: Any) -> QuantityClaimAnswer:
    """What becomes of a claim."""
    (found,) = reproduce_tiny(study_of(TINY.name, [name]), scaled_study(accuracy, **study)).answers
    return found


def verdicts(found: QuantityClaimAnswer) -> list[str]:
    """Of its settings."""
    return [each.verdict for each in found.settings]


@pytest.mark.parametrize(
    ("gains", "verdict"),
    [
        (ALIKE, "holds"),
        ({**ALIKE, "fewrel": -0.1}, "does not hold"),
        ({**ALIKE, "fewrel": 0.0}, "not shown"),
    ],
)
def test_b1_is_pre_trained_against_random_on_all_three_tasks(gains: dict[str, float], verdict: str):
    assert verdicts(answer("B1", gaining(gains))) == [verdict, verdict]


@pytest.mark.parametrize(("examples", "verdict"), [(0.9, "not shown"), (1, "holds"), (-0.9, "not shown")])
def test_less_than_one_test_example_is_no_gain_however_constant(examples: float, verdict: str):
    def accuracy(_task: str, experiment: Mapping[str, Any], _seed: int) -> float:
        return 0.5 + (examples / N_TEST if experiment.get("start_from") else 0.0)

    assert verdicts(answer("B1", accuracy)) == [verdict, verdict]


def test_b1_is_not_judged_below_three_seeds_but_its_members_are_enough():
    """One seed of the study is one deep encoder and six members."""
    found = answer("B1", gaining(ALIKE), seeds=1)
    assert verdicts(found) == ["not run", "holds"]
    assert "too few" in " ".join(found.settings[0].missing)


@pytest.mark.parametrize(
    ("per_doubling", "verdict"), [(0.02, "holds"), (-0.02, "does not hold"), (-0.00005, "not shown")]
)
def test_b2_is_the_slope_over_doublings(per_doubling: float, verdict: str):
    found = answer("B2", gaining(ALIKE, per_doubling))
    assert verdicts(found) == [verdict, verdict]
    for judged in (each for setting in found.settings for each in setting.judged):
        estimate = judged.quantity.estimate
        assert estimate
        assert estimate.mean == pytest.approx(per_doubling, abs=0.0005)


def test_b2_at_equal_flops_needs_equal_flops():
    sweeps = scaled_study(gaining(ALIKE, 0.02))
    members = {name: costing(sweeps[name], 2_000_000) for name in sweeps if name.endswith("-members")}
    (found,) = reproduce_tiny(study_of(TINY.name, ["B2"]), {**sweeps, **members}).answers
    assert verdicts(found) == ["holds", "not run"]
    assert "2 times" in " ".join(found.settings[1].missing)


def costing(results: SweepResults, flops: int) -> SweepResults:
    """The same runs, with so many FLOPs behind each pre-trained one."""

    def dearer(record: Record) -> Record:
        if record.started_from is None:
            return record
        spent = dict.fromkeys(record.started_from.train_flops, flops)
        return record.model_copy(update={"started_from": record.started_from.model_copy(update={"train_flops": spent})})

    return replace(results, records=tuple(map(dearer, results.records)))


@pytest.mark.parametrize(
    ("gains", "verdict", "agrees"),
    [
        ((0.3, 0.2, 0.1), "not shown", True),
        ((0.1, 0.2, 0.3), "does not hold", False),
        ((0.3, 0.1, 0.1), "not shown", False),
    ],
)
def test_b3_can_be_contradicted_and_never_shown_by_three_tasks(gains: tuple[float, ...], verdict: str, *, agrees: bool):
    """Overlaps fall from ag-news to fewrel."""
    by_task: dict[str, float] = dict(zip(("ag-news", "dbpedia-14", "fewrel"), gains, strict=True))
    found = answer("B3", gaining(by_task))
    assert verdicts(found) == [verdict, verdict]
    said = " ".join(sections(reproduce_tiny(study_of(TINY.name, ["B3"]), scaled_study(gaining(by_task))))[0].sentences)
    assert ("order of the claim" in said) == agrees


def test_b3_turns_round_with_the_overlap():
    gains = {"ag-news": 0.3, "dbpedia-14": 0.2, "fewrel": 0.1}
    overlaps = {"ag-news": 0.7, "dbpedia-14": 0.8, "fewrel": 0.9}
    assert verdicts(answer("B3", gaining(gains), overlaps=overlaps)) == ["does not hold", "does not hold"]


def test_b3_does_not_compare_equal_overlaps():
    found = answer("B3", gaining(ALIKE), overlaps=dict.fromkeys(ALIKE, 0.9))
    assert verdicts(found) == ["not run", "not run"]
    assert "overlaps are the same" in found.settings[0].setting.note
    apart = answer("B3", gaining(ALIKE), overlaps={"ag-news": 0.9, "dbpedia-14": 0.9, "fewrel": 0.7})
    assert len(apart.settings[0].judged) == 2, "the others are"


def b4(lead: float, times: Times = lambda _: (0.5, 0.6), busy: float | None = 0.0) -> QuantityClaimAnswer:
    """B4 with committees of such a lead over the deep encoder."""
    sweeps = scaled_study(gaining(ALIKE))
    documents = committees_of(sweeps, lambda _, replicate: lead + 0.001 * replicate, times=times, busy=busy)
    (found,) = reproduce_tiny(study_of(TINY.name, ["B4"]), sweeps, documents).answers
    return found


@pytest.mark.parametrize(
    ("lead", "verdict"), [(0.05, "holds"), (-0.01, "holds"), (-0.0205, "not shown"), (-0.06, "does not hold")]
)
def test_b4_is_not_inferior_by_more_than_the_margin(lead: float, verdict: str):
    assert verdicts(b4(lead)) == [verdict, verdict]


@pytest.mark.parametrize(
    ("times", "found"),
    [
        ((0.5, 2.0), ["holds", "does not hold"]),
        ((0.9, 0.5), ["does not hold", "holds"]),
        ((0.5, 0.5), ["holds", "holds"]),
    ],
)
def test_b4_needs_the_lower_latency_on_as_many_cores(times: tuple[float, float], found: list[str]):
    """The deep encoder takes 1 on one core and 0.8 on all."""
    assert verdicts(b4(0.05, lambda _: times)) == found


@pytest.mark.parametrize(("last", "found"), [(1.3, "holds"), (2.5, "does not hold")])
def test_b4_takes_the_mean_of_replicates(last: float, found: str):
    """Of 0.6, 0.6 and the last, over the deep encoder's 1: one fast replicate does not make up for a slow one."""
    assert verdicts(b4(0.05, lambda replicate: (0.5, last if replicate == 2 else 0.6)))[1] == found


@pytest.mark.parametrize(
    ("busy", "found"),
    [(0.1, ["holds", "holds"]), (1.0, ["not run", "holds"]), (2.0, ["not run"] * 2), (None, ["not run"] * 2)],
)
def test_b4_believes_no_times_of_a_machine_that_others_used(busy: float | None, found: list[str]):
    """Of two cores, two are asked for side by side and one in sequence."""
    answered = b4(0.05, busy=busy)
    assert verdicts(answered) == found
    assert "--again-latency" in " ".join(answered.settings[0].missing) or found[0] == "holds"


def test_two_documents_of_one_committee_are_refused():
    sweeps = scaled_study(gaining(ALIKE))
    documents = committees_of(sweeps, lambda *_: 0.05)
    with pytest.raises(InputError, match="2 documents are of the committee ag-news-0"):
        reproduce_tiny(study_of(TINY.name, ["B4"]), sweeps, [*documents, documents[0]])


def test_no_member_sits_in_two_committees():
    taken: Counter[str] = Counter()
    for each in seats(scaled_study(gaining(ALIKE))):
        taken.update(record.run_id for record in each.members)
    assert len(taken) == 3 * 3 * 6
    assert set(taken.values()) == {1}


def test_two_runs_of_one_seed_seat_no_committee():
    sweeps = scaled_study(gaining(ALIKE))
    members = sweeps["tiny-scaled-fewrel-members"]
    twice = replace(members, records=(*members.records, members.records[-1].model_copy(update={"run_id": "again"})))
    with pytest.raises(InputError, match="again are of one seed"):
        seats(sweeps | {members.spec.name: twice})


@pytest.mark.parametrize("flops", [500_000, 2_000_000])
def test_b4_needs_equal_pre_training(flops: int):
    """Cheaper members are not equal either."""
    sweeps = scaled_study(gaining(ALIKE))
    dearer = {name: costing(each, flops) if name.endswith("-members") else each for name, each in sweeps.items()}
    documents = committees_of(dearer, lambda _, replicate: 0.05 + 0.001 * replicate)
    (found,) = reproduce_tiny(study_of(TINY.name, ["B4"]), dearer, documents).answers
    assert verdicts(found) == ["does not hold", "does not hold"]


def test_b4_is_not_run_until_every_committee_is_formed_of_the_very_runs():
    sweeps = scaled_study(gaining(ALIKE))
    documents = committees_of(sweeps, lambda *_: 0.05)
    study = study_of(TINY.name, ["B4"])
    for there in ([], documents[1:]):
        (found,) = reproduce_tiny(study, sweeps, there).answers
        assert verdicts(found) == ["not run", "not run"]
    others = committees_of(scaled_study(gaining(dict.fromkeys(ALIKE, 0.2))), lambda *_: 0.05)
    assert reproduce_tiny(study, sweeps, others).committees == (), "trained anew, they are other runs"
    assert len(reproduce_tiny(study, sweeps, documents).committees) == 9


def test_seeds_of_the_study_are_six_of_the_members():
    sweeps = scaled_study(gaining(ALIKE), seeds=4)
    found = reproduce_tiny(study_of(TINY.name), sweeps, committees_of(sweeps, lambda *_: 0.0), seeds=3)
    assert len(found.sweeps["tiny-scaled-ag-news-members"].records) == 2 * 18
    assert len(found.sweeps["tiny-scaled-ag-news"].records) == 6 * 3
    assert {each.seats.replicate for each in found.committees} == {0, 1, 2}


def test_a_foreign_sweep_does_not_count():
    sweeps = scaled_study(gaining(ALIKE))
    foreign = sweeps["tiny-scaled-fewrel"]
    experiment = foreign.spec.experiment
    changed = foreign.spec.model_copy(update={"experiment": experiment.model_copy(update={"start_from": "other"})})
    found = reproduce_tiny(TINY, {**sweeps, foreign.spec.name: replace(foreign, spec=changed)})
    assert "is left out" in found.sweeps.left_out["tiny-scaled-fewrel"]
    assert verdicts(found.answers[0])[0] == "not run"


def test_nothing_is_judged_before_every_run_has_ended():
    sweeps = scaled_study(gaining(ALIKE), seeds=4)
    whole = sweeps["tiny-scaled-fewrel"]
    last = tuple(each.model_copy(update={"state": "running"}) if each.seed == 3 else each for each in whole.records)
    found = reproduce_tiny(TINY, {**sweeps, whole.spec.name: replace(whole, records=last)})
    assert verdicts(found.answers[0])[0] == "not run"
    assert "3 of 4 seeds so far" in " ".join(found.answers[0].settings[0].missing)


def test_a_run_that_is_lost_with_its_pre_training_is_counted_and_named():
    sweeps = scaled_study(gaining(ALIKE))
    task = sweeps["tiny-scaled-fewrel"]
    lost = next(record for record in task.records if record.started_from is not None)
    gone = {"state": "infeasible", "reason": "left no weights", "test_scores": None, "started_from": None}
    records = tuple(each.model_copy(update=gone) if each is lost else each for each in task.records)
    found = reproduce_tiny(TINY, sweeps | {task.spec.name: replace(task, records=records)})
    assert "0 failed, 1 infeasible" in tiny_findings(found)
    encoders = [each for part in tiny_document(found)["tasks"] for each in part["encoders"]]
    assert sorted({each["n_infeasible"] for each in encoders}) == [0, 1]
    assert "infeasible" not in tiny_findings(reproduce_tiny(TINY, sweeps))


def test_documents_and_pages_are_whole_with_and_without_runs():
    sweeps = scaled_study(gaining(ALIKE, 0.02))
    for there in ({}, sweeps):
        found = reproduce_tiny(TINY, there, committees_of(sweeps, lambda *_: 0.0))
        document = json.loads(json.dumps(tiny_document(found)))
        assert [each["name"] for each in document["claims"]] == ["B1", "B2", "B3", "B4"]
        assert document["scale"].startswith("scaled")
        page = tiny_findings(found)
        assert page.count("scaled") > 10
        assert [line for line in page.splitlines() if line.startswith("# ")] == ["# Findings: Tiny language models"]
    (task, *_), (committee, *_) = document["tasks"], document["committees"]
    assert task["encoders"][0]["overlap"]["distinct tokens"] == pytest.approx(0.9)
    assert committee["relative_pretraining_flops"] == 1.0
    assert committee["relative_latency"]["whole"]["in sequence, batch 1"] == 2.0
    assert committee["relative_latency"]["whole"]["in sequence, batch 32"] == 0.5
    assert committee["relative_latency"]["trimmed"]["in sequence, batch 1"] == pytest.approx(0.2)
    assert committee["equal_flops"] == []
    assert "| ag-news | 0 |" in page


def test_numbers_of_the_tables_are_those_that_were_planted():
    """A gain of ten points and half the mean wobble; the deep encoder takes a second on one core, 0.8 on two."""
    sweeps = scaled_study(gaining(ALIKE))
    found = reproduce_tiny(TINY, sweeps, committees_of(sweeps, lambda *_: 0.05))
    tables = {table.columns: table for section in sections(found) for table in section.tables}
    told, timed = (
        dict(zip(columns, row.cells, strict=True))
        for columns, table in tables.items()
        for row in table.rows[1:2]
        if {"errors removed, %", "deep, ms, batch 1"} & set(columns)
    )
    assert (told["model"], told["gain, points, 95 %"], told["overlap, distinct tokens"]) == (
        "deep, 1,250 passages",
        "+10.02 (+9.70 to +10.33)",
        "0.9000",
    )
    assert (told["steps"], told["epochs"], told["train NLL"]) == ("320", "6.4", "1.250")
    assert (timed["deep, ms, batch 1"], timed["deep, ms, batch 32"]) == ("1000.00", "1000.00")
    assert (timed["× deep, side by side, batch 1"], timed["× deep, in sequence, batch 1"]) == ("0.62", "2")
    assert (timed["× deep, in sequence, batch 1, trimmed"], timed["busy"], timed["load"]) == ("0.2", "0.00", "0.00")


def test_words_for_its_keys():
    assert [each.key for each in study_of(TINY.name, ["claims"]).answers] == ["B1", "B2", "B3", "B4"]
    assert [each.key for each in study_of(TINY.name, ["b3"]).answers] == ["B3"]
    for wrong in ("questions", "A1"):
        with pytest.raises(InputError, match="no table"):
            study_of(TINY.name, [wrong])
