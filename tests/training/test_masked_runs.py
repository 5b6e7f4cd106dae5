"""Runs of encoders: their loss against `transformers`, their FLOPs against torch's counter, and what a resume keeps."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from tests.training.masked_runs import CONTEXT, PIECES, job, passages
from tlm_sweeps.compute.stacking import stack_key
from tlm_sweeps.models.encoder_heads import MaskedLanguageModel
from tlm_sweeps.training import loss
from tlm_sweeps.training.checkpoint import load, save
from tlm_sweeps.training.job import TrainingJob
from tlm_sweeps.training.loop import Outcome, finish, take_step, train
from tlm_sweeps.training.loss import masked_nll
from tlm_sweeps.training.masking import MaskedWindows
from tlm_sweeps.training.passages import TrainingPassages
from tlm_sweeps.training.state import RunState, live_weights, start

CONVOLUTION = {"convolution": {"layers": 1, "kernel": (3, 3), "channels": 3}}


def model_and_batch(asked: TrainingJob) -> tuple[MaskedLanguageModel, MaskedWindows]:
    state = start(asked, passages())
    assert isinstance(state.module, MaskedLanguageModel)
    assert isinstance(state.windows, TrainingPassages)
    return state.module, state.windows.batch(0)


def trained(state: RunState) -> Outcome:
    for _ in train(state):
        pass
    return finish(state)


def without_seconds(outcome: Outcome) -> dict[str, object]:
    return {name: each for name, each in vars(outcome).items() if name != "wall_seconds"}


def test_the_nll_is_the_mean_over_the_places_that_count():
    module, batch = model_and_batch(job(model={"dropout": 0.0}, masking={"share": 0.5}))
    assert 0 < batch.weights.sum() < batch.weights.numel()  # some windows are too short
    labels = torch.full(batch.inputs.shape, -100).scatter(1, batch.places, batch.targets)
    everywhere = torch.arange(CONTEXT).expand(len(batch), -1)
    logits = module(batch.inputs, batch.is_real, everywhere)
    expected = torch.nn.functional.cross_entropy(logits.flatten(0, 1), labels.flatten(), ignore_index=-100)
    torch.testing.assert_close(masked_nll(module, batch), expected)


def test_a_large_vocabularys_loss_in_parts_is_the_whole(monkeypatch: pytest.MonkeyPatch):
    module, batch = model_and_batch(job(model={"dropout": 0.0}, masking={"share": 0.5}))
    found = []
    for most in (loss.LOGITS_AT_ONCE, 4 * 5 * len(PIECES.vocabulary)):
        monkeypatch.setattr(loss, "LOGITS_AT_ONCE", most)
        module.zero_grad()
        nll = masked_nll(module, batch)
        nll.backward()
        with torch.inference_mode():
            torch.testing.assert_close(masked_nll(module, batch), nll.detach())
        found.append((nll.detach(), {name: each.grad for name, each in module.named_parameters()}))
    torch.testing.assert_close(found[1], found[0])


@pytest.mark.parametrize("model", [{}, CONVOLUTION], ids=["plain", "convolution"])
def test_a_step_costs_what_torch_counts(model: dict[str, object]):
    state = start(job(model={"dropout": 0.0, **model}), passages())
    with sdpa_kernel(SDPBackend.MATH), FlopCounterMode(display=False) as counter:
        take_step(state)
    assert state.train_flops["matmul"] == counter.get_total_flops()


@pytest.mark.parametrize("model", [{}, CONVOLUTION], ids=["plain", "convolution"])
def test_a_resumed_run_is_the_uninterrupted_one_to_the_last_bit(model: dict[str, object], tmp_path: Path):
    asked, text = job(model=dict(model)), passages()
    whole = start(asked, text)
    expected = trained(whole)
    other = start(asked, text)
    for _ in train(other):
        if other.step == 8:
            break
    saved = save(other, tmp_path)
    resumed = load(asked, text, tmp_path, saved)
    assert without_seconds(trained(resumed)) == without_seconds(expected)
    for name, each in live_weights(whole.module).items():
        assert torch.equal(each, live_weights(resumed.module)[name]), name
    for name, each in whole.final_weights.items():
        assert torch.equal(each, resumed.final_weights[name]), name


def test_an_encoder_learns_and_ends_with_its_best_weights_and_their_statistics():
    state = start(job(steps=120, model={**CONVOLUTION, "dropout": 0.0}), passages())
    outcome = trained(state)
    assert outcome.val_nll == min(each.val_nll for each in state.measurements) < state.measurements[0].val_nll
    assert {name for name in state.final_weights if "running_mean" in name}
    assert outcome.targets == 2 * state.job.steps.windows_after(120)  # 15 % of 12 places


def test_encoders_are_never_stacked():
    asked = job(model={"dropout": 0.0})
    assert stack_key(asked.experiment, asked.steps, passages().facts) is None
