"""What each kind of work costs on one core: prices, and the prices that are assumed of a machine nobody has measured.

A batch takes the sum of its amounts of work times their prices (`compute.work`); there are prices for training, with
the backward pass and the optimizer, and for scoring alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from tlm_sweeps.compute.work import Work

Precision = Literal["fp32", "bf16"]
"""What a run computes in, once that is settled."""


@dataclass(frozen=True)
class Rates:
    """Seconds for one of each kind of work."""

    training: Work
    """Forward, backward and optimizer, by the forward pass's counts."""
    scoring: Work


def seconds_for(work: Work, prices: Work) -> float:
    """What an amount of work takes."""
    return sum(amount * price for amount, price in zip(work, prices, strict=True))


TYPICAL: dict[Precision, Rates] = {
    "fp32": Rates(
        training=Work(
            batches=5e-5,
            layers=1.3e-4,
            clipped_layers=1.5e-5,
            parameters=5e-10,
            matmul_flops=2.8e-11,
            matmul_numbers=2e-9,
            ragged=2e-10,
            activations=2e-9,
            curved=2e-9,
            dropped=6e-9,
            scores=2.7e-9,
            attention_flops=1.1e-11,
            logits=2e-9,
            tokens=3e-8,
            gathered=2e-9,
        ),
        scoring=Work(
            batches=5e-5,
            layers=2e-5,
            parameters=1e-10,
            matmul_flops=1e-11,
            matmul_numbers=3e-10,
            ragged=3e-10,
            activations=1.3e-9,
            curved=3e-10,
            scores=1e-9,
            attention_flops=4e-12,
            logits=1.2e-9,
            tokens=5e-9,
            gathered=5e-10,
        ),
    ),
    "bf16": Rates(
        training=Work(
            batches=5e-5,
            layers=3e-4,
            clipped_layers=1.5e-5,
            parameters=5e-10,
            matmul_flops=1.1e-11,
            matmul_numbers=1.7e-9,
            ragged=2.5e-10,
            activations=1.7e-9,
            curved=7e-10,
            dropped=6e-9,
            scores=2.3e-9,
            attention_flops=1e-11,
            logits=1.8e-9,
            tokens=3e-8,
            gathered=2.5e-9,
        ),
        scoring=Work(
            batches=5e-5,
            layers=6e-5,
            parameters=1e-9,
            matmul_flops=4e-12,
            matmul_numbers=5e-10,
            ragged=2e-10,
            activations=9e-10,
            curved=2e-10,
            scores=8e-10,
            attention_flops=1e-12,
            logits=8e-10,
            tokens=4e-9,
            gathered=3e-10,
        ),
    ),
}
"""Fitted on one core of a 2023 server (AVX-512 with bf16 products, no AMX) whose cores were all at work."""


@dataclass(frozen=True)
class Machine:
    """How fast one core trains while its neighbours do too. By default the typical one."""

    rates: Mapping[Precision, Rates] = field(default_factory=lambda: TYPICAL)
    seconds_per_run: float = 0.15
    """Building the model, writing its weights, telling the coordinator."""
    seconds_to_start: float = 2.0
    """Until a worker can train: its imports."""

    def rates_for(self, precision: Literal["fp32", "bf16", "auto"]) -> tuple[Rates, ...]:
        """The prices that a run may have: those of both precisions where the faster will be taken."""
        wanted: tuple[Precision, ...] = ("fp32", "bf16") if precision == "auto" else (precision,)
        return tuple(self.rates[each] if each in self.rates else TYPICAL[each] for each in wanted)
