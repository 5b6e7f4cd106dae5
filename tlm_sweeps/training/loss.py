"""Mean cross-entropy of a model's predictions, in nats, without ever holding the logits of a large vocabulary whole.

Below a size the logits are made at once and torch does the rest. Above it, head and loss are taken some rows at a
time, and the gradients with them, since they need the same logits: memory no longer grows with rows × vocabulary, and
no product is computed twice. The idea is that of Liger Kernel's fused linear cross-entropy (Hsu et al. 2024, arXiv
2410.10989).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn import functional

from tlm_sweeps.compute.counting import Predict
from tlm_sweeps.compute.memory import LOGITS_AT_ONCE
from tlm_sweeps.models.encoder_heads import Classifier, MaskedLanguageModel
from tlm_sweeps.models.language_model import LanguageModel
from tlm_sweeps.models.layers import Dense
from tlm_sweeps.training.examples import Examples
from tlm_sweeps.training.masking import MaskedWindows


def mean_nll(
    module: LanguageModel, inputs: Int[Tensor, "b t"], targets: Int[Tensor, "b q"], predict: Predict
) -> Float[Tensor, ""]:
    """Nats per target of one batch: a float32 scalar, with gradients unless they are switched off.

    Args:
        module: in either mode and precision.
        inputs: windows of tokens.
        targets: what follows each position, or (`last`) the last one.
        predict: which positions the loss is taken at.
    """
    features = module.features(inputs, predict).flatten(0, -2)
    wanted = targets.flatten()
    head = module.head
    if len(features) * head.weight.shape[0] <= LOGITS_AT_ONCE:
        return functional.cross_entropy(head(features).float(), wanted)
    if not torch.is_grad_enabled():
        return _summed_in_parts(head, features, wanted, None) / len(wanted)
    return _LinearCrossEntropy.apply(features, head.weight, head.bias, wanted, None)


def masked_nll(module: MaskedLanguageModel, windows: MaskedWindows) -> Float[Tensor, ""]:
    """Nats per predicted piece: a float32 scalar, with gradients unless they are switched off.

    A place that a short passage repeats is computed, as it was counted, and weighs nothing.
    """
    features = module.masked_features(windows.inputs, windows.is_real, windows.places).flatten(0, -2)
    wanted, weights, head = windows.targets.flatten(), windows.weights.flatten(), module.head
    if len(features) * head.weight.shape[0] <= LOGITS_AT_ONCE:
        nlls = functional.cross_entropy(head(features).float(), wanted, reduction="none")
        return (nlls * weights).sum() / weights.sum()
    if not torch.is_grad_enabled():
        return _summed_in_parts(head, features, wanted, weights) / weights.sum()
    return _LinearCrossEntropy.apply(features, head.weight, head.bias, wanted, weights)


def label_nll(module: Classifier, examples: Examples) -> Float[Tensor, ""]:
    """Nats per example: a float32 scalar, with gradients unless they are switched off."""
    return functional.cross_entropy(module(examples.inputs, examples.is_real).float(), examples.labels)


def _summed_in_parts(
    head: Dense, features: Float[Tensor, "r d"], wanted: Int[Tensor, " r"], weights: Float[Tensor, " r"] | None
) -> Float[Tensor, ""]:
    """The sum of all rows' cross-entropy, some rows at a time."""
    nlls = []
    for rows in _slices(len(features), _rows_at_once(head.weight)):
        logits, goals = head(features[rows]).float(), wanted[rows]
        if weights is None:
            nlls.append(functional.cross_entropy(logits, goals, reduction="sum"))
        else:
            nlls.append((functional.cross_entropy(logits, goals, reduction="none") * weights[rows]).sum())
    return torch.stack(nlls).sum()


class _LinearCrossEntropy(torch.autograd.Function):
    """Head and mean cross-entropy in one, rows by rows; the gradients are made on the way forward."""

    @staticmethod
    def forward(  # type: ignore[override]  # a Function's signature is its own
        ctx: Any,
        features: Float[Tensor, "r d"],
        weight: Float[Tensor, "v d"],
        bias: Float[Tensor, " v"] | None,
        targets: Int[Tensor, " r"],
        weights: Float[Tensor, " r"] | None,
    ) -> Float[Tensor, ""]:
        low, low_bias = weight.to(features.dtype), None if bias is None else bias.to(features.dtype)
        loss = torch.zeros((), device=features.device)
        by_features = torch.empty_like(features)
        by_weight = torch.zeros_like(weight)
        by_bias = None if bias is None else torch.zeros_like(bias)
        for rows in _slices(len(features), _rows_at_once(weight)):
            some, goals = features[rows], targets[rows, None]
            logits = functional.linear(some, low, low_bias).float()
            log_sum = logits.logsumexp(1, keepdim=True)
            nlls = log_sum - logits.gather(1, goals)
            loss += nlls.sum() if weights is None else nlls[:, 0] @ weights[rows]
            # Softmax less one at the target: the gradient of the sum by the logits, in their place.
            error = logits.sub_(log_sum).exp_()
            error.scatter_add_(1, goals, error.new_full(goals.shape, -1.0))
            if weights is not None:
                error *= weights[rows, None]
            if by_bias is not None:
                by_bias += error.sum(0)
            error = error.to(features.dtype)
            torch.mm(error, low, out=by_features[rows])
            by_weight += error.t() @ some
        ctx.save_for_backward(by_features, by_weight, by_bias)
        ctx.total = len(features) if weights is None else weights.sum()
        return loss / ctx.total

    @staticmethod
    def backward(ctx: Any, by_loss: Float[Tensor, ""]) -> tuple[Tensor | None, ...]:  # type: ignore[override]
        by_features, by_weight, by_bias = ctx.saved_tensors
        scale = by_loss / ctx.total
        by_bias = None if by_bias is None else by_bias * scale
        return by_features * scale.to(by_features.dtype), by_weight * scale, by_bias, None, None


def _rows_at_once(weight: Float[Tensor, "v d"]) -> int:
    return max(1, LOGITS_AT_ONCE // 4 // weight.shape[0])


def _slices(total: int, rows: int) -> Iterator[slice]:
    return (slice(first, min(first + rows, total)) for first in range(0, total, rows))
