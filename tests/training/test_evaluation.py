"""What an evaluation averages, against sums written out by hand."""

from typing import Any

import numpy as np
import pytest
import torch

from tlm_sweeps.errors import InputError
from tlm_sweeps.models.build import build
from tlm_sweeps.models.language_model import LanguageModel
from tlm_sweeps.spec.experiment import ExperimentSpec
from tlm_sweeps.training.evaluation import evaluate
from tlm_sweeps.training.windows import resident

VOCABULARY, CONTEXT = 7, 5
TEXT = np.random.default_rng(0).integers(0, VOCABULARY, size=48)
TOKENS = resident(TEXT, torch.device("cpu"))


def experiment(evaluation: dict[str, Any], **training: Any) -> ExperimentSpec:
    return ExperimentSpec.model_validate(
        {
            "corpus": {"name": "noise"},
            "model": {"kind": "attention", "width": 8, "heads": 2, "context": CONTEXT, "dropout": 0.5},
            "training": {"batch_size": 4} | training,
            "evaluation": evaluation,
        }
    )


@pytest.fixture
def module() -> LanguageModel:
    torch.manual_seed(0)
    built = build(experiment({}).model, VOCABULARY)
    assert isinstance(built, LanguageModel)
    return built


def nll_at(module: LanguageModel, start: int) -> list[float]:
    """NLL of each target of the window that begins at `start`."""
    module.eval()
    window = torch.from_numpy(TEXT[start : start + CONTEXT + 1])
    probabilities = module(window[None, :-1], "all")[0].double().softmax(-1)
    return [-probabilities[place, window[place + 1]].log().item() for place in range(CONTEXT)]


def test_last_positions_are_scored_at_every_start(module: LanguageModel):
    found = evaluate(module, TOKENS, experiment({}, predict="last"))
    expected = [nll_at(module, start)[-1] for start in range(48 - CONTEXT)]
    assert (found.windows, found.targets) == (43, 43)
    assert found.nll == pytest.approx(np.mean(expected), rel=1e-6)


def test_all_positions_are_scored_on_windows_side_by_side(module: LanguageModel):
    found = evaluate(module, TOKENS, experiment({}, predict="all"))
    expected = [nll_at(module, start) for start in range(0, 48 - CONTEXT, CONTEXT)]
    assert (found.windows, found.targets) == (9, 45)
    assert found.nll == pytest.approx(np.mean(expected), rel=1e-6)


def test_the_mean_of_batch_means_gives_a_short_batch_full_weight(module: LanguageModel):
    evaluation = {"windows": 10, "average": "batches", "batch_size": 4, "stride": 2}
    found = evaluate(module, TOKENS, experiment(evaluation, predict="last"))
    each = [nll_at(module, 2 * window)[-1] for window in range(10)]
    expected = np.mean([np.mean(each[:4]), np.mean(each[4:8]), np.mean(each[8:])])
    assert found.windows == 10
    assert found.nll == pytest.approx(expected, rel=1e-6)


def test_the_batch_size_does_not_change_a_mean_over_targets(module: LanguageModel):
    found = [evaluate(module, TOKENS, experiment({"batch_size": size})).nll for size in (1, 4, 100)]
    assert found == pytest.approx([found[0]] * 3, rel=1e-6)


@pytest.mark.parametrize("training", [True, False])
def test_a_module_returns_to_its_mode_and_keeps_no_gradient(module: LanguageModel, training: bool):
    module.train(training)
    once = evaluate(module, TOKENS, experiment({}))
    assert module.training == training
    assert evaluate(module, TOKENS, experiment({})) == once
    assert all(each.grad is None for each in module.parameters())


def test_what_is_scored_can_differ_from_what_is_trained(module: LanguageModel):
    all_trained = evaluate(module, TOKENS, experiment({"score": "last"}, predict="all"))
    assert all_trained == evaluate(module, TOKENS, experiment({}, predict="last"))


def test_a_split_shorter_than_a_window_is_refused(module: LanguageModel):
    with pytest.raises(InputError, match="5 tokens is too short"):
        evaluate(module, TOKENS[:CONTEXT], experiment({}))
