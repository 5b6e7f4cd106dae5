"""Questions: answers of every kind from made-up records, and what is said while nothing is run."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import replace

import pytest

from tests.studies.made_up_runs import made_up_sweep
from tlm_sweeps.report.sources import SweepResults
from tlm_sweeps.studies.answers_json import questions_json
from tlm_sweeps.studies.arms import Arm
from tlm_sweeps.studies.overfitting import overfitting
from tlm_sweeps.studies.question_sections import answer_of, question_section
from tlm_sweeps.studies.questions import Comparisons, Group, Overfitting, Question, Shape
from tlm_sweeps.studies.shapes import Step, best_shapes
from tlm_sweeps.studies.tradeoffs_questions import QUESTIONS

MadeUp = Callable[..., SweepResults]
SEEDS = range(3)
BUDGETS = (10**11, 10**12)


def seeds(nll: float, spread: float = 0.01) -> dict[int, float]:
    """NLLs of three seeds around a mean, the same way for every setting."""
    return {seed: nll + spread * (seed - 1) * (1 + 0.1 * nll) for seed in SEEDS}


def arm(kind: str, **where: object) -> Arm:
    """A side that is called by its kind."""
    return Arm("s", kind, {"model.kind": kind, **where})


def comparisons(made_up: MadeUp, **nlls: float) -> tuple[Question, dict[str, SweepResults]]:
    """A question about one reference, the first that is given."""
    reference, *others = (arm(kind) for kind in nlls)
    sweeps = {"s": made_up("s", *(({"model.kind": kind}, seeds(nll)) for kind, nll in nlls.items()))}
    return Question(9, "Which helps?", "Little.", Comparisons((Group(reference, tuple(others)),))), sweeps


def test_what_is_better_and_worse_than_the_reference_is_in_the_heading(made_up: MadeUp):
    question, sweeps = comparisons(made_up, block=2.5, norm=2.4, bias=2.6)
    section = question_section(question, sweeps)
    assert section.heading == "9. Which helps? Better than block: norm; worse than block: bias."
    assert [row.cells[0] for row in section.tables[0].rows] == ["block", "norm", "bias"]


def test_what_cannot_be_told_apart_is_said(made_up: MadeUp):
    question, _ = comparisons(made_up, block=2.5, norm=2.5, missing=2.0)
    cells = (({"model.kind": "block"}, {0: 2.4, 1: 2.5, 2: 2.6}), ({"model.kind": "norm"}, {0: 2.5, 1: 2.6, 2: 2.4}))
    assert (
        answer_of(question, {"s": made_up("s", *cells)}).headline
        == "Within noise of block: norm; not run against block: missing."
    )


def test_groups_are_told_apart_by_where_they_are(made_up: MadeUp):
    cells = [
        ({"model.kind": kind, "model.context": context}, seeds(nll))
        for context, learned, rope in ((64, 2.4, 2.5), (128, 2.5, 2.3), (256, 2.5, 2.2))
        for kind, nll in (("learned", learned), ("rope", rope))
    ]
    groups = tuple(
        Group(
            arm("learned", **{"model.context": context}), (arm("rope", **{"model.context": context}),), f"T = {context}"
        )
        for context in (64, 128, 256)
    )
    question = Question(9, "From where on?", "", Comparisons(groups))
    answer = answer_of(question, {"s": made_up("s", *cells)})
    assert answer.headline == "Rope is better than learned at T = 128 and T = 256; worse than learned at T = 64."


def shape_of(made_up: MadeUp, nll: Callable[[int, int, int], float]) -> tuple[Shape, dict[str, SweepResults]]:
    """A sweep over depth and context at two budgets."""
    steps = {"model.depth": (1, 2, 4), "model.context": (64, 128)}
    cells = [
        ({"model.depth": depth, "model.context": context, "budget.flops": budget}, seeds(nll(depth, context, budget)))
        for budget in BUDGETS
        for depth in (1, 2, 4)
        for context in (64, 128)
    ]
    search = {name: list(values) for name, values in steps.items()}
    return Shape("s", BUDGETS, steps), {"s": made_up("s", *cells, search=search)}


def test_the_best_shape_and_when_a_step_pays(made_up: MadeUp):
    def nll(depth: int, context: int, budget: int) -> float:
        deep = 0.1 * depth if budget == BUDGETS[0] else -0.1 * depth
        return 2.5 + deep + (0.2 if context == 128 else 0.0)

    asked, sweeps = shape_of(made_up, nll)
    answer = best_shapes(asked, sweeps)
    assert [best.values for best in answer.best] == [(1, 64), (4, 64)]
    assert [best.close for best in answer.best] == [(), ()]
    one_to_two, two_to_four, longer = answer.steps
    for step in (one_to_two, two_to_four):
        assert (step.worse_up_to, step.better_from) == BUDGETS
        assert [each.first.chosen for each in step.compared] == [{"model.context": 64}] * 2
    assert (longer.worse_up_to, longer.better_from) == (BUDGETS[1], None)
    said = answer_of(Question(2, "When?", "", asked), sweeps)
    assert "depth 1, context 64 at 100 GFLOPs" in said.headline
    assert "Depth 2 is, against 1, worse up to 100 GFLOPs and better from 1 TFLOPs on." in said.details


def test_shapes_that_are_within_noise_of_the_best_are_named(made_up: MadeUp):
    asked, sweeps = shape_of(made_up, lambda depth, context, _: 2.5 + (1e-6 if context == 128 else 0) + 0.1 * depth)
    noisy = {"s": made_up("s", *_shuffled(asked), search={name: list(each) for name, each in asked.steps.items()})}
    assert best_shapes(asked, sweeps).best[0].values == (1, 64)
    always_the_same_apart = (2, 128)
    assert set(best_shapes(asked, noisy).best[0].close) == {
        (depth, context) for depth in (1, 2, 4) for context in (64, 128)
    } - {(1, 64), always_the_same_apart}


def _shuffled(asked: Shape) -> list[tuple[dict[str, object], dict[int, float]]]:
    """The same NLLs for every shape, but of other seeds."""
    nlls = [2.4, 2.5, 2.6]
    shapes = [(budget, depth, context) for budget in asked.budgets for depth in (1, 2, 4) for context in (64, 128)]
    return [
        (
            {"model.depth": depth, "model.context": context, "budget.flops": budget},
            {seed: nlls[(seed + number) % 3] + 1e-4 * number for seed in SEEDS},
        )
        for number, (budget, depth, context) in enumerate(shapes)
    ]


def test_no_shape_is_best_while_one_is_running(made_up: MadeUp):
    asked, sweeps = shape_of(made_up, lambda depth, *_: 2.5 + depth)
    records = [
        each.model_copy(update={"state": "running"}) if each.trial == 11 else each for each in sweeps["s"].records
    ]
    found = {"s": SweepResults(sweeps["s"].spec, tuple(records), {}, 0, "", "")}
    answer = best_shapes(asked, found)
    assert [best.shape is None for best in answer.best] == [False, True]
    assert answer.steps[1].compared[1].verdict == "not run"
    rows = question_section(Question(2, "When?", "", asked), found).tables[0].rows
    assert rows[1].cells[1] == "not run yet"


def curves(best: float, end: float, spread: float = 0.01) -> dict[int, list[tuple[float, float]]]:
    """Three seeds that are best after epoch 2 of 4."""
    return {
        seed: [(1.0, best + 0.1), (2.0, best + spread * seed), (3.0, (best + end) / 2), (4.0, end + 2 * spread * seed)]
        for seed in SEEDS
    }


@pytest.mark.parametrize(
    ("best", "end", "verdict"),
    [(6.4, 7.0, "overfits"), (6.4, 6.3, "does not overfit"), (6.4, 6.4001, "within noise")],
)
def test_whether_a_model_overfits(best: float, end: float, verdict: str, made_up: MadeUp):
    asked = Overfitting(Arm("s", "words"), ())
    course = overfitting(asked, {"s": made_up("s", ({}, curves(best, end)))}).reference
    assert course.verdict == verdict
    assert course.epochs == 4
    if course.verdict != "within noise":
        assert course.best_epoch is not None
        assert course.best_epoch.mean == (4 if end < best else 2)


def test_how_regularisation_does_is_said_with_what_it_reaches(made_up: MadeUp):
    cells = [({"model.dropout": dropout}, curves(*nlls)) for dropout, nlls in ((0.1, (6.4, 7.0)), (0.5, (6.2, 6.0)))]
    arms = [Arm("s", f"dropout {dropout}", {"model.dropout": dropout}) for dropout in (0.1, 0.5)]
    sweeps = {"s": made_up("s", *cells)}
    question = Question(3, "Is it cured?", "", Overfitting(arms[0], (arms[1],)))
    answer = answer_of(question, sweeps)
    assert answer.headline == "1 of 2 settings overfit; not dropout 0.5."
    assert answer.details == "Lower test NLL than dropout 0.1: dropout 0.5."
    assert len(question_section(question, sweeps).tables[0].rows) == 2


@pytest.mark.parametrize("question", QUESTIONS, ids=lambda question: str(question.number))
def test_a_question_that_is_not_run_says_so(question: Question):
    section = question_section(question, {})
    assert section.heading.endswith("Not run yet.")
    assert section.tables == ()
    assert section.sweeps


def test_json_of_questions_is_whole():
    found = json.loads(json.dumps(questions_json({}, QUESTIONS)))
    assert [each["number"] for each in found] == [1, 2, 3, 4, 5, 6, 7]
    assert {each["answer"] for each in found} == {"Not run yet."}
    assert found[0]["groups"][0]["contrasts"][0]["verdict"] == "not run"
    assert len(found[1]["best"]) == 4
    assert len(found[2]["courses"]) == 7


def shape_seeds(nlls: Mapping[tuple[int, int], tuple[float, float]]) -> dict[str, SweepResults]:
    """Shapes at one budget by (validation, test) NLL."""
    cells = [
        (
            {"model.depth": depth, "model.context": context, "budget.flops": BUDGETS[0]},
            {seed: (val + 0.01 * seed, test + 0.01 * seed) for seed in SEEDS},
        )
        for (depth, context), (val, test) in nlls.items()
    ]
    return {"s": made_up_sweep("s", *cells, search={"model.depth": [1, 2], "model.context": [64, 128]})}


ONE_BUDGET = Shape("s", BUDGETS[:1], {"model.depth": (1, 2), "model.context": (64, 128)})


def test_the_best_shape_is_chosen_by_validation():
    sweeps = shape_seeds({(1, 64): (2.5, 2.0), (1, 128): (2.4, 2.9), (2, 64): (2.6, 1.9), (2, 128): (2.7, 1.8)})
    (best,) = best_shapes(ONE_BUDGET, sweeps).best
    assert best.values == (1, 128)
    assert best.shape is not None
    assert best.shape.nlls == pytest.approx({seed: 2.9 + 0.01 * seed for seed in SEEDS})


def test_a_shape_that_lost_a_seed_is_not_ranked():
    sweeps = shape_seeds({(1, 64): (2.1, 2.1), (1, 128): (2.4, 2.4), (2, 64): (2.5, 2.5), (2, 128): (2.6, 2.6)})
    lost = tuple(
        each.model_copy(update={"state": "failed", "val_nll": None}) if (each.trial, each.seed) == (0, 1) else each
        for each in sweeps["s"].records
    )
    (best,) = best_shapes(ONE_BUDGET, {"s": replace(sweeps["s"], records=lost)}).best
    assert best.values == (1, 128)
    assert (1, 64) not in best.close


FOUR = (10**10, 10**11, 10**12, 10**13)


def step_of(*signs: int | None) -> tuple[Step, str]:
    """A step of depth whose higher value is better (+1), worse (-1), alike (0) or not run at four budgets; in words."""
    cells = [
        (
            {"model.depth": depth, "model.context": 64, "budget.flops": budget},
            {seed: 2.5 + 0.01 * seed * depth - 0.2 * (sign or 0) * (depth - 1) for seed in SEEDS}
            if sign
            else alike[depth]
            if sign == 0
            else dict.fromkeys(SEEDS, "running"),
        )
        for budget, sign in zip(FOUR, signs, strict=True)
        for depth in (1, 2)
        for alike in ({1: {0: 2.4, 1: 2.5, 2: 2.6}, 2: {0: 2.5, 1: 2.6, 2: 2.4}},)
    ]
    asked = Shape("s", FOUR, {"model.depth": (1, 2), "model.context": (64,)})
    sweeps = {"s": made_up_sweep("s", *cells, search={"model.depth": [1, 2], "model.context": [64]})}
    said = answer_of(Question(2, "When?", "", asked), sweeps)
    return best_shapes(asked, sweeps).steps[0], said.details


@pytest.mark.parametrize(
    ("signs", "worse_up_to", "better_from", "words"),
    [
        ((-1, -1, 1, 1), FOUR[1], FOUR[2], "worse up to 100 GFLOPs and better from 1 TFLOPs on."),
        ((-1, 0, 0, 1), FOUR[0], FOUR[3], "worse up to 10 GFLOPs and better from 10 TFLOPs on."),
        ((0, -1, 1, 0), None, None, "worse at 100 GFLOPs and better at 1 TFLOPs."),
        ((-1, 0, -1, 0), FOUR[0], None, "worse at 10 GFLOPs and 1 TFLOPs and nowhere clearly better."),
        ((1, 0, 1, 1), None, FOUR[2], "nowhere clearly worse and better at 10 GFLOPs, 1 TFLOPs and 10 TFLOPs."),
        ((1, 1, 1, 1), None, FOUR[0], "nowhere clearly worse and better from 10 GFLOPs on."),
        ((-1, -1, -1, -1), FOUR[3], None, "worse up to 10 TFLOPs and nowhere clearly better."),
        (
            (-1, None, 0, 1),
            FOUR[0],
            FOUR[3],
            "worse up to 10 GFLOPs and better from 10 TFLOPs on; not run at 100 GFLOPs.",
        ),
        (
            (None, -1, 1, None),
            None,
            None,
            "worse at 100 GFLOPs and better at 1 TFLOPs; not run at 10 GFLOPs and 10 TFLOPs.",
        ),
    ],
)
def test_up_to_and_from_are_said_only_of_every_budget(
    signs: tuple[int | None, ...], worse_up_to: int | None, better_from: int | None, words: str
):
    step, said = step_of(*signs)
    assert (step.worse_up_to, step.better_from) == (worse_up_to, better_from)
    assert f"Depth 2 is, against 1, {words}" in said


@pytest.mark.parametrize(("n", "verdict"), [(2, "not run"), (3, "overfits")])
def test_overfitting_needs_three_seeds(n: int, verdict: str, made_up: MadeUp):
    found = {seed: curve for seed, curve in curves(6.4, 7.0).items() if seed < n}
    course = overfitting(Overfitting(Arm("s", "words"), ()), {"s": made_up("s", ({}, found))}).reference
    assert course.verdict == verdict


def test_overfitting_is_not_judged_before_every_seed_has_ended(made_up: MadeUp):
    sweeps = {"s": made_up("s", ({}, {**curves(6.4, 7.0), 3: "running"}))}
    assert overfitting(Overfitting(Arm("s", "words"), ()), sweeps).reference.verdict == "not run"


def test_sides_of_a_question_that_spent_unlike_are_not_run(made_up: MadeUp):
    cells = [({"model.kind": kind}, seeds(nll)) for kind, nll in (("block", 2.5), ("norm", 2.3))]
    sweeps = {"s": made_up("s", *cells, matmul={0: 10**12, 1: 2 * 10**12})}
    group = Group(arm("block"), (arm("norm"),))
    equal, any_cost = (
        answer_of(Question(9, "Which?", "", kind), sweeps)
        for kind in (Comparisons((group,)), Comparisons((group,), None))
    )
    assert equal.headline == "Not run yet."
    assert "have not spent the same" in equal.details
    assert any_cost.headline == "Better than block: norm."
