"""Every claim and question on the repository's own specs, with planted outcomes: the expected verdict, and its mirror.

What is planted is told from the resolved experiment of a run and its budget, never by an arm of the study.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import pytest

from tests.studies.study_runs import falling, results_of
from tlm_sweeps.compute.planning import PlannedTrial
from tlm_sweeps.report.sources import SweepResults
from tlm_sweeps.studies.claims import ClaimAnswer, judge
from tlm_sweeps.studies.question_sections import answer_of
from tlm_sweeps.studies.tradeoffs_claims import CLAIMS
from tlm_sweeps.studies.tradeoffs_questions import QUESTIONS

Effect = Callable[[Mapping[str, Any], Mapping[str, Any], int], float]
"""How much higher the NLL is, from the model, the training and the budget."""
OWN, LAST, EVERY = "own account", "equal FLOPs, last", "equal FLOPs, all"
FILES = {
    "A1": ["table-1.yaml", "equal-mlp.yaml", "equal-attention.yaml", "equal-transformer.yaml"],
    "A2": ["sweep-depth.yaml", "equal-depth.yaml"],
    "A3": ["sweep-context.yaml", "equal-context.yaml"],
    "A4": ["sweep-heads.yaml", "equal-heads.yaml"],
    "A5": ["table-3.yaml", "question-7-positions.yaml"],
    "A6": ["table-2-ptb.yaml", "table-2-wikitext-2.yaml", "question-3-regularisation.yaml"],
}


def planted(files: list[str], effect: Effect, course: Callable[[float], float] = falling) -> dict[str, SweepResults]:
    """Sweeps whose runs differ by an effect and a little by seed, the same way in every sweep."""

    def test_nll(trial: PlannedTrial, seed: int) -> float:
        assert trial.matched
        resolved = trial.matched.experiment.model_dump(mode="json")
        higher = effect(resolved["model"], resolved["training"], trial.budget_flops or 0)
        return 3.0 + higher + 0.01 * seed + 0.001 * higher * seed

    found = [results_of(file, test_nll, course=course) for file in files]
    return {each.spec.name: each for each in found}


def answered(name: str, effect: Effect, course: Callable[[float], float] = falling) -> ClaimAnswer:
    """A claim asked of planted runs."""
    (claim,) = (claim for claim in CLAIMS if claim.name == name)
    return judge(claim, planted(FILES[name], effect, course))


def verdicts(answer: ClaimAnswer) -> dict[str, str]:
    """By setting."""
    return {each.setting.basis: each.verdict for each in answer.settings}


BY_KIND = {"attention": 0.1, "transformer": 0.2, "mlp": 0.3, "linear": 0.9}
EFFECTS: dict[str, Effect] = {
    "A1": lambda model, *_: BY_KIND[model["kind"]],
    "A2": lambda model, *_: 0.1 * abs(model["depth"] - 3),
    "A3": lambda model, *_: model["context"] / 300,
    "A4": lambda model, *_: 0.4 - 0.1 * model["heads"],
    "A5": lambda model, *_: {"learned": 0.1, "rope": 0.2, "sinusoidal": 0.0}[model["positions"]],
}
SETTINGS = {"A3": {OWN, LAST}}


@pytest.mark.parametrize("name", EFFECTS)
def test_a_claim_holds_where_it_is_true_and_does_not_where_its_mirror_is(name: str):
    settings = SETTINGS.get(name, {OWN, LAST, EVERY})
    assert verdicts(answered(name, EFFECTS[name])) == dict.fromkeys(settings, "holds")
    mirrored = answered(name, lambda *run: -EFFECTS[name](*run))
    assert verdicts(mirrored) == dict.fromkeys(settings, "does not hold")


@pytest.mark.parametrize("predict", ["last", "all"])
@pytest.mark.parametrize("name", ["A1", "A2", "A4"])
def test_settings_at_equal_flops_look_at_their_own_objective(name: str, predict: str):
    """True with one objective, false with the other. The study's own account has one target a window."""

    def effect(model: Mapping[str, Any], training: Mapping[str, Any], budget: int) -> float:
        sign = 1 if training["predict"] == predict or model["kind"] == "mlp" else -1
        far = 0.25 if model["kind"] in {"attention", "transformer"} and sign < 0 and name == "A1" else 0.0
        return sign * EFFECTS[name](model, training, budget) + far * 4

    true, false = (LAST, EVERY) if predict == "last" else (EVERY, LAST)
    found = verdicts(answered(name, effect))
    assert (found[true], found[false]) == ("holds", "does not hold")
    assert found[OWN] == found[LAST]


