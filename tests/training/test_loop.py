"""One run: what it yields, what it counts, what it keeps, and that one seed decides it all."""

import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from tlm_sweeps.compute.goals import train_flops_per_window
from tlm_sweeps.compute.steps import Steps, evaluation_steps
from tlm_sweeps.runs.record import Measurement
from tlm_sweeps.spec.experiment import EvaluationSpec, ExperimentSpec
from tlm_sweeps.training.evaluation import evaluate
from tlm_sweeps.training.job import TokenisedCorpus, TrainingJob
from tlm_sweeps.training.loop import Diverged, Outcome, Progress, finish, train
from tlm_sweeps.training.state import RunState, start
from tlm_sweeps.training.windows import resident

MakeJob = Callable[..., TrainingJob]
EVERY_KIND = (
    {"kind": "linear"},
    {"kind": "mlp", "hidden": 8, "dropout": 0.1},
    {"kind": "attention", "heads": 2, "dropout": 0.1, "norm_placement": "post"},
    {"kind": "transformer", "depth": 2, "heads": 2, "positions": "rope", "norm": "rmsnorm", "activation": "swiglu"},
)


def trained(job: TrainingJob, corpus: TokenisedCorpus) -> tuple[RunState, list[Progress | Measurement]]:
    state = start(job, corpus)
    return state, list(train(state))


def without_time(found: list[Measurement] | Outcome) -> object:
    if isinstance(found, Outcome):
        return replace(found, wall_seconds=0.0)
    return [each.model_copy(update={"wall_seconds": 0.0}) for each in found]


def test_progress_comes_after_every_step_and_a_measurement_after_each_evaluation(job: MakeJob, corpus: TokenisedCorpus):
    asked = job(evaluation={"every": 0.4}, steps=7)
    state, events = trained(asked, corpus)
    assert [each.step for each in events if isinstance(each, Progress)] == list(range(1, 8))
    measured = [each for each in events if isinstance(each, Measurement)]
    assert [each.step for each in measured] == [3, 6, 7] == list(evaluation_steps(asked.experiment, asked.steps))
    assert state.measurements == measured
    assert all(events[events.index(each) - 1].step == each.step for each in measured)


def test_flops_windows_and_targets_are_counted_from_the_spec(job: MakeJob, corpus: TokenisedCorpus):
    asked = job(training={"windows": "shuffled", "batch_size": 7, "predict": "all"}, steps=100)
    state, events = trained(asked, corpus)
    windows = asked.steps.windows_after(100)
    assert windows < 700  # each epoch's last batch is smaller
    cost = train_flops_per_window(asked.experiment.model, corpus.facts.vocabulary_size, "all").times(windows)
    outcome = finish(state)
    assert outcome.train_flops == cost.by_name() == events[-1].train_flops
    assert (outcome.positions, outcome.targets) == (6 * windows, 6 * windows)
    assert (outcome.steps, outcome.epochs) == (100, windows / asked.steps.windows_per_epoch)


def test_last_position_training_has_one_target_a_window(job: MakeJob, corpus: TokenisedCorpus):
    outcome = finish(trained(job(training={"predict": "last"}, steps=5), corpus)[0])
    assert (outcome.positions, outcome.targets) == (120, 20)


@pytest.mark.parametrize("model", EVERY_KIND, ids=lambda model: model["kind"])
def test_every_kind_learns(job: MakeJob, corpus: TokenisedCorpus, model: dict):
    state, _ = trained(job(model=model, training={"predict": "last", "batch_size": 32}, steps=150), corpus)
    outcome = finish(state)
    assert outcome.val_nll < 0.8 * math.log(corpus.facts.vocabulary_size)
    assert abs(outcome.test_nll - outcome.val_nll) < 0.3


def test_train_nll_is_the_mean_loss_since_the_last_evaluation(job: MakeJob, corpus: TokenisedCorpus):
    each_step, _ = trained(job(evaluation={"every": 0.001}), corpus)
    thirds, _ = trained(job(evaluation={"every": 1 / 3}), corpus)
    losses = [each.train_nll for each in each_step.measurements]
    expected = [np.mean(losses[first : first + 4]) for first in (0, 4, 8)]
    assert [each.train_nll for each in thirds.measurements] == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("model", EVERY_KIND, ids=lambda model: model["kind"])
def test_one_seed_decides_everything(job: MakeJob, corpus: TokenisedCorpus, model: dict):
    asked = job(model=model, training={"predict": "last"})
    first, _ = trained(asked, corpus)
    torch.randn(5)  # what else a process draws
    np.random.default_rng().random()
    second, _ = trained(asked, corpus)
    assert without_time(first.measurements) == without_time(second.measurements)
    assert without_time(finish(first)) == without_time(finish(second))
    other, _ = trained(replace(asked, seed=1), corpus)
    assert without_time(first.measurements) != without_time(other.measurements)


def test_runs_that_take_turns_in_one_process_do_not_disturb_each_other(job: MakeJob, corpus: TokenisedCorpus):
    model = {"kind": "attention", "heads": 2, "dropout": 0.3}
    jobs = [job(model=model, seed=0), job(model=model, seed=1)]
    alone = [without_time(trained(each, corpus)[0].measurements) for each in jobs]
    states = [start(each, corpus) for each in jobs]
    for _ in zip(train(states[0]), train(states[1]), strict=True):
        pass
    assert [without_time(each.measurements) for each in states] == alone


