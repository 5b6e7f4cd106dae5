"""Stacked runs are solo runs: step by step, evaluation by evaluation, whatever becomes of their neighbours."""

from collections.abc import Callable
from typing import Any

import pytest
import torch

from tlm_sweeps.compute.stacking import stack_key
from tlm_sweeps.runs.record import Measurement
from tlm_sweeps.training.checkpoint import load, save
from tlm_sweeps.training.job import TokenisedCorpus, TrainingJob
from tlm_sweeps.training.loop import Diverged, finish, train
from tlm_sweeps.training.replicas import Replicas, train_together
from tlm_sweeps.training.state import RunState, start

MODELS: dict[str, dict[str, Any]] = {
    "linear": {"kind": "linear"},
    "mlp": {"kind": "mlp", "hidden": 12},
    "attention": {"kind": "attention", "heads": 2, "norm_placement": "post", "activation": "relu"},
    "transformer": {"kind": "transformer", "depth": 2, "heads": 4},
    "modern": {
        "kind": "transformer",
        "depth": 2,
        "heads": 4,
        "kv_heads": 2,
        "norm": "rmsnorm",
        "activation": "swiglu",
        "positions": "rope",
        "tied_head": True,
        "biases": False,
    },
}
TRAINING: dict[str, Any] = {
    "optimizer": "adamw",
    "weight_decay": 0.1,
    "clip": 0.5,
    "batch_size": 8,
    "schedule": {"kind": "cosine", "warmup": 0.2},
}
RATES = (1e-3, 3e-2, 3e-3)


@pytest.fixture
def trio(job: Callable[..., TrainingJob]) -> Callable[..., list[TrainingJob]]:
    """Three jobs of one shape, each with its seed and learning rate."""

    def made(model: dict[str, Any], rates: tuple[float, ...] = RATES, **training: Any) -> list[TrainingJob]:
        predict = "last" if model["kind"] in ("linear", "mlp") else "all"
        return [
            job(model, TRAINING | {"learning_rate": rate, "predict": predict} | training, {"every": 0.25}, seed=seed)
            for seed, rate in enumerate(rates)
        ]

    return made


def alone(jobs: list[TrainingJob], corpus: TokenisedCorpus) -> list[RunState]:
    states = [start(each, corpus) for each in jobs]
    for state in states:
        list(train(state))
    return states


def assert_alike(found: RunState, expected: RunState, tolerance: float) -> None:
    assert found.step == expected.step
    assert [each.step for each in found.measurements] == [each.step for each in expected.measurements]
    for one, other in zip(found.measurements, expected.measurements, strict=True):
        assert one.train_nll == pytest.approx(other.train_nll, rel=tolerance)
        assert one.val_nll == pytest.approx(other.val_nll, rel=tolerance)
        assert one.learning_rate == other.learning_rate
        assert one.train_flops == other.train_flops
    assert finish(found).test_nll == pytest.approx(finish(expected).test_nll, rel=tolerance)


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize(("precision", "tolerance"), [("fp32", 1e-5), ("bf16", 5e-3)])
def test_stacked_runs_are_solo_runs(
    name: str, precision: str, tolerance: float, trio: Callable[..., list[TrainingJob]], corpus: TokenisedCorpus
):
    jobs = trio(MODELS[name], precision=precision)
    states = [start(each, corpus) for each in jobs]
    happened = list(train_together(states, set()))
    assert [place for place, each in happened if isinstance(each, Measurement)] == [0, 1, 2] * 4
    for found, expected in zip(states, alone(jobs, corpus), strict=True):
        assert_alike(found, expected, tolerance)


def test_a_run_that_diverges_ends_alone(trio: Callable[..., list[TrainingJob]], corpus: TokenisedCorpus):
    jobs = trio(MODELS["transformer"], (1e-3, 1e30, 3e-3), clip=None)
    states = [start(each, corpus) for each in jobs]
    happened = list(train_together(states, set()))
    ended = [place for place, each in happened if isinstance(each, Diverged)]
    assert ended == [1]
    assert not all(each.isfinite().all() for each in states[1].module.parameters())
    for place, expected in zip((0, 2), alone([jobs[0], jobs[2]], corpus), strict=True):
        assert_alike(states[place], expected, 1e-5)


