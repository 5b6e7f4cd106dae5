"""All that a run is at one moment: what a checkpoint holds and the loop moves. It takes no step itself."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal

import torch
from torch import Tensor, nn

from tlm_sweeps.compute.counting import TrainFlops
from tlm_sweeps.compute.encoder_counting import Labels
from tlm_sweeps.compute.goals import Goal, goal_of, targets_per_window, train_flops_per_window
from tlm_sweeps.corpora.labelled_arrays import LabelledSet
from tlm_sweeps.corpora.passage_arrays import Passages
from tlm_sweeps.errors import RunError
from tlm_sweeps.models.build import TrainableModel, build
from tlm_sweeps.models.layers import Precision
from tlm_sweeps.runs.record import Measurement
from tlm_sweeps.training.evaluation import Split
from tlm_sweeps.training.examples import TrainingExamples, held_out_examples
from tlm_sweeps.training.job import Text, TrainingJob
from tlm_sweeps.training.optimizer import Group, optimizer_for
from tlm_sweeps.training.passages import TrainingPassages, held_out
from tlm_sweeps.training.seeding import first_weights
from tlm_sweeps.training.windows import TrainingWindows, resident

CPU = torch.device("cpu")


@dataclass(frozen=True)
class Best:
    """The best evaluation so far."""

    step: int
    val_nll: float
    weights: dict[str, Tensor] | None
    """Its weights, cloned, by parameter name; None where the last weights are wanted (`restore_best: false`)."""


@dataclass
class RunState:
    """A run between two steps. `training.loop` moves it, `training.checkpoint` keeps it."""

    job: TrainingJob
    corpus: Text
    module: TrainableModel
    optimizer: tuple[Group, ...]
    windows: TrainingWindows | TrainingPassages | TrainingExamples
    loss_sum: Tensor
    """Training loss since the last evaluation, summed over windows; float64, on the device."""
    step: int = 0
    """Optimizer steps done."""
    measurements: list[Measurement] = field(default_factory=list)
    best: Best | None = None
    wall_seconds: float = 0.0
    """Training and evaluation, without what the caller did between, summed over resumes."""

    @property
    def device(self) -> torch.device:
        """Where the run computes."""
        return self.loss_sum.device

    @cached_property
    def goal(self) -> Goal:
        """What a window is trained on."""
        return goal_of(self.job.experiment, self.corpus.facts)

    @cached_property
    def flops_per_window(self) -> TrainFlops:
        """Training FLOPs of one window."""
        return train_flops_per_window(self.job.experiment.model, self.corpus.facts.vocabulary_size, self.goal)

    @cached_property
    def valid(self) -> Split:
        """The validation split on the device."""
        return self.split("valid")

    def split(self, name: Literal["valid", "test"]) -> Split:
        """What the run is judged on, on the device."""
        if isinstance(self.corpus, Passages):
            return held_out(self.job.experiment, self.corpus, name, self.device)
        if isinstance(self.corpus, LabelledSet):
            return held_out_examples(self.corpus, name, self.device)
        return resident(self.corpus.valid if name == "valid" else self.corpus.test, self.device)

    @property
    def train_flops(self) -> dict[str, int]:
        """Spent so far, by account."""
        return self.flops_per_window.times(self.job.steps.windows_after(self.step)).by_name()

    @property
    def positions(self) -> int:
        """Positions trained on so far."""
        return self.job.steps.windows_after(self.step) * self.job.experiment.model.context

    @property
    def targets(self) -> int:
        """Targets trained on so far."""
        return self.job.steps.windows_after(self.step) * targets_per_window(self.job.experiment.model, self.goal)

    @property
    def out_of_patience(self) -> bool:
        """Whether so many evaluations brought nothing better that the run must stop."""
        patience = self.job.experiment.evaluation.patience
        if patience is None or self.best is None:
            return False
        return sum(each.step > self.best.step for each in self.measurements) >= patience

    @property
    def final_weights(self) -> dict[str, Tensor]:
        """The weights that the run ends with: the best ones, or the last where the spec says so."""
        if self.best is not None and self.best.weights is not None:
            return self.best.weights
        return weights_of(self.module)


def weights_of(module: nn.Module) -> dict[str, Tensor]:
    """A copy of what `live_weights` names."""
    return {name: each.detach().clone() for name, each in live_weights(module).items()}


def live_weights(module: nn.Module) -> dict[str, Tensor]:
    """What decides what a module computes, by name: its parameters, a tied table once, and batch norm's statistics."""
    kept = module.state_dict().keys()  # a tied table twice, but no buffer that follows from the spec
    buffers = {name: each for name, each in module.named_buffers() if name in kept}
    return {**dict(module.named_parameters()), **buffers}


@torch.no_grad()
def set_weights(module: nn.Module, weights: dict[str, Tensor]) -> None:
    """Copy weights into a module that has just these."""
    live = live_weights(module)
    if live.keys() != weights.keys():
        raise ValueError(f"other weights: {sorted(live.keys() ^ weights.keys())}")
    for name, each in live.items():
        each.copy_(weights[name])


@contextmanager
def ending_with(state: RunState) -> Iterator[None]:
    """Have the module hold the weights that the run ends with, in here."""
    last = weights_of(state.module)
    set_weights(state.module, state.final_weights)
    try:
        yield
    finally:
        set_weights(state.module, last)


def start(job: TrainingJob, corpus: Text, device: torch.device = CPU) -> RunState:
    """A run before its first step.

    Raises:
        RunError: its precision is still `auto`, which a sweep settles once for all its runs.
    """
    with first_weights(job.seed):
        module = _module(job, corpus).to(device)
    return RunState(
        job=job,
        corpus=corpus,
        module=module,
        optimizer=optimizer_for(module, job.experiment.training),
        windows=_windows(job, corpus, device),
        loss_sum=torch.zeros((), dtype=torch.float64, device=device),
    )


def _module(job: TrainingJob, corpus: Text) -> TrainableModel:
    goal = goal_of(job.experiment, corpus.facts)
    labels = goal.count if isinstance(goal, Labels) else None
    return build(job.experiment.model, corpus.facts.vocabulary_size, _precision(job), labels)


def _windows(
    job: TrainingJob, corpus: Text, device: torch.device
) -> TrainingWindows | TrainingPassages | TrainingExamples:
    if isinstance(corpus, Passages):
        return TrainingPassages(job, corpus, device)
    if isinstance(corpus, LabelledSet):
        return TrainingExamples(job, corpus, device)
    return TrainingWindows(job, resident(corpus.train, device))


def _precision(job: TrainingJob) -> Precision:
    precision = job.experiment.training.precision
    if precision == "auto":
        hint = "a sweep settles `auto` before its first run; by itself a run is told"
        raise RunError("the precision of a run must be fp32 or bf16", place="training.precision", hint=hint)
    return precision