@pytest.mark.parametrize("budget", [250_000_000_000, 1_000_000_000_000, 4_000_000_000_000])
def test_attention_must_win_at_every_budget(budget: int):
    found = answered("A1", lambda model, _, at: BY_KIND[model["kind"]] * (-1 if at == budget else 1))
    assert verdicts(found) == {OWN: "holds", LAST: "does not hold", EVERY: "does not hold"}
    assert [each.verdict for each in found.settings[1].compared].count("reversed") == 1


@pytest.mark.parametrize("budget", [100_000_000_000, 400_000_000_000, 1_600_000_000_000])
def test_short_contexts_must_win_at_every_budget(budget: int):
    found = answered("A3", lambda model, _, at: model["context"] / 300 * (-1 if at == budget else 1))
    assert verdicts(found) == {OWN: "holds", LAST: "does not hold"}
    assert [each.verdict for each in found.settings[1].compared].count("reversed") == 2


@pytest.mark.parametrize(("better", "worse"), [(4, 2), (4, 1), (2, 1)])
def test_every_pair_of_heads_decides(better: int, worse: int):
    higher = {head: 0.4 - 0.1 * head for head in (1, 2, 4)}
    higher[better] = higher[worse] + 0.05
    found = verdicts(answered("A4", lambda model, *_: higher[model["heads"]]))
    assert set(found.values()) == {"does not hold"}


@pytest.mark.parametrize("higher", [{32: 0.1, 64: 0.4, 128: 0.2}, {32: 0.2, 64: 0.1, 128: 0.4}])
def test_every_step_of_context_decides(higher: dict[int, float]):
    found = verdicts(answered("A3", lambda model, *_: higher[model["context"]]))
    assert set(found.values()) == {"does not hold"}


def test_claim_a1_is_about_cost_by_the_study_s_account_only():
    """Attention has the lower NLL everywhere; in table 1 it is made to have spent as much as the MLP."""
    runs = planted(FILES["A1"], EFFECTS["A1"])
    table_1 = runs["tradeoffs-table-1"]
    (dear,) = {each.train_flops["2nd"] for each in table_1.records if each.train_flops and each.baseline == "mlp"}
    records = tuple(
        each.model_copy(update={"train_flops": {**(each.train_flops or {}), "2nd": dear}})
        if each.baseline == "attention"
        else each
        for each in table_1.records
    )
    answer = judge(CLAIMS[0], {**runs, "tradeoffs-table-1": replace(table_1, records=records)})
    assert verdicts(answer) == {OWN: "does not hold", LAST: "holds", EVERY: "holds"}


def test_the_transformer_stands_beside_claim_a1_and_decides_nothing():
    kinds = {**BY_KIND, "transformer": 0.8}
    found = answered("A1", lambda model, *_: kinds[model["kind"]])
    assert verdicts(found) == dict.fromkeys((OWN, LAST, EVERY), "holds")
    assert {each.verdict for answer in found.settings for each in answer.beside} == {"reversed"}
    assert {each.first.label for answer in found.settings for each in answer.beside} == {"transformer"}


def test_positions_are_compared_at_a_context_of_128():
    """Learned positions are better there, and worse at every longer context."""
    found = answered("A5", lambda model, *run: EFFECTS["A5"](model, *run) * (1 if model["context"] == 128 else -1))
    assert verdicts(found) == dict.fromkeys((OWN, LAST, EVERY), "holds")


