"""The experiments that are timed to know a machine: few, small, and each with another kind of work in the lead.

Data only. Steps take from half a millisecond to about a hundred, and the longest hold more than a cache does; what a
sweep trains lies between or beyond them, and `compute.calibration` prices it by its parts.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from tlm_sweeps.compute.rates import Precision
from tlm_sweeps.spec.experiment import ExperimentSpec


@dataclass(frozen=True)
class Probe:
    """An experiment on a text of noise."""

    experiment: ExperimentSpec
    vocabulary_size: int


def probes(precision: Precision) -> tuple[Probe, ...]:
    """All of them."""
    return (
        # Windows that are flattened: launches, then memory, then a large vocabulary.
        _probe(precision, {"kind": "linear", "context": 8, "width": 109}),
        _probe(precision, {"kind": "linear", "context": 64, "width": 64}, batch=16),
        _probe(precision, {"kind": "linear", "context": 64, "width": 16}, batch=256),
        _probe(precision, {"kind": "linear", "context": 16, "width": 32}, batch=32, vocabulary=10_000),
        _probe(precision, {"kind": "mlp", "context": 16, "width": 21, "hidden": 128}),
        _probe(precision, {"kind": "mlp", "context": 64, "width": 128, "hidden": 512, "dropout": 0.1}),
        _probe(precision, {"kind": "mlp", "context": 16, "width": 64, "hidden": 512, "activation": "gelu"}, batch=256),
        # Narrow blocks, as small budgets have them: launches, heads that fill no vector, widths that fill none.
        _block(precision, depth=1, heads=1, width=80, context=16, batch=16, clip=1.0),
        _block(precision, depth=1, heads=4, width=36, context=64, batch=16),
        _block(precision, depth=4, heads=2, width=20, context=16, batch=16, clip=1.0, scored=(256, "last")),
        _block(precision, depth=4, heads=4, width=40, context=16, batch=16, scored=(256, "last")),
        _block(precision, depth=3, heads=2, width=32, context=32, batch=16, clip=1.0, scored=(64, "all")),
        _block(precision, depth=2, heads=1, width=39, context=32, batch=16, scored=(256, "last")),
        _block(precision, depth=3, heads=1, width=29, context=64, batch=16, clip=1.0),
        _block(precision, depth=4, heads=4, width=24, context=64, batch=16, scored=(256, "last")),
        _block(precision, depth=1, heads=1, width=77, context=64, batch=16, clip=1.0, scored=(256, "last")),
        # Wide ones and long ones: FLOPs, and attention over many positions.
        _block(precision, depth=1, heads=4, width=128, context=128, batch=32, scored=(32, "all")),
        _block(precision, depth=1, heads=2, width=54, context=128, batch=32, predict="last"),
        _block(precision, depth=2, heads=8, width=128, context=64, batch=16, predict="last"),
        _block(precision, depth=1, heads=8, width=256, context=64, batch=8),
        _block(precision, depth=1, heads=4, width=64, context=256, batch=8),
        _block(precision, depth=2, heads=2, width=64, context=256, batch=4, predict="last"),
        _block(precision, depth=1, heads=4, width=512, context=32, batch=8, predict="last"),
        # Many words; options that cost by themselves.
        _block(precision, depth=1, heads=2, width=64, context=64, batch=16, vocabulary=10_000, scored=(16, "all")),
        _block(precision, depth=1, heads=2, width=64, context=64, batch=32, vocabulary=10_000, predict="last"),
        _block(precision, depth=1, heads=4, width=64, context=32, batch=32, options={"dropout": 0.1}),
        _block(precision, depth=1, heads=4, width=64, context=64, batch=16, options=_MODERN),
    )


_MODERN = {"activation": "swiglu", "positions": "rope", "norm": "rmsnorm", "biases": False}


def _block(
    precision: Precision,
    *,
    depth: int,
    heads: int,
    width: int,
    context: int,
    batch: int,
    predict: str = "all",
    vocabulary: int = 100,
    clip: float | None = None,
    scored: tuple[int, str] | None = None,
    options: dict[str, Any] | None = None,
) -> Probe:
    model = {"kind": "transformer", "depth": depth, "heads": heads, "width": width, "context": context}
    return _probe(
        precision,
        model | (options or {}),
        batch=batch,
        predict=predict,
        vocabulary=vocabulary,
        clip=clip,
        scored=scored,
    )


def _probe(
    precision: Precision,
    model: dict[str, Any],
    *,
    batch: int = 64,
    predict: str = "last",
    vocabulary: int = 100,
    clip: float | None = None,
    scored: tuple[int, str] | None = None,
) -> Probe:
    """An experiment; `scored` is the size of an evaluation batch and the positions that it scores."""
    training = {"batch_size": batch, "predict": predict, "clip": clip, "epochs": 1.0, "precision": precision}
    evaluation = {"batch_size": scored[0], "score": scored[1]} if scored else {"batch_size": 4 * batch}
    asked = {"corpus": {"name": "python-docs"}, "model": model, "training": training, "evaluation": evaluation}
    return Probe(ExperimentSpec.model_validate(asked), vocabulary)
