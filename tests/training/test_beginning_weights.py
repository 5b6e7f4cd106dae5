"""A run that begins with another one's encoder: its first weights, its checkpoints, and files that are not right."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from tests.training import label_runs, masked_runs
from tlm_sweeps.errors import RunError
from tlm_sweeps.training.checkpoint import load, save, save_model
from tlm_sweeps.training.first_weights import begin_with
from tlm_sweeps.training.job import FirstWeights, TrainingJob
from tlm_sweeps.training.loop import train
from tlm_sweeps.training.state import live_weights, start, weights_of

CONVOLUTION = {"convolution": {"layers": 1, "kernel": (3, 3), "channels": 3}}


def pre_trained(folder: Path, model: dict[str, object]) -> FirstWeights:
    """What a short pre-training leaves."""
    state = start(masked_runs.job(steps=4, seed=3, model=model), masked_runs.passages())
    for _ in train(state):
        pass
    file, _ = save_model(state, folder)
    return FirstWeights(file, hashlib.sha256(file.read_bytes()).hexdigest())


def job(weights: FirstWeights | None, model: dict[str, object], steps: int = 6) -> TrainingJob:
    return dataclasses.replace(label_runs.job(steps=steps, model=model), first_weights=weights)


@pytest.mark.parametrize("model", [{}, CONVOLUTION], ids=["plain", "convolution"])
def test_the_encoder_is_the_files_and_all_else_is_the_twins(model: dict[str, object], tmp_path: Path):
    weights = pre_trained(tmp_path, model)
    twin, state = (start(job(given, model), label_runs.labelled()) for given in (None, weights))
    begin_with(state, weights)
    file, begun, drawn = load_file(weights.path), live_weights(state.module), live_weights(twin.module)
    assert begun.keys() == drawn.keys()
    for name, each in begun.items():
        assert torch.equal(each, file[name] if name.startswith("encoder.") else drawn[name]), name
    moved = {name for name, each in begun.items() if not torch.equal(each, drawn[name])}
    assert len(moved) > 10
    assert {name for name in file if name.startswith("encoder.")} == {name for name in begun if "encoder." in name}


def test_twins_take_the_same_steps_at_the_same_cost_to_other_ends(tmp_path: Path):
    weights = pre_trained(tmp_path, {})
    twin, state = (start(job(given, {}), label_runs.labelled()) for given in (None, weights))
    begin_with(state, weights)
    first = weights_of(state.module)
    for run in (twin, state):
        for _ in train(run):
            pass
    assert [each.step for each in twin.measurements] == [each.step for each in state.measurements]
    assert twin.train_flops == state.train_flops
    assert not torch.equal(
        weights_of(state.module)["encoder.blocks.0.inward.weight"], first["encoder.blocks.0.inward.weight"]
    )
    assert [each.val_nll for each in twin.measurements] != [each.val_nll for each in state.measurements]


def test_a_resumed_run_does_not_need_the_file_and_ends_alike(tmp_path: Path):
    weights = pre_trained(tmp_path, {})
    whole, halted = (start(job(weights, {}), label_runs.labelled()) for _ in range(2))
    for run in (whole, halted):
        begin_with(run, weights)
    for _ in train(whole):
        pass
    for _ in train(halted):
        if halted.step == 3:
            break
    saved = save(halted, tmp_path / "run")
    weights.path.unlink()
    resumed = load(job(weights, {}), label_runs.labelled(), tmp_path / "run", saved)
    for _ in train(resumed):
        pass
    ended, other = weights_of(whole.module), weights_of(resumed.module)
    assert all(torch.equal(each, other[name]) for name, each in ended.items())


@pytest.mark.parametrize("other", [None, "0" * 64], ids=["random", "another file"])
def test_a_checkpoint_is_of_a_run_that_began_with_these_weights(other: str | None, tmp_path: Path):
    weights = pre_trained(tmp_path, {})
    state = start(job(weights, {}), label_runs.labelled())
    begin_with(state, weights)
    saved = save(state, tmp_path / "run")
    given = None if other is None else FirstWeights(weights.path, other)
    with pytest.raises(RunError, match="belongs to another"):
        load(job(given, {}), label_runs.labelled(), tmp_path / "run", saved)


def gone(weights: FirstWeights) -> FirstWeights:
    weights.path.unlink()
    return weights


def altered(weights: FirstWeights) -> FirstWeights:
    weights.path.write_bytes(weights.path.read_bytes()[:-1] + b"?")
    return weights


def torn(weights: FirstWeights) -> FirstWeights:
    content = weights.path.read_bytes()[:50]
    weights.path.write_bytes(content)
    return FirstWeights(weights.path, hashlib.sha256(content).hexdigest())


@pytest.mark.parametrize(
    ("spoil", "message"), [(gone, "cannot be read"), (altered, "have changed"), (torn, "are damaged")]
)
def test_files_that_are_not_right(spoil: Callable[[FirstWeights], FirstWeights], message: str, tmp_path: Path):
    weights = spoil(pre_trained(tmp_path, {}))
    state = start(job(weights, {}), label_runs.labelled())
    with pytest.raises(RunError, match=message) as caught:
        begin_with(state, weights)
    assert caught.value.problems[0].place == str(weights.path)


def test_weights_of_another_shape_leave_the_run_as_it_was(tmp_path: Path):
    weights = pre_trained(tmp_path, {"depth": 1})
    state = start(job(weights, {}), label_runs.labelled())
    first = weights_of(state.module)
    with pytest.raises(RunError, match="of this shape"):
        begin_with(state, weights)
    assert all(torch.equal(each, first[name]) for name, each in weights_of(state.module).items())