def after_epoch_2(rise: float) -> Callable[[float], float]:
    """Falls until epoch 2, then changes by so much an epoch."""
    return lambda epoch: 0.3 - 0.1 * min(epoch, 2.0) + rise * max(epoch - 2.0, 0.0)


def test_words_overfit_where_validation_is_lowest_by_epoch_2():
    basis = ("own account", "all positions")

    def slightly(model: Mapping[str, Any], *_: Any) -> float:
        return 0.001 * model["depth"]

    assert verdicts(answered("A6", slightly, after_epoch_2(0.1))) == dict.fromkeys(basis, "holds")
    assert verdicts(answered("A6", slightly, after_epoch_2(-0.1))) == dict.fromkeys(basis, "does not hold")


def test_the_regularised_runs_of_claim_a6_are_the_study_s():
    """It looks at dropout 0.1 without weight decay; every other run of that sweep lacks a curve that rises."""
    rising, flat = (planted(FILES["A6"], lambda *_: 0.0, after_epoch_2(rise)) for rise in (0.1, -0.1))
    name = "tradeoffs-question-3-80k"
    studys = {
        record.run_id
        for record in rising[name].records
        if (record.spec["model"]["dropout"], record.spec["training"]["weight_decay"]) == (0.1, 0.0)
    }
    curves = {run: (rising if run in studys else flat)[name].curves[run] for run in rising[name].curves}
    mixed = SweepResults(rising[name].spec, rising[name].records, curves, 0, "", "")
    assert verdicts(judge(CLAIMS[5], {**rising, name: mixed}))["all positions"] == "holds"


TECHNIQUES = {
    "RMSNorm": ("norm", "rmsnorm"),
    "SwiGLU": ("activation", "swiglu"),
    "grouped-query attention": ("kv_heads", 2),
    "pre-norm": ("norm_placement", "pre"),
    "tied head": ("tied_head", True),
    "no biases": ("biases", False),
}


def has(model: Mapping[str, Any]) -> list[str]:
    """Which techniques a model has."""
    return [label for label, (name, value) in TECHNIQUES.items() if model[name] == value]


@pytest.mark.parametrize("label", [*TECHNIQUES, "all together"])
def test_question_1_tells_the_techniques_apart(label: str):
    def is_meant(model: Mapping[str, Any]) -> bool:
        return has(model) == ([label] if label in TECHNIQUES else list(TECHNIQUES))

    def among(sign: int) -> str:
        runs = planted(["question-1-techniques.yaml"], lambda model, *_: sign * (0.2 if is_meant(model) else 0.0))
        return answer_of(QUESTIONS[0], runs).headline

    assert among(-1).startswith(f"Better than the study's block: {label};")
    assert among(+1).startswith(f"Worse than the study's block: {label};")


def test_question_2_finds_the_shape_that_is_best_at_each_budget():
    """Depth pays from 900 GFLOPs on and hurts below; a context of 128 is always best."""

    def effect(model: Mapping[str, Any], _: Mapping[str, Any], budget: int) -> float:
        deep = 0.1 * model["depth"] * (-1 if budget >= 9e11 else 1)
        return deep + {64: 0.4, 128: 0.0, 256: 0.7}[model["context"]]

    answer = answer_of(QUESTIONS[1], planted(["question-2-shape.yaml"], effect))
    assert "depth 1, context 128 at 40 GFLOPs" in answer.headline
    assert "depth 4, context 128 at 4 TFLOPs" in answer.headline
    assert "Depth 2 is, against 1, worse up to 200 GFLOPs and better from 900 GFLOPs on." in answer.details
    assert "Context 128 is, against 64, nowhere clearly worse and better from 40 GFLOPs on." in answer.details
    assert "Context 256 is, against 128, worse up to 4 TFLOPs and nowhere clearly better." in answer.details


