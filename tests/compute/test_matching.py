"""Budget matching: never over, one more step would be, and the solvers undo each other."""

import math
from typing import get_args

from hypothesis import given
from hypothesis import strategies as st

from tlm_sweeps.compute.facts import CorpusFacts
from tlm_sweeps.compute.matching import (
    Matched,
    flops_after,
    flops_at,
    match_budget,
    steps_within,
    width_multiple,
    width_near,
    with_width,
)
from tlm_sweeps.compute.steps import Steps
from tlm_sweeps.errors import Problem
from tlm_sweeps.spec.experiment import CorpusSpec, ExperimentSpec, TrainingSpec
from tlm_sweeps.spec.models import AttentionModel, LinearModel, MlpModel, NextTokenModel, TransformerModel
from tlm_sweeps.spec.sweep import Account, BudgetSpec

FACTS = CorpusFacts("text", "char", 65, 200_000, 20_000, 20_000, "abc")
ACCOUNTS: st.SearchStrategy[Account] = st.sampled_from(get_args(Account))


@st.composite
def models(draw: st.DrawFn) -> NextTokenModel:
    context = draw(st.sampled_from([4, 16, 33, 64]))
    heads = draw(st.sampled_from([1, 2, 3, 4]))
    width = heads * 2 * draw(st.integers(1, 12))
    kind = draw(st.sampled_from(["linear", "mlp", "attention", "transformer"]))
    match kind:
        case "linear":
            return LinearModel(kind="linear", width=width, context=context)
        case "mlp":
            return MlpModel(kind="mlp", width=width, context=context, hidden=draw(st.integers(1, 64)))
        case "attention":
            return AttentionModel(kind="attention", width=width, context=context, heads=heads)
        case _:
            options = {"width": width, "context": context, "heads": heads, "depth": draw(st.integers(1, 4))}
            positions = draw(st.sampled_from(["learned", "rope", "sinusoidal", "none"]))
            return TransformerModel.model_validate({"kind": "transformer", "positions": positions} | options)


@st.composite
def experiments(draw: st.DrawFn) -> ExperimentSpec:
    model = draw(models())
    predict = "last" if model.kind in ("linear", "mlp") else draw(st.sampled_from(["last", "all"]))
    windows = draw(st.sampled_from(["replacement", "shuffled"]))
    per_epoch = draw(st.none() | st.integers(1, 5000)) if windows == "replacement" else None
    training = TrainingSpec.model_validate(
        {
            "batch_size": draw(st.integers(1, 70)),
            "predict": predict,
            "windows": windows,
            "windows_per_epoch": per_epoch,
            "epochs": draw(st.floats(0.05, 30)),
        }
    )
    return ExperimentSpec(corpus=CorpusSpec(name="python-docs"), model=model, training=training)


def unmatched(experiment: ExperimentSpec) -> ExperimentSpec:
    """The experiment with its epochs left open."""
    return experiment.model_copy(update={"training": experiment.training.model_copy(update={"epochs": None})})


@given(experiments(), ACCOUNTS, st.integers(10**6, 10**14))
def test_solved_epochs_never_overspend_and_one_more_step_would(
    experiment: ExperimentSpec, account: Account, budget_flops: int
):
    steps = steps_within(experiment, FACTS, budget_flops, account)
    assert flops_after(experiment, FACTS, steps, steps.total).of(account) <= budget_flops
    assert flops_after(experiment, FACTS, steps, steps.total + 1).of(account) > budget_flops


@given(experiments(), ACCOUNTS, st.integers(0, 10_000))
def test_steps_and_their_cost_are_inverse(experiment: ExperimentSpec, account: Account, total: int):
    shape = steps_within(experiment, FACTS, 0, account)
    cost = flops_after(experiment, FACTS, shape, total).of(account)
    assert steps_within(experiment, FACTS, cost, account).total == total


@given(experiments(), ACCOUNTS, st.integers(1, 30))
def test_width_and_its_cost_are_inverse(experiment: ExperimentSpec, account: Account, multiples: int):
    width = multiples * width_multiple(experiment)
    cost = flops_at(experiment, FACTS, width, account)
    assert width_near(experiment, FACTS, cost, account) == width


