"""Runs that tell labels apart: against torch's counter, their own resumes, their saved models and counts by hand."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from tests.training import masked_runs
from tests.training.label_runs import LABELS, N_TRAIN, job, labelled
from tlm_sweeps.compute.footprint import evaluation_flops
from tlm_sweeps.compute.goals import goal_of, n_params
from tlm_sweeps.compute.stacking import stack_key
from tlm_sweeps.models.build import build
from tlm_sweeps.models.encoder_heads import Classifier
from tlm_sweeps.training.checkpoint import load, save, save_model
from tlm_sweeps.training.evaluation import evaluate
from tlm_sweeps.training.examples import Examples, TrainingExamples, held_out_examples
from tlm_sweeps.training.job import TrainingJob
from tlm_sweeps.training.loop import Outcome, finish, take_step, train
from tlm_sweeps.training.loss import label_nll
from tlm_sweeps.training.predictions import Predictions, save_predictions
from tlm_sweeps.training.state import CPU, RunState, live_weights, set_weights, start

CONVOLUTION = {"convolution": {"layers": 1, "kernel": (3, 3), "channels": 3}}
KINDS = pytest.mark.parametrize("model", [{}, CONVOLUTION], ids=["plain", "convolution"])


def trained(state: RunState) -> Outcome:
    for _ in train(state):
        pass
    return finish(state)


def found_by(outcome: Outcome) -> dict[str, object]:
    return {name: each for name, each in vars(outcome).items() if name not in {"wall_seconds", "predictions"}}


def predictions_of(outcome: Outcome) -> Predictions:
    assert outcome.predictions is not None
    return outcome.predictions


def classifier(state: RunState) -> Classifier:
    assert isinstance(state.module, Classifier)
    return state.module


def read_by(asked: TrainingJob, steps: range) -> list[Examples]:
    windows = TrainingExamples(asked, labelled(), CPU)
    return [windows.batch(step) for step in steps]


def as_rows(batches: list[Examples]) -> list[tuple[int, ...]]:
    return [
        (*row.tolist(), int(label)) for each in batches for row, label in zip(each.inputs, each.labels, strict=True)
    ]


@KINDS
def test_a_step_costs_what_torch_counts_and_the_module_has_the_counted_weights(model: dict[str, object]):
    asked, text = job(model={"dropout": 0.0, **model}), labelled()
    state = start(asked, text)
    with sdpa_kernel(SDPBackend.MATH), FlopCounterMode(display=False) as counter:
        take_step(state)
    assert state.train_flops["matmul"] == counter.get_total_flops()
    goal = goal_of(asked.experiment, text.facts)
    counted = n_params(asked.experiment.model, text.facts.vocabulary_size, goal)
    assert sum(each.numel() for each in state.module.parameters()) == counted


def test_what_is_judged_costs_what_torch_counts():
    state = start(job(model={"dropout": 0.0}), labelled())
    with sdpa_kernel(SDPBackend.MATH), FlopCounterMode(display=False) as counter:
        outcome = trained(state)
    evaluated = counter.get_total_flops() - outcome.train_flops["matmul"]
    assert evaluated == outcome.evaluation_flops
    assert evaluated == evaluation_flops(state.job.experiment, state.corpus.facts, len(state.measurements))


def test_an_epoch_is_every_example_once_in_an_order_of_its_own():
    epochs = [as_rows(read_by(job(), range(first, first + 4))) for first in (0, 4)]
    own = labelled().train
    everything = Counter((*row.tolist(), int(label)) for row, label in zip(own.ids, own.labels, strict=True))
    assert [Counter(each) for each in epochs] == [everything, everything]
    assert epochs[0] != epochs[1]
    assert as_rows(read_by(job(seed=1), range(4))) != epochs[0]
    labels = [row[-1] for row in epochs[0]]
    assert labels != sorted(labels), "as they are kept they come label by label"
    assert len(read_by(job(), range(3, 4))[0]) == N_TRAIN - 3 * 8


@KINDS
def test_a_resumed_run_is_the_uninterrupted_one_to_the_last_bit(model: dict[str, object], tmp_path: Path):
    asked, text = job(model=dict(model)), labelled()
    whole = start(asked, text)
    expected = trained(whole)
    other = start(asked, text)
    for _ in train(other):
        if other.step == 7:
            break
    saved = save(other, tmp_path)
    resumed = load(asked, text, tmp_path, saved)
    outcome = trained(resumed)
    assert found_by(outcome) == found_by(expected)
    assert [each.val_accuracy for each in resumed.measurements] == [each.val_accuracy for each in whole.measurements]
    for name, each in whole.final_weights.items():
        assert torch.equal(each, resumed.final_weights[name]), name
    for name, each in vars(predictions_of(expected)).items():
        assert torch.equal(each, getattr(predictions_of(outcome), name)), name


def test_it_learns_and_ends_with_the_weights_of_the_lowest_validation_nll():
    state = start(job(steps=120, model={"dropout": 0.0}), labelled())
    outcome = trained(state)
    best = min(state.measurements, key=lambda each: each.val_nll)
    assert (outcome.val_nll, outcome.best_step) == (best.val_nll, best.step)
    assert outcome.val_nll < 0.8 * state.measurements[0].train_nll
    assert outcome.test_scores is not None
    assert outcome.test_scores.accuracy > 0.5, "by chance a third"
    kept = predictions_of(outcome)
    right = kept.valid_logits.argmax(1) == kept.valid_labels
    assert right.double().mean().item() == best.val_accuracy
    assert outcome.targets == state.job.steps.windows_after(120)


def test_what_is_scored_is_counted_by_hand():
    outcome = trained(start(job(steps=40), labelled(n_labels=4)))
    kept, scores = predictions_of(outcome), outcome.test_scores
    assert scores is not None
    assert kept.test_logits.shape == (21, 4)
    nlls = torch.nn.functional.cross_entropy(kept.test_logits, kept.test_labels)
    assert outcome.test_nll == pytest.approx(nlls.item(), rel=1e-6)
    told, labels = kept.test_logits.argmax(1).tolist(), kept.test_labels.tolist()
    assert labels == labelled().test.labels.tolist()
    assert (scores.n, scores.n_correct) == (21, sum(a == b for a, b in zip(told, labels, strict=True)))
    f1s = []
    for label in range(4):  # the last of which no example has
        hits = sum(a == b == label for a, b in zip(told, labels, strict=True))
        precision, recall = hits / max(1, told.count(label)), hits / max(1, labels.count(label))
        f1s.append(2 * precision * recall / (precision + recall) if hits else 0.0)
    assert scores.macro_f1 == pytest.approx(sum(f1s) / 4)


@pytest.mark.parametrize("restore_best", [True, False])
def test_the_kept_logits_are_what_the_saved_model_gives(restore_best: bool, tmp_path: Path):
    asked, text = job(steps=40), labelled()
    experiment = asked.experiment.model_copy(
        update={"evaluation": asked.experiment.evaluation.model_copy(update={"restore_best": restore_best})}
    )
    state = start(TrainingJob(experiment, 0, asked.steps), text)
    save_predictions(predictions_of(trained(state)), tmp_path)
    weights, _ = save_model(state, tmp_path)
    kept = load_file(tmp_path / "predictions.safetensors")
    module = build(state.job.experiment.model, text.facts.vocabulary_size, labels=len(LABELS)).eval()
    set_weights(module, load_file(weights))
    for split in ("valid", "test"):
        examples = held_out_examples(text, split, CPU)
        with torch.inference_mode():
            logits = module(examples.inputs, examples.is_real)
        torch.testing.assert_close(logits, kept[f"{split}_logits"])
        assert torch.equal(examples.labels, kept[f"{split}_labels"])
        assert kept[f"{split}_logits"].dtype == torch.float32


def test_judging_in_other_batches_finds_the_same_and_leaves_the_mode():
    state = start(job(model={"dropout": 0.5}), labelled())
    test = state.split("test")
    found = []
    for size in (1, 8, 100):
        own = state.job.experiment
        experiment = own.model_copy(update={"evaluation": own.evaluation.model_copy(update={"batch_size": size})})
        found.append(evaluate(state.module.train(), test, experiment))
        assert state.module.training
    assert {each.accuracy for each in found} == {found[0].accuracy}
    assert [each.nll for each in found] == pytest.approx([found[0].nll] * 3, rel=1e-6)


def test_first_weights_are_those_of_pre_training_and_the_heads_own():
    """So a run from random weights and its twin from pre-trained ones differ in the encoder's weights alone."""
    fine, pre = start(job(seed=3), labelled()), start(masked_runs.job(seed=3), masked_runs.passages())
    theirs = live_weights(pre.module)
    shared = {name: each for name, each in live_weights(fine.module).items() if name.startswith("encoder.")}
    assert shared
    for name, each in shared.items():
        assert torch.equal(each, theirs[name]), name
    other = live_weights(start(job(seed=4), labelled()).module)
    assert not torch.equal(live_weights(fine.module)["head.weight"], other["head.weight"])


def test_bf16_computes_in_bfloat16_and_keeps_float32():
    state = start(job(precision="bf16"), labelled())
    (batch,) = read_by(state.job, range(1))
    assert classifier(state)(batch.inputs, batch.is_real).dtype == torch.bfloat16
    assert label_nll(classifier(state), batch).dtype == torch.float32
    assert predictions_of(trained(state)).test_logits.dtype == torch.float32


def test_classifiers_are_never_stacked():
    asked = job(model={"dropout": 0.0})
    assert stack_key(asked.experiment, asked.steps, labelled().facts) is None
