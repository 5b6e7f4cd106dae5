"""Planning runs that tell labels apart: what they cost, how a budget is matched, what their head weighs."""

from __future__ import annotations

from typing import Any

import pytest

from tlm_sweeps.compute.encoder_counting import Labels, MaskedTokens
from tlm_sweeps.compute.encoder_facts import TaskFacts
from tlm_sweeps.compute.footprint import evaluation_flops, predicted_seconds
from tlm_sweeps.compute.goals import Goal, forward_flops_per_window, goal_of, n_params, train_flops_per_window
from tlm_sweeps.compute.matching import Matched, match_budget
from tlm_sweeps.compute.memory import memory_bytes
from tlm_sweeps.compute.planning import plan_sweep
from tlm_sweeps.compute.rates import Machine
from tlm_sweeps.compute.work import work_of_batch
from tlm_sweeps.spec.encoders import BertModel
from tlm_sweeps.spec.experiment import ExperimentSpec
from tlm_sweeps.spec.sweep import BudgetSpec, SweepSpec

CONTEXT, PIECES, N_TRAIN = 32, 500, 300


def facts(n_labels: int = 14) -> TaskFacts:
    return TaskFacts(
        "made", "f", PIECES, CONTEXT, tuple(f"label {n}" for n in range(n_labels)), N_TRAIN, 40, 100, 0, "x"
    )


def experiment(model: dict[str, Any] | None = None, **training: Any) -> ExperimentSpec:
    return ExperimentSpec.model_validate(
        {
            "corpus": {"name": "ptb"},
            "passages": {"length": CONTEXT},
            "task": {"name": "dbpedia-14", "length": CONTEXT},
            "model": {"kind": "bert", "width": 64, "heads": 4, "depth": 2, "context": CONTEXT} | (model or {}),
            "training": {"batch_size": 16, "predict": "label", "windows": "shuffled"} | training,
            "evaluation": {"every": "epoch"},
        }
    )


def matched(asked: ExperimentSpec, **budget: Any) -> Matched:
    spec = BudgetSpec.model_validate(budget) if budget else None
    found = match_budget(asked, facts(), spec, budget.get("flops"))
    assert isinstance(found, Matched), found
    return found


def test_an_epoch_is_all_examples_and_costs_so_many_windows():
    found = matched(experiment(epochs=3), flops=10**12, match="none")
    assert found.steps.total == 3 * 19  # of 16 examples, the last of an epoch of 12
    assert found.train_flops == train_flops_per_window(found.experiment.model, PIECES, Labels(14)).times(3 * N_TRAIN)
    assert found.experiment.training.masking is None


def test_epochs_are_solved_within_the_budget():
    spent = matched(experiment(), flops=2 * 10**11).train_flops.matmul
    assert 0.99 * 2e11 <= spent <= 2e11


def test_a_width_is_solved_at_the_epochs_that_are_asked_for():
    found = matched(experiment({"width": None}, epochs=10), flops=2 * 10**11, match="width")
    assert found.experiment.model.width is not None
    assert found.experiment.model.width % 4 == 0
    assert 0.99 * 2e11 <= found.train_flops.matmul <= 2e11


def test_the_head_weighs_and_costs_as_many_rows_as_there_are_labels():
    model = experiment().model
    assert n_params(model, PIECES, Labels(15)) - n_params(model, PIECES, Labels(14)) == 64 + 1
    more, fewer = (forward_flops_per_window(model, PIECES, Labels(count)) for count in (15, 14))
    assert more - fewer == 2 * 64


def test_the_goal_is_as_many_labels_as_the_task_has():
    assert goal_of(experiment(), facts(64)) == Labels(64)
    with pytest.raises(ValueError, match="how many labels"):
        goal_of(experiment(), None)


@pytest.mark.parametrize("goal", [Labels(14), MaskedTokens(5)], ids=["labels", "pieces"])
@pytest.mark.parametrize("convolution", [None, {"layers": 2, "kernel": (3, 3), "channels": 4}], ids=["plain", "image"])
def test_products_of_an_encoder_are_the_counted_flops(goal: Goal, convolution: dict[str, Any] | None):
    model = BertModel.model_validate(
        {"kind": "bert", "width": 64, "heads": 4, "depth": 2, "context": CONTEXT, "convolution": convolution},
        strict=False,
    )
    work = work_of_batch(model, PIECES, goal, 7, clipped=False)
    assert work.matmul_flops + work.attention_flops == 7 * forward_flops_per_window(model, PIECES, goal)
    assert work.parameters == n_params(model, PIECES, goal)


def test_judging_is_counted_with_the_logits_that_are_kept():
    asked, window = experiment(), forward_flops_per_window(experiment().model, PIECES, Labels(14))
    assert evaluation_flops(asked, facts(), evaluations=3) == (4 * 40 + 100) * window


@pytest.mark.parametrize("precision", ["fp32", "bf16", "auto"])
def test_seconds_and_bytes_are_estimated(precision: str):
    found = matched(experiment(epochs=3, precision=precision))
    longer = matched(experiment(epochs=6, precision=precision))
    assert 0 < predicted_seconds(facts(), found, Machine()) < predicted_seconds(facts(), longer, Machine())
    assert memory_bytes(found.experiment, facts()) > 4 * 5 * n_params(found.experiment.model, PIECES, Labels(14))


def test_a_search_over_examples_asks_for_each_set_of_them():
    asked = {
        "name": "x",
        "experiment": experiment(epochs=1).model_dump(mode="json"),
        "search": {"task.train_per_label": [10, 100]},
    }
    read: list[int | None] = []

    def facts_of(of: ExperimentSpec) -> TaskFacts:
        assert of.task is not None
        read.append(of.task.train_per_label)
        return facts()

    plan = plan_sweep(SweepSpec.model_validate(asked, strict=False), facts_of)
    assert len(plan.feasible) == 2
    assert set(read) == {10, 100}, "the base experiment's is never read"