def test_a_run_that_is_told_to_leave_takes_no_further_step(
    trio: Callable[..., list[TrainingJob]], corpus: TokenisedCorpus
):
    jobs = trio(MODELS["transformer"])
    states, leaving = [start(each, corpus) for each in jobs], set[int]()
    for place, event in train_together(states, leaving):
        if isinstance(event, Measurement) and place == 0:
            leaving.add(0)
    assert states[0].step == 3
    assert len(states[0].measurements) == 1
    for place, expected in zip((1, 2), alone(jobs[1:], corpus), strict=True):
        assert_alike(states[place], expected, 1e-5)


def test_a_stacked_run_is_checkpointed_and_goes_on_alone(
    trio: Callable[..., list[TrainingJob]], corpus: TokenisedCorpus, tmp_path: Any
):
    jobs = trio(MODELS["transformer"])
    replicas = Replicas([start(each, corpus) for each in jobs])
    for _ in range(2):
        replicas.take_step()
    saved = [save(state, tmp_path / str(place)) for place, state in enumerate(replicas.states)]
    for place, expected in enumerate(alone(jobs, corpus)):
        resumed = load(jobs[place], corpus, tmp_path / str(place), saved[place])
        assert resumed.step == 2
        list(train(resumed))
        assert_alike(resumed, expected, 1e-5)


def test_runs_that_stop_for_patience_leave_the_others_alone(job: Callable[..., TrainingJob], corpus: TokenisedCorpus):
    jobs = [
        job(MODELS["linear"], {"learning_rate": rate, "predict": "last"}, {"every": 0.1, "patience": 1}, steps=20)
        for rate in (1e-3, 10.0)
    ]
    states = [start(each, corpus) for each in jobs]
    list(train_together(states, set()))
    expected = alone(jobs, corpus)
    assert expected[1].step < expected[0].step
    for found, wanted in zip(states, expected, strict=True):
        assert_alike(found, wanted, 1e-5)


@pytest.mark.parametrize(
    "change", [{"model": {"depth": 3}}, {"training": {"batch_size": 4}}, {"training": {"clip": 1.0}}, {"steps": 13}]
)
def test_runs_of_different_shapes_are_refused(
    change: dict[str, Any], job: Callable[..., TrainingJob], corpus: TokenisedCorpus
):
    model, training = MODELS["transformer"], TRAINING
    other = {"model": model, "training": training, "steps": 12}
    other = {name: each | change.get(name, {}) if isinstance(each, dict) else each for name, each in other.items()}
    other["steps"] = change.get("steps", 12)
    states = [start(job(model, training), corpus), start(job(**other), corpus)]
    with pytest.raises(ValueError, match="cannot be stacked"):
        Replicas(states)


def test_what_draws_or_is_made_in_parts_is_not_stacked(job: Callable[..., TrainingJob], corpus: TokenisedCorpus):
    def key(model: dict[str, Any], vocabulary_size: int = 11) -> str | None:
        made = job(model)
        facts = type(corpus.facts)(**{**vars(corpus.facts), "vocabulary_size": vocabulary_size})
        return stack_key(made.experiment, made.steps, facts)

    assert key(MODELS["transformer"]) is not None
    assert key(MODELS["transformer"] | {"dropout": 0.1}) is None
    assert key(MODELS["transformer"], 2**24) is None
    assert key(MODELS["transformer"]) != key(MODELS["transformer"] | {"heads": 2})


@pytest.mark.gpu
@pytest.mark.parametrize("name", MODELS)
def test_recorded_steps_on_a_gpu_are_the_steps_of_a_cpu(
    name: str, trio: Callable[..., list[TrainingJob]], corpus: TokenisedCorpus
):
    jobs = trio(MODELS[name])
    states = [start(each, corpus, torch.device("cuda")) for each in jobs]
    list(train_together(states, set()))
    for found, expected in zip(states, alone(jobs, corpus), strict=True):
        assert_alike(found, expected, 1e-3)
