"""The seven open questions of arXiv 2512.20877: which runs of ours answer each, and what they leave out.

The arms are held against `sweeps/architecture-tradeoffs/question-*.yaml` by a test.
"""

from __future__ import annotations

from typing import Any

from tlm_sweeps.studies.arms import Arm
from tlm_sweeps.studies.questions import Comparisons, Group, Overfitting, Question, Shape

_STUDYS_BLOCK = {
    "model.norm": "layernorm",
    "model.activation": "relu",
    "model.kv_heads": 4,
    "model.norm_placement": "post",
    "model.tied_head": False,
    "model.biases": True,
}
_TECHNIQUES: dict[str, dict[str, Any]] = {
    "RMSNorm": {"model.norm": "rmsnorm"},
    "SwiGLU": {"model.activation": "swiglu"},
    "grouped-query attention": {"model.kv_heads": 2},
    "pre-norm": {"model.norm_placement": "pre"},
    "tied head": {"model.tied_head": True},
    "no biases": {"model.biases": False},
}
_TOGETHER = {name: value for technique in _TECHNIQUES.values() for name, value in technique.items()}
_CELLS = tuple((dropout, decay) for dropout in (0.1, 0.3, 0.5) for decay in (0.0, 0.1))
"""Dropout and weight decay; the study's first."""
_IN_PROPORTION = 78_496 / 30_000
"""Epochs as run: 2 · 563,265 / 430,785, which is 2.615, in whole steps of 64 windows."""


def _technique(label: str, changed: dict[str, Any]) -> Arm:
    return Arm("tradeoffs-question-1", label, {**_STUDYS_BLOCK, **changed})


def _regularised(dropout: float, decay: float) -> Arm:
    where = {"model.dropout": dropout, "training.weight_decay": decay}
    return Arm("tradeoffs-question-3-80k", f"80,000 words, dropout {dropout:g}, weight decay {decay:g}", where)


def _trained(label: str, depth: int, **where: float) -> Arm:
    return Arm("tradeoffs-question-4", label, {"model.depth": depth, **where})


def _ptb(context: int) -> Arm:
    return Arm("tradeoffs-question-5", f"T = {context}", {"model.context": context})


def _wikipedia(label: str, kind: str, **where: Any) -> Arm:
    return Arm("tradeoffs-question-6", label, {"model.kind": kind, **where})


def _positions(context: int) -> Group:
    learned, rope, sinusoidal = (
        Arm("tradeoffs-question-7", label, {"model.positions": positions, "model.context": context})
        for label, positions in (("learned", "learned"), ("RoPE", "rope"), ("sinusoidal", "sinusoidal"))
    )
    return Group(learned, (rope, sinusoidal), title=f"T = {context}")


QUESTIONS = (
    Question(
        number=1,
        asks="Which techniques of large models help at this scale?",
        scope="The study's transformer (L = 3) on Tiny Shakespeare, all positions as targets, without dropout, one "
        "learning rate; about one pass over the text. SwiGLU has a third matrix and two thirds of the width. Post-norm "
        "blocks begin as nn.MultiheadAttention does (Xavier, zero biases), pre-norm blocks as plain linear layers: "
        "pre-norm changes both.",
        kind=Comparisons(
            (
                Group(
                    _technique("the study's block", {}),
                    (
                        *(_technique(label, changed) for label, changed in _TECHNIQUES.items()),
                        _technique("all together", _TOGETHER),
                    ),
                ),
            )
        ),
    ),
    Question(
        number=2,
        asks="From which budget on does more depth or more context help, and below which does it hurt?",
        scope="Transformers of width 64 on Tiny Shakespeare, all positions as targets, one learning rate, four budgets "
        "over two orders of magnitude; epochs are what gives. A law that predicts it is another study.",
        kind=Shape(
            "tradeoffs-question-2",
            budgets=(40_000_000_000, 200_000_000_000, 900_000_000_000, 4_000_000_000_000),
            steps={"model.depth": (1, 2, 4), "model.context": (64, 128, 256)},
        ),
    ),
    Question(
        number=3,
        asks="Does better regularisation, or more text, cure the word-level overfitting?",
        scope="The study's word-level transformer on PTB with all positions as targets and AdamW: six passes over the "
        "study's 80,000 words, and the same training FLOPs on all of the text.",
        kind=Overfitting(
            _regularised(*_CELLS[0]),
            (
                *(_regularised(dropout, decay) for dropout, decay in _CELLS[1:]),
                Arm("tradeoffs-question-3-full", "all of PTB, dropout 0.1, weight decay 0"),
            ),
        ),
    ),
    Question(
        number=4,
        asks="Does depth 4 overtake depth 3 when it is trained longer?",
        scope="The study's protocol of its depth sweep, in bf16. The deeper models cost more: that is the question.",
        kind=Comparisons(
            (
                Group(
                    _trained("L = 3, 2 epochs", 3),
                    (
                        _trained("L = 4, epochs in proportion to parameters", 4, **{"training.epochs": _IN_PROPORTION}),
                        _trained("L = 4, 6 epochs", 4, **{"training.epochs": 6.0}),
                    ),
                ),
            ),
            equal=None,
        ),
    ),
    Question(
        number=5,
        asks="Is T = 128 better than T = 64 on PTB?",
        scope="The study's 80,000 words, all positions as targets, equal matmul FLOPs, the last position scored.",
        kind=Comparisons((Group(_ptb(64), (_ptb(128),)),)),
    ),
    Question(
        number=6,
        asks="On 10 MB of characters, does attention keep its lead over the MLP, and does RoPE gain?",
        scope="10,000,000 characters of a Wikipedia sample at a small budget: the MLP makes one and a half passes, the "
        "transformers a tenth of one. One learning rate, no dropout.",
        kind=Comparisons(
            (
                Group(
                    _wikipedia("the MLP", "mlp"),
                    (
                        _wikipedia("attention, one target a window", "attention", **{"training.predict": "last"}),
                        _wikipedia("attention, all positions", "attention", **{"training.predict": "all"}),
                    ),
                ),
                Group(
                    _wikipedia("learned positions", "transformer", **{"model.positions": "learned"}),
                    (_wikipedia("RoPE", "transformer", **{"model.positions": "rope"}),),
                ),
            )
        ),
    ),
    Question(
        number=7,
        asks="From which context on does RoPE overtake learned positions on Tiny Shakespeare?",
        scope="Pre-norm transformers (L = 3), 4,096 characters a step, all positions as targets and scored: compare "
        "within a context. About one pass at T = 128, half of one at T = 1024.",
        kind=Comparisons(tuple(_positions(context) for context in (128, 256, 512, 1024))),
    ),
)
