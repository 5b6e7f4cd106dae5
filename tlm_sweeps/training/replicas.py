"""Runs of one shape that differ in seed and learning rate, trained as one: their weights are stacked, (k, …).

A small model cannot fill a GPU, k of them can: every product becomes one batched product. Each run remains a `RunState`
whose tensors are views into the stack, so checkpoints, evaluation and its end know nothing of the others; what one of
them computes never enters another, not even as a number that is none. Which runs may be stacked: `compute.stacking`.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from collections.abc import Set as AbstractSet
from contextlib import AbstractContextManager, nullcontext

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.func import functional_call, vmap
from torch.nn.attention import SDPBackend, sdpa_kernel

from tlm_sweeps.compute.counting import Predict
from tlm_sweeps.compute.goals import next_token
from tlm_sweeps.compute.stacking import stack_key
from tlm_sweeps.compute.steps import evaluation_steps
from tlm_sweeps.models.language_model import LanguageModel
from tlm_sweeps.runs.record import Measurement
from tlm_sweeps.training.evaluation import mean_over_windows, scored_windows
from tlm_sweeps.training.graph import RecordedStep
from tlm_sweeps.training.loop import STEPS_BETWEEN_CHECKS, Diverged, Progress, finite, measure
from tlm_sweeps.training.loss import mean_nll
from tlm_sweeps.training.optimizer import Group, learning_rate_at, update
from tlm_sweeps.training.state import RunState
from tlm_sweeps.training.windows import TrainingWindows

Happened = Progress | Measurement | Diverged


class Replicas:
    """Runs that take their steps together. All are at the same step."""

    def __init__(self, states: Sequence[RunState]) -> None:
        """Stack the runs: from here on their tensors are views into common ones.

        Args:
            states: of one `stack_key`, at one step, on one device. Each holds its own weights and moments.
        """
        self.states = tuple(states)
        first = self.states[0]
        if len({(_key(each), each.step) for each in states}) > 1 or _key(first) is None:
            raise ValueError("these runs cannot be stacked: they differ in shape or step, or drop out")
        self._criterion = _Criterion(_next_token_model(first))
        self._weights = {
            name: _shared([each.module.get_parameter(name) for each in states]).requires_grad_()
            for name, _ in first.module.named_parameters()
        }
        self._loss_sums = torch.stack([each.loss_sum for each in states])
        for state, loss_sum in zip(states, self._loss_sums, strict=True):
            state.loss_sum = loss_sum
        for index in range(len(first.optimizer)):
            _share_moments(self.states, index)
        self._recorded = RecordedStep(self._compute) if first.device.type == "cuda" else None

    @property
    def step(self) -> int:
        """Optimizer steps done."""
        return self.states[0].step

    def take_step(self) -> None:
        """One optimizer step of every run, on its own batch and at its own rate."""
        began = time.perf_counter()
        training = self.states[0].job.experiment.training
        starts = torch.stack([_windows(each).starts(self.step) for each in self.states])
        rows = _windows(self.states[0]).rows(starts)
        rates = [
            learning_rate_at(each.step, each.job.steps.total, each.job.experiment.training) for each in self.states
        ]
        is_whole = starts.shape[1] == training.batch_size
        if self._recorded is not None and is_whole:
            self._recorded(rows, torch.tensor(rates))
        else:
            self._compute(rows, rates)
        elapsed = time.perf_counter() - began
        for each in self.states:
            each.step += 1
            each.wall_seconds += elapsed

    def val_nlls(self) -> list[float]:
        """Validation NLL of every run."""
        began = time.perf_counter()
        first = self.states[0]
        experiment = first.job.experiment
        valid = first.valid
        assert isinstance(valid, Tensor)  # runs that can be stacked read tokens
        windows = scored_windows(experiment, valid)
        goal = next_token(windows.score)

        def nlls_of(inputs: Tensor, targets: Tensor) -> Tensor:
            every = [each.expand(len(self.states), *each.shape) for each in (inputs, targets)]
            return self._nlls(every[0], every[1], goal)

        nlls = mean_over_windows(nlls_of, valid, windows, experiment).tolist()
        for each in self.states:
            each.wall_seconds += time.perf_counter() - began
        return nlls

    def _compute(self, rows: Int[Tensor, "k b n"], rates: Sequence[float] | Float[Tensor, " k"]) -> None:
        goal = next_token(self.states[0].goal)
        losses = self._nlls(*_windows(self.states[0]).split(rows), goal)
        losses.sum().backward()
        for index, state in enumerate(self.states):
            for name, parameter in state.module.named_parameters():
                gradients = self._weights[name].grad
                parameter.grad = None if gradients is None else gradients[index]
            update(state.optimizer, rates[index], state.job.experiment.training)
        for each in self._weights.values():
            each.grad = None
        self._loss_sums.add_(losses.detach(), alpha=rows.shape[1])

    def _nlls(
        self, inputs: Int[Tensor, "k b t"], targets: Int[Tensor, "k b q"], predict: Predict
    ) -> Float[Tensor, " k"]:
        def nll(weights: dict[str, Tensor], some: Tensor, wanted: Tensor) -> Tensor:
            named = {f"module.{name}": each for name, each in weights.items()}
            return functional_call(self._criterion, named, (some, wanted, predict))

        with _attention_that_stacks(inputs.device):
            return vmap(nll)(self._weights, inputs, targets)


class _Criterion(nn.Module):
    """The loss as a module, for `functional_call` to put weights into."""

    def __init__(self, module: LanguageModel) -> None:
        super().__init__()
        self.module = module

    def forward(self, inputs: Tensor, targets: Tensor, predict: Predict) -> Tensor:
        return mean_nll(self.module, inputs, targets, predict)


def train_together(states: Sequence[RunState], leaving: AbstractSet[int]) -> Iterator[tuple[int, Happened]]:
    """Train runs of one shape until each has come to its end.

    Args:
        states: as `Replicas` takes them.
        leaving: places (in `states`) of runs that are to take no further step; the caller adds to it as it learns.

    Yields:
        A run's place, and what happened to it: what `train` would yield, or the divergence that ended it. `Progress`
        comes once a step, for the first of them, as they advance alike.
    """
    due = set(evaluation_steps(states[0].job.experiment, states[0].job.steps))
    diverged: set[int] = set()
    places, replicas = list(range(len(states))), Replicas(states)
    while True:
        if replicas.step in due and replicas.step > _evaluated(replicas.states[0]):
            for place, val_nll in zip(places, replicas.val_nlls(), strict=True):
                happened = _measured(states[place], val_nll)
                diverged |= {place} if isinstance(happened, Diverged) else set()
                yield place, happened
        staying = [each for each in places if each not in diverged | leaving and _has_steps_left(states[each])]
        if not staying:
            return
        if staying != places:
            places, replicas = staying, Replicas([states[place] for place in staying])
        replicas.take_step()
        for place in places:
            if (error := _checked(states[place])) is not None:
                diverged.add(place)
                yield place, error
        first = states[places[0]]
        yield places[0], Progress(first.step, first.job.steps.windows_after(first.step), first.train_flops)


def _key(state: RunState) -> str | None:
    return stack_key(state.job.experiment, state.job.steps, state.corpus.facts)


def _next_token_model(state: RunState) -> LanguageModel:
    assert isinstance(state.module, LanguageModel)  # others have no `stack_key`
    return state.module


def _windows(state: RunState) -> TrainingWindows:
    assert isinstance(state.windows, TrainingWindows)  # the same
    return state.windows


def _evaluated(state: RunState) -> int:
    return state.measurements[-1].step if state.measurements else 0


def _has_steps_left(state: RunState) -> bool:
    return state.step < state.job.steps.total and not state.out_of_patience


def _measured(state: RunState, val_nll: float) -> Measurement | Diverged:
    try:
        return measure(state, val_nll)
    except Diverged as error:
        return error


def _checked(state: RunState) -> Diverged | None:
    if state.step % STEPS_BETWEEN_CHECKS:
        return None
    try:
        finite(state.loss_sum.item(), "training loss", state.step)
    except Diverged as error:
        return error
    return None


@torch.no_grad()
def _shared(tensors: Sequence[Tensor]) -> Tensor:
    """The tensors as one, (k, …); each becomes a view of its part."""
    stacked = torch.stack([each.detach() for each in tensors])
    for tensor, part in zip(tensors, stacked, strict=True):
        tensor.data = part
    return stacked


def _share_moments(states: Sequence[RunState], index: int) -> None:
    groups: list[Group] = [each.optimizer[index] for each in states]
    for moments in ("means", "squares", "counts"):
        for of_one_parameter in zip(*(getattr(group, moments) for group in groups), strict=True):
            _shared(of_one_parameter)


def _attention_that_stacks(device: torch.device) -> AbstractContextManager[object]:
    """Torch can stack its attention kernels of a GPU, but not the one of a CPU."""
    return sdpa_kernel(SDPBackend.MATH) if device.type == "cpu" else nullcontext()