@given(experiments(), ACCOUNTS, st.integers(10**8, 10**13))
def test_no_other_width_is_nearer_to_the_budget(experiment: ExperimentSpec, account: Account, budget_flops: int):
    width = width_near(experiment, FACTS, budget_flops, account)
    multiple = width_multiple(experiment)
    if width == 0:
        assert flops_at(experiment, FACTS, multiple, account) >= 2 * budget_flops
        return
    distance = abs(flops_at(experiment, FACTS, width, account) - budget_flops)
    for other in (width - multiple, width + multiple):
        if other > 0:
            assert abs(flops_at(experiment, FACTS, other, account) - budget_flops) >= distance


@given(experiments(), ACCOUNTS, st.sampled_from(["epochs", "width"]), st.integers(10**8, 10**13))
def test_a_match_spends_within_the_tolerance_and_leaves_nothing_open(
    experiment: ExperimentSpec, account: Account, match: str, budget_flops: int
):
    asked = unmatched(experiment) if match == "epochs" else experiment
    budget = BudgetSpec.model_validate({"flops": budget_flops, "account": account, "match": match})
    matched = match_budget(asked, FACTS, budget, budget_flops)
    if isinstance(matched, Problem):
        assert matched.message
        assert matched.hint
        return
    spent = matched.train_flops.of(account)
    assert budget_flops * 0.99 <= spent <= budget_flops
    assert matched.experiment.model.width is not None
    epochs = matched.experiment.training.epochs
    assert epochs is not None
    assert math.isclose(epochs, matched.steps.windows_after(matched.steps.total) / matched.steps.windows_per_epoch)
    if match == "width":
        assert matched.experiment.model.width % width_multiple(experiment) == 0
        assert abs(epochs / (experiment.training.epochs or 0) - 1) <= 0.25


@given(st.integers(1, 100), st.integers(1, 3000), st.integers(0, 5000))
def test_windows_and_steps_are_inverse(batch_size: int, windows_per_epoch: int, step: int):
    steps = Steps(batch_size, windows_per_epoch, total=0)
    assert steps.within(steps.windows_after(step)) == step
    assert 1 <= steps.windows_after(step + 1) - steps.windows_after(step) <= batch_size


def small(context: int = 64, **training: object) -> ExperimentSpec:
    return ExperimentSpec(
        corpus=CorpusSpec(name="python-docs"),
        model=TransformerModel(kind="transformer", width=64, context=context),
        training=TrainingSpec.model_validate(training),
    )


def test_a_budget_below_one_step_says_what_a_step_costs():
    problem = match_budget(small(), FACTS, BudgetSpec(flops=10**6), 10**6)
    assert isinstance(problem, Problem)
    assert "1 MFLOPs is less than one step" in problem.message
    assert "GFLOPs" in problem.message


def test_a_budget_of_a_few_steps_cannot_be_spent_within_the_tolerance():
    step = flops_after(small(), FACTS, Steps(64, 3125, 0), 1).of("matmul")
    problem = match_budget(small(), FACTS, BudgetSpec(flops=step * 5 // 2), step * 5 // 2)
    assert isinstance(problem, Problem)
    assert "20.0% of the budget" in problem.message


def test_a_context_longer_than_a_split_is_refused_with_the_longest_that_fits():
    problem = match_budget(small(context=30_000), FACTS, BudgetSpec(flops=10**12), 10**12)
    assert isinstance(problem, Problem)
    assert "the valid split of `text` has 20000" in problem.message
    assert "19999" in problem.hint


def test_match_none_runs_the_epochs_asked_and_only_forbids_overspending():
    asked = small(epochs=2.0)
    cost = match_budget(asked, FACTS, None, None)
    assert isinstance(cost, Matched)
    assert cost.experiment.training.epochs == 2.0
    exact = cost.train_flops.matmul
    budget = BudgetSpec.model_validate({"flops": exact, "match": "none"})
    assert isinstance(match_budget(asked, FACTS, budget, exact), Matched)
    over = match_budget(asked, FACTS, budget, exact - 1)
    assert isinstance(over, Problem)
    assert "costs" in over.message


def test_an_epoch_whose_size_the_batch_does_not_divide_ends_with_a_smaller_batch():
    matched = match_budget(small(epochs=3.0, windows_per_epoch=50_000), FACTS, None, None)
    assert isinstance(matched, Matched)
    assert matched.steps.total == 3 * 782
    assert matched.steps.windows_after(matched.steps.total) == 150_000


def test_widths_are_multiples_of_what_heads_and_positions_need():
    experiment = small()
    assert width_multiple(with_width(experiment, 64)) == 4
    rope = experiment.model.model_copy(update={"positions": "rope"})
    assert width_multiple(experiment.model_copy(update={"model": rope})) == 8
