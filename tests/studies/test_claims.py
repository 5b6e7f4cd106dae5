"""Claims: every verdict of a setting, headings that say failures aloud, and arms that the specs really train."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from tlm_sweeps.compute.planning import SweepPlan
from tlm_sweeps.report.sources import SweepResults
from tlm_sweeps.spec.sweep import SweepSpec
from tlm_sweeps.studies.answers_json import claims_json
from tlm_sweeps.studies.arms import Arm, is_of
from tlm_sweeps.studies.claims import Basis, Claim, Setting, judge
from tlm_sweeps.studies.contrasts import Contrast
from tlm_sweeps.studies.questions import Comparisons, Overfitting, Shape
from tlm_sweeps.studies.sections import claim_section
from tlm_sweeps.studies.sides import Lowest, Side, Tuned, arm_of
from tlm_sweeps.studies.tradeoffs import TRADEOFFS
from tlm_sweeps.studies.tradeoffs_claims import A1, CLAIMS
from tlm_sweeps.studies.tradeoffs_questions import QUESTIONS
from tlm_sweeps.units import format_flops

MadeUp = Callable[..., SweepResults]
Planned = Callable[[str], tuple[SweepSpec, SweepPlan]]
SPECS = sorted((Path(__file__).parents[2] / "sweeps" / "architecture-tradeoffs").glob("*.yaml"))
BETTER, WORSE = {0: 2.0, 1: 2.11, 2: 2.19}, {0: 2.5, 1: 2.6, 2: 2.7}
CLOSE = {0: 2.4, 1: 2.7, 2: 2.65}


def arms(*depths: int) -> list[Arm]:
    """Settings of one sweep."""
    return [Arm("s", f"L = {depth}", {"model.depth": depth}) for depth in depths]


def shallow() -> Contrast:
    """Says that one block is better than two."""
    one, two = arms(1, 2)
    return Contrast(one, two)


def asked(*contrasts: Contrast, **changes: object) -> Claim:
    """A claim in one setting."""
    return Claim("A9", "shallow is better", "a table", (Setting("own account", contrasts, **changes),))  # pyright: ignore[reportArgumentType] the test names fields of a setting


def trained(made_up: MadeUp, *nlls: Mapping[int, object], **changes: object) -> dict[str, SweepResults]:
    """A sweep over depths from 1 on."""
    return {"s": made_up("s", *(({"model.depth": depth}, found) for depth, found in enumerate(nlls, 1)), **changes)}


@pytest.mark.parametrize(
    ("nlls", "verdict"),
    [
        ((BETTER, WORSE, WORSE), "holds"),
        ((WORSE, BETTER, WORSE), "does not hold"),
        ((BETTER, WORSE, CLOSE), "holds"),
        ((WORSE, CLOSE, CLOSE), "not shown"),
        ((BETTER, WORSE, {0: 9.0}), "not run"),
        ((WORSE, BETTER, {0: 9.0}), "does not hold"),
        ((BETTER,), "not run"),
    ],
)
def test_every_verdict_of_a_setting(nlls: tuple[dict[int, float], ...], verdict: str, made_up: MadeUp):
    one, two, three = arms(1, 2, 3)
    answer = judge(asked(Contrast(one, two), Contrast(one, three)), trained(made_up, *nlls))
    assert [each.verdict for each in answer.settings] == [verdict]


def test_a_claim_about_cost_needs_the_lower_cost(made_up: MadeUp):
    contrast = shallow()
    cheap = trained(made_up, BETTER, WORSE, matmul={0: 10**11})
    dear = trained(made_up, BETTER, WORSE, matmul={0: 10**13})
    verdicts = [judge(asked(contrast, cheaper="2nd"), sweeps).settings[0].verdict for sweeps in (cheap, dear)]
    assert verdicts == ["holds", "does not hold"]


def test_what_stands_beside_decides_nothing(made_up: MadeUp):
    one, two = arms(1, 2)
    answer = judge(asked(Contrast(one, two), beside=(Contrast(two, one),)), trained(made_up, BETTER, WORSE))
    assert answer.settings[0].verdict == "holds"
    assert answer.settings[0].beside[0].verdict == "reversed"


def test_a_heading_says_failures_first(made_up: MadeUp):
    one, two = arms(1, 2)
    settings = (
        Setting("own account", (Contrast(one, two),)),
        Setting("equal FLOPs, last", (Contrast(two, one),)),
        Setting("equal FLOPs, all", (Contrast(Arm("unknown", "x"), one),)),
    )
    heading = judge(Claim("A9", "deep is better", "", settings), trained(made_up, BETTER, WORSE)).heading
    assert heading.index("does not hold") < heading.index("holds by") < heading.index("not run")
    assert heading.endswith("deep is better")


@pytest.mark.parametrize(
    ("nlls", "words"),
    [((BETTER, WORSE), "A9 holds:"), ((WORSE, BETTER), "A9 does not hold:"), ((CLOSE, WORSE), "A9 is not shown:")],
)
def test_a_heading_of_one_verdict(nlls: tuple[dict[int, float], ...], words: str, made_up: MadeUp):
    assert judge(asked(shallow()), trained(made_up, *nlls)).heading.startswith(words)


def test_a_section_has_the_numbers_and_says_what_is_missing(made_up: MadeUp):
    sweeps = trained(made_up, BETTER, WORSE)
    section = claim_section(judge(asked(shallow()), sweeps), sweeps)
    (row,) = section.tables[0].rows
    assert "2.1000 / 2.6000" in row.cells
    assert "+0.5000 (+0.4752 to +0.5248)" in row.cells
    assert claim_section(judge(A1, {}), {}).tables == ()
    assert "tradeoffs-table-1 is not run" in " ".join(claim_section(judge(A1, {}), {}).sentences)


def test_json_of_claims_that_were_not_run_is_whole_and_null():
    found = json.loads(json.dumps(claims_json({}, CLAIMS)))
    assert [claim["name"] for claim in found] == ["A1", "A2", "A3", "A4", "A5", "A6"]
    assert {setting["verdict"] for claim in found for setting in claim["settings"]} == {"not run"}
    assert all(each["p"] is None for claim in found for setting in claim["settings"] for each in setting["contrasts"])


def test_attention_at_equal_flops_from_records(made_up: MadeUp):
    rate = "training.learning_rate"
    at = {"budget.flops": 250_000_000_000}

    def family(kind: str, good: float, predict: str) -> SweepResults:
        cells = [
            ({rate: value, "training.predict": predict, **at}, {seed: good + worse + 0.01 * seed for seed in range(3)})
            for value, worse in ((3e-4, 0.2), (1e-3, 0.0), (3e-3, 0.3))
        ]
        return made_up(f"tradeoffs-equal-{kind}", *cells, search={rate: [3e-4, 1e-3, 3e-3]})

    sweeps = {each.spec.name: each for each in (family("attention", 2.5, "last"), family("mlp", 2.3, "last"))}
    setting = next(each for each in judge(A1, sweeps).settings if each.setting.basis == "equal FLOPs, last")
    assert setting.verdict == "does not hold"
    assert [each.verdict for each in setting.compared] == ["reversed", "not run", "not run"]
    assert setting.compared[0].first.chosen == {rate: 1e-3}


def test_evidence_quotes_what_was_published():
    published = {f"{cell.published.test_nll:.4f}" for _, cell in TRADEOFFS.cells}
    quoted = {number for claim in CLAIMS for number in re.findall(r"\d\.\d{4}", claim.evidence)}
    assert quoted
    assert quoted <= published


def sides() -> Iterator[Side]:
    """All sides of claims and questions."""
    for setting in (setting for claim in CLAIMS for setting in claim.settings):
        for contrast in (*setting.contrasts, *setting.beside):
            yield from (contrast.first, contrast.second)
    for question in QUESTIONS:
        match question.kind:
            case Comparisons(groups):
                yield from (side for group in groups for side in (group.reference, *group.others))
            case Overfitting(reference, others):
                yield from (reference, *others)
            case Shape():
                pass


def test_every_side_is_one_setting_of_the_specs(planned: Planned):
    plans = {spec.name: (spec, plan) for spec, plan in map(planned, (path.name for path in SPECS))}
    for side in sides():
        arm = arm_of(side)
        spec, plan = plans[arm.sweep]
        trials = [trial for trial in plan.feasible if trial.matched]
        found = [
            trial
            for trial in trials
            if trial.matched and is_of(arm, trial.matched.experiment.model_dump(mode="json"), trial.budget_flops)
        ]
        wanted = spec.search[side.over].size() if isinstance(side, Tuned) else 1
        assert len(found) == wanted, arm
        assert len(plan.seeds) >= 3, spec.name


def test_the_shapes_of_question_2_are_those_of_its_spec(planned: Planned):
    kind = QUESTIONS[1].kind
    assert isinstance(kind, Shape)
    spec, plan = planned("question-2-shape.yaml")
    assert {name: getattr(each, "choices", None) for name, each in spec.search.items()} == dict(kind.steps)
    assert tuple(sorted({trial.budget_flops or 0 for trial in plan.feasible})) == kind.budgets
    assert len(plan.feasible) == len(kind.budgets) * math.prod(map(len, kind.steps.values()))


def costing(made_up: MadeUp, first: int | None, second: int | None) -> dict[str, SweepResults]:
    """One block better than two, with what a run of each has spent; None where that is not known."""
    results = trained(made_up, BETTER, WORSE)["s"]
    spent = [each and {"matmul": each, "6nd": each, "2nd": each} for each in (first, second)]
    records = tuple(each.model_copy(update={"train_flops": spent[each.trial]}) for each in results.records)
    return {"s": replace(results, records=records)}


@pytest.mark.parametrize(
    ("first", "second", "verdict"),
    [
        (9, 10, "holds"),
        (10, 10, "does not hold"),
        (11, 10, "does not hold"),
        (None, 10, "not run"),
        (9, None, "not run"),
    ],
)
def test_the_first_must_be_known_to_have_spent_less(
    first: int | None, second: int | None, verdict: str, made_up: MadeUp
):
    sweeps = costing(made_up, first, second)
    (setting,) = judge(asked(shallow(), cheaper="2nd"), sweeps).settings
    assert setting.verdict == verdict
    (found,) = claims_json(sweeps, [asked(shallow(), cheaper="2nd")])[0]["settings"]
    assert (found["cheaper"], found["is_dearer"]) == ("2nd", verdict == "does not hold")
    assert bool(found["missing"]) == (verdict == "not run")


def test_one_dear_contrast_of_several_is_enough(made_up: MadeUp):
    one, two, three = arms(1, 2, 3)
    sweeps = trained(made_up, BETTER, WORSE, WORSE, matmul={0: 10, 1: 20, 2: 5})
    (setting,) = judge(asked(Contrast(one, two), Contrast(one, three), cheaper="2nd"), sweeps).settings
    assert (setting.is_dearer, setting.verdict) == (True, "does not hold")


def test_what_stands_beside_is_corrected_apart(made_up: MadeUp):
    one, two, three = arms(1, 2, 3)
    sweeps = trained(made_up, BETTER, WORSE, CLOSE)
    claim = asked(Contrast(one, two), beside=(Contrast(one, three), Contrast(two, three)))
    (setting,) = judge(claim, sweeps).settings
    assert setting.compared[0].corrected_p == setting.compared[0].p
    ps = [each.p for each in setting.beside]
    assert None not in ps
    lowest = min(range(2), key=lambda number: ps[number] or 0)
    assert setting.beside[lowest].corrected_p == pytest.approx(min(1, 2 * (ps[lowest] or 0)))


@pytest.mark.parametrize(
    ("basis", "verdict"),
    [
        ("own account", "holds"),
        ("equal FLOPs, last", "not run"),
        ("equal FLOPs, all", "not run"),
        ("all positions", "holds"),
    ],
)
def test_settings_at_equal_flops_are_not_run_at_unequal_ones(basis: Basis, verdict: str, made_up: MadeUp):
    sweeps = trained(made_up, BETTER, WORSE, matmul={0: 10**12, 1: 2 * 10**12})
    claim = Claim("A9", "shallow is better", "", (Setting(basis, (shallow(),)),))
    answer = judge(claim, sweeps)
    assert answer.settings[0].verdict == verdict
    said = " ".join(claim_section(answer, sweeps).sentences)
    assert ("have not spent the same: 2 times the matmul FLOPs" in said) == (verdict == "not run")


@pytest.mark.parametrize(("middle", "star"), [(0.0, ""), (0.9, "*")])
def test_a_learning_rate_at_the_edge_is_starred_in_the_heading(middle: float, star: str, made_up: MadeUp):
    """Validation chooses the middle of three, or the highest."""
    rate = "training.learning_rate"

    def side(depth: int, nll: float) -> list[tuple[dict[str, object], dict[int, float]]]:
        worse = {1e-4: 0.8, 1e-3: middle, 1e-2: 0.5}
        return [
            ({"model.depth": depth, rate: value}, {seed: nll + more + 0.01 * seed * depth for seed in range(3)})
            for value, more in worse.items()
        ]

    one, two = (Tuned(arm) for arm in arms(1, 2))
    sweeps = {"s": made_up("s", *side(1, 2.0), *side(2, 2.5), search={rate: [1e-4, 1e-3, 1e-2]})}
    answer = judge(asked(Contrast(one, two)), sweeps)
    assert answer.heading == f"A9 holds{star}: shallow is better"
    assert ("a star marks" in " ".join(claim_section(answer, sweeps).sentences).lower()) == bool(star)
    mixed = Claim(
        "A9",
        "so it is",
        "",
        (Setting("own account", (Contrast(one, two),)), Setting("all positions", (Contrast(two, one),))),
    )
    assert f"holds by the study's own account{star}:" in judge(mixed, sweeps).heading


def test_batches_are_said_of_each_side_where_they_differ(made_up: MadeUp):
    cells = [
        ({"model.depth": depth, "training.batch_size": batch}, nlls)
        for depth, batch, nlls in ((1, 16, BETTER), (2, 64, WORSE))
    ]
    sweeps = {"s": made_up("s", *cells)}
    said = " ".join(claim_section(judge(asked(shallow()), sweeps), sweeps).sentences)
    assert "batches of 16 (L = 1) and 64 (L = 2)" in said
    alike = trained(made_up, BETTER, WORSE)
    assert "batches of 64;" in " ".join(claim_section(judge(asked(shallow()), alike), alike).sentences)


def test_json_has_what_a_reader_needs_to_find_the_runs(made_up: MadeUp):
    sweeps = trained(made_up, {**BETTER, 3: "failed"}, {**WORSE, 3: 2.8})
    (setting,) = claims_json(sweeps, [asked(shallow())])[0]["settings"]
    first = setting["contrasts"][0]["first"]
    assert first["runs"] == ["s-t0000-s0", "s-t0000-s1", "s-t0000-s2"]
    assert (first["score"], first["n_asked"], first["n_failed"]) == ("test_nll", 4, 1)
    assert (first["2nd_flops"], first["matmul_flops"]) == (10**12, 10**12)
    assert first["devices"] == ["cpu"]


def test_json_of_a_curve_says_that_its_nll_is_of_validation(made_up: MadeUp):
    curve = [(1.0, 6.5), (2.0, 6.4), (3.0, 6.45)]
    sweeps = {"s": made_up("s", ({}, dict.fromkeys(range(3), curve)))}
    words = Arm("s", "words")
    found = claims_json(sweeps, [asked(Contrast(Lowest(words, to=2), Lowest(words, after=2)))])
    assert found[0]["settings"][0]["contrasts"][0]["first"]["score"] == "val_nll"


def test_notes_quote_what_the_study_s_protocol_costs(planned: Planned):
    def cost(file: str, **settings: int) -> str:
        trials = [each for each in planned(file)[1].feasible if dict(each.settings) == settings and each.matched]
        (spent,) = (each.matched.train_flops.of("matmul") for each in trials if each.matched)
        return format_flops(spent)

    depth, heads = (next(claim for claim in CLAIMS if claim.name == name) for name in ("A2", "A4"))
    for setting in depth.settings[1:]:
        for number in (3, 4):
            assert f"L = {number}" in setting.note
            assert cost("sweep-depth.yaml", **{"model.depth": number}) in setting.note
    for setting in heads.settings[1:]:
        assert cost("sweep-heads.yaml", **{"model.heads": 4}) in setting.note