REGULARISED = [(0.1, 0.1), (0.3, 0.0), (0.3, 0.1), (0.5, 0.0), (0.5, 0.1)]


@pytest.mark.parametrize(("dropout", "decay"), REGULARISED)
def test_question_3_tells_the_regularisations_apart(dropout: float, decay: float):
    def effect(model: Mapping[str, Any], training: Mapping[str, Any], _: int) -> float:
        return -0.2 if (model["dropout"], training["weight_decay"]) == (dropout, decay) else 0.0

    runs = planted(["question-3-regularisation.yaml", "question-3-full-text.yaml"], effect)
    said = answer_of(QUESTIONS[2], runs)
    lower = f"80,000 words, dropout {dropout:g}, weight decay {decay:g}"
    assert said.details == f"Lower test NLL than 80,000 words, dropout 0.1, weight decay 0: {lower}."


def test_question_3_sets_all_of_the_text_beside_it():
    files = ["question-3-regularisation.yaml", "question-3-full-text.yaml"]
    runs = planted(files[:1], lambda *_: 0.0, after_epoch_2(0.1)) | planted(files[1:], lambda *_: -0.5)
    said = answer_of(QUESTIONS[2], runs)
    assert said.headline == "6 of 7 settings overfit; not all of PTB, dropout 0.1, weight decay 0."
    assert said.details.endswith(": all of PTB, dropout 0.1, weight decay 0.")


@pytest.mark.parametrize("sign", [-1, 1])
@pytest.mark.parametrize(
    ("number", "file", "label", "is_meant"),
    [
        (4, "question-4-epochs.yaml", "L = 4, 6 epochs", lambda _, training: training["epochs"] == 6),
        (
            4,
            "question-4-epochs.yaml",
            "L = 4, epochs in proportion to parameters",
            lambda _, training: 2 < training["epochs"] < 3,
        ),
        (5, "question-5-ptb-context.yaml", "T = 128", lambda model, _: model["context"] == 128),
        (
            6,
            "question-6-wikipedia.yaml",
            "attention, one target a window",
            lambda model, training: (model["kind"], training["predict"]) == ("attention", "last"),
        ),
        (
            6,
            "question-6-wikipedia.yaml",
            "attention, all positions",
            lambda model, training: (model["kind"], training["predict"]) == ("attention", "all"),
        ),
        (6, "question-6-wikipedia.yaml", "RoPE", lambda model, _: model.get("positions") == "rope"),
    ],
)
def test_comparisons_name_who_is_better(
    number: int,
    file: str,
    label: str,
    is_meant: Callable[[Mapping[str, Any], Mapping[str, Any]], bool],
    sign: int,
):
    runs = planted([file], lambda model, training, _: sign * (0.2 if is_meant(model, training) else 0.0))
    said = answer_of(QUESTIONS[number - 1], runs).headline
    words = "better than" if sign < 0 else "worse than"
    assert [
        clause.partition(": ")[2]
        for clause in said.lower().rstrip(".").replace(". ", "; ").split("; ")
        if clause.startswith(words)
    ] == [label.lower()]


@pytest.mark.parametrize("context", [128, 256, 512, 1024])
@pytest.mark.parametrize(("label", "positions"), [("RoPE", "rope"), ("Sinusoidal", "sinusoidal")])
def test_question_7_names_the_contexts(label: str, positions: str, context: int):
    """One encoding is better at one context and worse at the others; the other encoding is as learned ones."""

    def effect(model: Mapping[str, Any], *_: Any) -> float:
        is_at = model["context"] == context
        return (-0.2 if is_at else 0.2) if model["positions"] == positions else 0.0

    headline = answer_of(QUESTIONS[6], planted(["question-7-positions.yaml"], effect)).headline
    (clause,) = (each for each in headline.split(". ") if each.startswith(label))
    assert clause.startswith(f"{label} is better than learned at T = {context}; worse than learned at T = ")
