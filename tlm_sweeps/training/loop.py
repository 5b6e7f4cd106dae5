"""One run, step by step: a generator that yields what happened. Its caller decides what to do with it.

`start` (in `training.state`) → `train` until it ends → `finish`. Between any two yields the state can be kept by
`training.checkpoint` and a run resumed from it goes on as this one would.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from dataclasses import dataclass

from tlm_sweeps.compute.footprint import evaluation_flops
from tlm_sweeps.compute.steps import evaluation_steps
from tlm_sweeps.errors import RunError
from tlm_sweeps.runs.record import LabelScores, Measurement
from tlm_sweeps.spec.models import LinearModel
from tlm_sweeps.training.evaluation import evaluate
from tlm_sweeps.training.objective import loss_of_step
from tlm_sweeps.training.optimizer import learning_rate_at, update
from tlm_sweeps.training.predictions import Predictions, predictions_of
from tlm_sweeps.training.seeding import seed_dropout
from tlm_sweeps.training.state import Best, RunState, ending_with, weights_of

STEPS_BETWEEN_CHECKS = 50
"""How often the training loss is looked at between evaluations: often enough to stop a diverged run early, and on a
GPU seldom enough not to wait for it."""


class Diverged(RunError):
    """A loss is no longer a number."""


@dataclass(frozen=True)
class Progress:
    """After an optimizer step."""

    step: int
    windows: int
    """Windows trained on so far."""
    train_flops: dict[str, int]
    """Spent so far, by account."""


@dataclass(frozen=True)
class Outcome:
    """What a finished run found and spent. NLLs are nats per target."""

    train_nll: float
    """Mean training loss between the last two evaluations."""
    val_nll: float
    """That of the weights the run ends with: the best of the run, unless `restore_best` is false."""
    test_nll: float
    """Of the same weights."""
    best_step: int
    """The step they are from."""
    steps: int
    epochs: float
    positions: int
    targets: int
    train_flops: dict[str, int]
    evaluation_flops: int
    """Matrix-multiply FLOPs of all evaluations, the test included; never charged."""
    wall_seconds: float
    stopped_early: bool
    """Whether patience ran out before the steps did."""
    test_scores: LabelScores | None = None
    """Of runs that tell labels apart, as is what follows; by the weights the run ends with."""
    predictions: Predictions | None = None


def train(state: RunState) -> Iterator[Progress | Measurement]:
    """Train from where the state is to the end, or until patience runs out.

    Yields:
        `Progress` after every optimizer step and, after those of `evaluation_steps`, a `Measurement`, which is then
        the last of `state.measurements`. What a state held before is not yielded again.

    Raises:
        Diverged: the training or the validation loss is not finite.
    """
    due = set(evaluation_steps(state.job.experiment, state.job.steps))
    while True:
        evaluated = state.measurements[-1].step if state.measurements else 0
        if state.step in due and state.step > evaluated:
            began = time.perf_counter()
            evaluation = evaluate(state.module, state.valid, state.job.experiment)
            state.wall_seconds += time.perf_counter() - began
            yield measure(state, evaluation.nll, evaluation.accuracy)
        if state.step >= state.job.steps.total or state.out_of_patience:
            return
        take_step(state)
        yield Progress(state.step, state.job.steps.windows_after(state.step), state.train_flops)


def finish(state: RunState) -> Outcome:
    """The outcome of a run that `train` has ended. Test is scored here and nowhere else; the state is left as it is.

    Raises:
        Diverged: the test loss is not finite.
    """
    job, best = state.job, state.best
    if best is None:
        raise RunError("the run has not been evaluated yet", place=f"step {state.step}")
    began = time.perf_counter()
    with ending_with(state):
        test = evaluate(state.module, state.split("test"), job.experiment)
        predictions = predictions_of(state, test)
    facts, last = state.corpus.facts, state.measurements[-1]
    kept = best if job.experiment.evaluation.restore_best else last
    return Outcome(
        train_nll=last.train_nll,
        val_nll=kept.val_nll,
        test_nll=finite(test.nll, "test loss", state.step),
        best_step=kept.step,
        steps=state.step,
        epochs=last.epochs,
        positions=state.positions,
        targets=state.targets,
        train_flops=last.train_flops,
        evaluation_flops=evaluation_flops(job.experiment, facts, len(state.measurements)),
        wall_seconds=state.wall_seconds + time.perf_counter() - began,
        stopped_early=state.step < job.steps.total,
        test_scores=predictions.test_scores if predictions else None,
        predictions=predictions,
    )


def take_step(state: RunState) -> None:
    """One optimizer step on the next batch.

    Raises:
        Diverged: the training loss, which is looked at now and then, is not finite.
    """
    began = time.perf_counter()
    job, training = state.job, state.job.experiment.training
    if not isinstance(job.experiment.model, LinearModel) and job.experiment.model.dropout > 0:
        seed_dropout(job.seed, state.step, state.device)
    loss = loss_of_step(state)
    loss.backward()
    update(state.optimizer, learning_rate_at(state.step, job.steps.total, training), training)
    windows = job.steps.windows_after(state.step + 1) - job.steps.windows_after(state.step)
    state.loss_sum.add_(loss.detach(), alpha=windows)
    state.step += 1
    if state.step % STEPS_BETWEEN_CHECKS == 0:
        finite(state.loss_sum.item(), "training loss", state.step)
    state.wall_seconds += time.perf_counter() - began


def measure(state: RunState, val_nll: float, val_accuracy: float | None = None) -> Measurement:
    """Add an evaluation to the state, and keep the weights if they are the best so far.

    Raises:
        Diverged: the training loss since the last one, or the validation loss, is not finite.
    """
    job, steps = state.job, state.job.steps
    evaluated = state.measurements[-1].step if state.measurements else 0
    windows = steps.windows_after(state.step) - steps.windows_after(evaluated)
    train_nll = finite(state.loss_sum.item() / windows, "training loss", state.step)
    val_nll = finite(val_nll, "validation loss", state.step)
    if state.best is None or val_nll < state.best.val_nll:
        weights = weights_of(state.module) if job.experiment.evaluation.restore_best else None
        state.best = Best(state.step, val_nll, weights)
    state.loss_sum.zero_()
    state.measurements.append(
        Measurement(
            step=state.step,
            epochs=steps.epochs_after(state.step),
            train_flops=state.train_flops,
            train_nll=train_nll,
            val_nll=val_nll,
            learning_rate=learning_rate_at(state.step - 1, steps.total, job.experiment.training),
            wall_seconds=state.wall_seconds,
            positions=state.positions,
            targets=state.targets,
            val_accuracy=val_accuracy,
        )
    )
    return state.measurements[-1]


def finite(value: float, what: str, step: int) -> float:
    """The value, if it is a number.

    Raises:
        Diverged: it is not.
    """
    if not math.isfinite(value):
        raise Diverged(
            f"diverged: the {what} is {value} by step {step}",
            place="training.learning_rate",
            hint="try a lower learning rate, a warm-up (training.schedule.warmup) or clipping (training.clip: 1.0)",
        )
    return value