def test_starting_leaves_the_random_numbers_of_the_process_alone(job: MakeJob, corpus: TokenisedCorpus):
    torch.manual_seed(5)
    expected = torch.randn(3)
    torch.manual_seed(5)
    start(job(), corpus)
    assert torch.equal(torch.randn(3), expected)


def overfitting(job: MakeJob, **evaluation: object) -> TrainingJob:
    """A job whose validation NLL first falls and then rises."""
    return job(
        model={"kind": "mlp", "hidden": 64},
        training={"predict": "last", "learning_rate": 0.02, "windows_per_epoch": 40, "batch_size": 32},
        evaluation={"every": 0.02} | evaluation,
        steps=300,
    )


def test_test_is_scored_with_the_weights_of_the_best_validation(job: MakeJob, corpus: TokenisedCorpus):
    state, _ = trained(overfitting(job), corpus)
    outcome, values = finish(state), {each.step: each.val_nll for each in state.measurements}
    assert outcome.val_nll == min(values.values()) == values[outcome.best_step]
    assert outcome.best_step < 300
    last_weights = evaluate(state.module, resident(corpus.test, torch.device("cpu")), state.job.experiment)
    assert outcome.test_nll != last_weights.nll
    until_best = start(state.job, corpus)
    for event in train(until_best):
        if event.step == outcome.best_step:
            break
    best_weights = evaluate(until_best.module, resident(corpus.test, torch.device("cpu")), state.job.experiment)
    assert outcome.test_nll == best_weights.nll


def test_test_is_scored_with_the_last_weights_where_the_spec_says_so(job: MakeJob, corpus: TokenisedCorpus):
    state, _ = trained(overfitting(job, restore_best=False), corpus)
    outcome = finish(state)
    last_weights = evaluate(state.module, resident(corpus.test, torch.device("cpu")), state.job.experiment)
    assert outcome.test_nll == last_weights.nll
    last = state.measurements[-1]
    assert (outcome.val_nll, outcome.best_step) == (last.val_nll, last.step), "of the weights that test is scored with"


def test_patience_stops_a_run_that_gets_no_better(job: MakeJob, corpus: TokenisedCorpus):
    state, _ = trained(overfitting(job, patience=3), corpus)
    outcome = finish(state)
    assert outcome.stopped_early
    after_best = [each.step for each in state.measurements if each.step > outcome.best_step]
    assert len(after_best) == 3
    assert outcome.steps == after_best[-1] < 300
    assert outcome.train_flops == state.train_flops


def test_a_run_that_ends_by_its_steps_has_not_stopped_early(job: MakeJob, corpus: TokenisedCorpus):
    assert not finish(trained(job(), corpus)[0]).stopped_early


def test_finishing_changes_nothing(job: MakeJob, corpus: TokenisedCorpus):
    state, _ = trained(job(), corpus)
    before = {name: each.detach().clone() for name, each in state.module.named_parameters()}
    assert without_time(finish(state)) == without_time(finish(state))
    assert all(torch.equal(before[name], each) for name, each in state.module.named_parameters())


def test_evaluation_flops_are_counted_beside(job: MakeJob, corpus: TokenisedCorpus):
    one = finish(trained(job(evaluation={"every": 1.0}), corpus)[0])
    four = finish(trained(job(evaluation={"every": 0.25}), corpus)[0])
    assert one.train_flops == four.train_flops
    assert four.evaluation_flops > 2 * one.evaluation_flops > 0


def test_a_diverged_run_says_so_and_records_no_nan(job: MakeJob, corpus: TokenisedCorpus):
    asked = job(training={"learning_rate": 1e30}, evaluation={"every": 1.0}, steps=500)
    state = start(asked, corpus)
    with pytest.raises(Diverged, match=r"training loss is (nan|inf) by step 50"):
        list(train(state))
    assert state.measurements == []


def test_wall_time_leaves_out_what_the_caller_does_between(job: MakeJob, corpus: TokenisedCorpus):
    state = start(job(steps=3), corpus)
    steps = train(state)
    next(steps)
    before = state.wall_seconds
    sum(range(10**6))
    assert state.wall_seconds == before > 0


@given(total=st.integers(1, 400), every=st.floats(1e-4, 1), per_epoch=st.integers(1, 50))
def test_evaluations_are_evenly_spread_and_include_the_end(total: int, every: float, per_epoch: int):
    experiment = ExperimentSpec.model_validate(
        {"corpus": {"name": "none"}, "model": {"kind": "linear", "width": 4}, "evaluation": {"every": every}}
    )
    asked = TrainingJob(experiment, 0, Steps(1, per_epoch, total))
    steps = evaluation_steps(asked.experiment, asked.steps)
    assert steps[-1] == total
    gaps = np.diff((0, *steps))
    assert gaps.min() >= 1
    assert gaps.max() <= max(1, every * total) + 1
    by_epoch = experiment.model_copy(update={"evaluation": EvaluationSpec(every="epoch")})
    epochs = evaluation_steps(by_epoch, asked.steps)
    assert epochs == tuple(sorted({*range(per_epoch, total + 1, per_epoch), total}))
