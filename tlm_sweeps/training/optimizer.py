"""Adam and AdamW (Kingma and Ba 2015, arXiv 1412.6980; Loshchilov and Hutter 2019, arXiv 1711.05101), and the rate.

The arithmetic is torch's fused kernel. It is called directly because `torch.optim` imports a compiler when its first
optimizer is made, which costs a run more than a second; a test compares the two.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import assert_never

import torch
from jaxtyping import Float
from torch import Tensor, nn

from tlm_sweeps.spec.experiment import TrainingSpec

EPSILON = 1e-8


@dataclass(frozen=True)
class Group:
    """Parameters that share a weight decay, with the moments of each. The tensors change in place."""

    names: tuple[str, ...]
    parameters: tuple[nn.Parameter, ...]
    means: tuple[Tensor, ...]
    """First moments."""
    squares: tuple[Tensor, ...]
    """Second moments."""
    counts: tuple[Tensor, ...]
    """Updates done, as the kernel wants them: a float32 for each parameter."""
    weight_decay: float


def optimizer_for(module: nn.Module, training: TrainingSpec) -> tuple[Group, ...]:
    """The optimizer's state before the first step.

    AdamW decays matrices that multiply; biases, gains and tables (so also a tied head) are left alone.
    """
    tables = {id(table.weight) for table in module.modules() if isinstance(table, nn.Embedding)}
    named = tuple(module.named_parameters())
    decayed = tuple((name, each) for name, each in named if each.ndim > 1 and id(each) not in tables)
    others = tuple((name, each) for name, each in named if each.ndim <= 1 or id(each) in tables)
    match training.optimizer:
        case "adam":
            return (_group(named, 0.0),)
        case "adamw":
            return (_group(decayed, training.weight_decay), _group(others, 0.0))
        case _:
            assert_never(training.optimizer)


@torch.no_grad()
def update(groups: tuple[Group, ...], learning_rate: float | Float[Tensor, ""], training: TrainingSpec) -> None:
    """One optimizer step from the parameters' gradients, clipped first where the spec says so; then drop them.

    The rate may be a tensor on the parameters' device, which a recorded step reads anew each time.
    """
    if training.clip is not None:
        nn.utils.clip_grad_norm_([each for group in groups for each in group.parameters], training.clip)
    for group in groups:
        _fused_step(group, learning_rate, training.betas)
        for parameter in group.parameters:
            parameter.grad = None


def learning_rate_at(step: int, total: int, training: TrainingSpec) -> float:
    """The rate of the step with this number, counted from 0.

    Warm-up rises in a line and ends below the peak, which is the rate of the step after it. A falling rate reaches
    its end just after the last step, so that no step has rate 0.

    >>> falling = TrainingSpec.model_validate({"learning_rate": 1.0, "schedule": {"kind": "linear", "warmup": 0.25}})
    >>> [round(learning_rate_at(step, 4, falling), 3) for step in range(4)]
    [0.5, 1.0, 0.667, 0.333]
    """
    schedule, peak = training.schedule, training.learning_rate
    warmup = round(schedule.warmup * total)
    if step < warmup:
        return peak * (step + 1) / (warmup + 1)
    done = (step - warmup) / (total - warmup)
    match schedule.kind:
        case "constant":
            return peak
        case "linear":
            return peak * (1 - (1 - schedule.final) * done)
        case "cosine":
            return peak * (schedule.final + (1 - schedule.final) * (1 + math.cos(math.pi * done)) / 2)
        case _:
            assert_never(schedule.kind)


def _group(named: tuple[tuple[str, nn.Parameter], ...], weight_decay: float) -> Group:
    parameters = tuple(parameter for _, parameter in named)
    return Group(
        names=tuple(name for name, _ in named),
        parameters=parameters,
        means=tuple(torch.zeros_like(each, requires_grad=False) for each in parameters),
        squares=tuple(torch.zeros_like(each, requires_grad=False) for each in parameters),
        counts=tuple(torch.zeros((), device=each.device) for each in parameters),
        weight_decay=weight_decay,
    )


def _fused_step(group: Group, learning_rate: float | Float[Tensor, ""], betas: tuple[float, float]) -> None:
    gradients = [each.grad for each in group.parameters if each.grad is not None]
    if len(gradients) != len(group.parameters):
        raise AssertionError("a parameter has no gradient: every parameter of a model must bear on its loss")
    torch._foreach_add_(group.counts, 1)  # pyright: ignore[reportPrivateImportUsage] see the module's docstring
    # AdamW with no decay is Adam.
    torch._fused_adamw_(  # pyright: ignore[reportPrivateImportUsage] as above
        group.parameters,
        gradients,
        group.means,
        group.squares,
        [],
        group.counts,
        lr=learning_rate,
        beta1=betas[0],
        beta2=betas[1],
        weight_decay=group.weight_decay,
        eps=EPSILON,
        amsgrad=False,
        maximize=False,
    )
