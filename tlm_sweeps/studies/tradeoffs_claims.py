"""The six claims of *Architectural Trade-offs in Small Language Models Under Compute Constraints* (arXiv 2512.20877).

What each says, the study's evidence (one seed a cell), and the runs of ours that test it. Budgets are those of
`sweeps/architecture-tradeoffs/equal-*.yaml`; a test holds every arm here against the specs.
"""

from __future__ import annotations

from typing import Any, Literal

from tlm_sweeps.studies.arms import Arm
from tlm_sweeps.studies.claims import Claim, Setting
from tlm_sweeps.studies.contrasts import Contrast
from tlm_sweeps.studies.sides import Lowest, Tuned
from tlm_sweeps.units import format_flops

Predict = Literal["last", "all"]

FAMILY_BUDGETS = (250_000_000_000, 1_000_000_000_000, 4_000_000_000_000)
"""Matmul FLOPs of a run in the four families' sweeps."""
_CONTEXT_BUDGETS = (100_000_000_000, 400_000_000_000, 1_600_000_000_000)
_OVERFITS_AFTER = 2
"""Epochs."""
_LAST, _ALL = {"training.predict": "last"}, {"training.predict": "all"}
_ONE_DEPTH_BUDGET = (
    "One budget of 4 TFLOPs and one learning rate, not tuned; by the study's protocol L = 3 spends 16.66 TFLOPs "
    "(matmul) and L = 4 24.21 TFLOPs."
)
_ONE_HEADS_BUDGET = (
    "One budget of 2 TFLOPs and one learning rate, not tuned, in bf16; by the study's protocol a run spends "
    "1.584 TFLOPs (matmul)."
)


def family(kind: str, label: str, budget: int, predict: Predict) -> Tuned:
    """A family at one budget, its learning rate chosen by validation."""
    where = {"training.predict": predict, "budget.flops": budget}
    return Tuned(Arm(f"tradeoffs-equal-{kind}", label, where))


def _table_1(kind: str, label: str) -> Arm:
    return Arm("tradeoffs-table-1", label, {"model.kind": kind})


def _against_mlp(kind: str, predict: Predict) -> tuple[Contrast, ...]:
    """The MLP has one target a window in either case: it can have no more."""
    return tuple(
        Contrast(family(kind, kind, budget, predict), family("mlp", "MLP", budget, "last"), at=format_flops(budget))
        for budget in FAMILY_BUDGETS
    )


def _one_field(sweep: str, name: str, labels: dict[int, str], values: tuple[int, int], **asked: Any) -> Contrast:
    """Two values of one field, the one that is said to be better first; everything else alike."""
    first, second = (Arm(sweep, labels[value], {name: value, **asked}) for value in values)
    return Contrast(first, second)


def _heads(sweep: str, **asked: Any) -> tuple[Contrast, ...]:
    labels = {1: "1 head", 2: "2 heads", 4: "4 heads"}
    return tuple(_one_field(sweep, "model.heads", labels, pair, **asked) for pair in ((4, 2), (4, 1), (2, 1)))


def _depth(sweep: str, **asked: Any) -> tuple[Contrast, ...]:
    return (_one_field(sweep, "model.depth", {3: "L = 3", 4: "L = 4"}, (3, 4), **asked),)


def _positions(sweep: str, **asked: Any) -> tuple[Contrast, ...]:
    learned, rope = (
        Arm(sweep, label, {"model.positions": positions, **asked})
        for label, positions in (("learned positions", "learned"), ("RoPE", "rope"))
    )
    return (Contrast(learned, rope),)


def _context(budget: int | None) -> tuple[Contrast, ...]:
    sweep, at = ("tradeoffs-context", {}) if budget is None else ("tradeoffs-equal-context", {"budget.flops": budget})
    arms = [Arm(sweep, f"T = {context}", {"model.context": context, **at}) for context in (32, 64, 128)]
    words = "" if budget is None else format_flops(budget)
    return (Contrast(arms[0], arms[1], words), Contrast(arms[1], arms[2], words))


def _overfits(arm: Arm) -> Contrast:
    return Contrast(Lowest(arm, to=_OVERFITS_AFTER), Lowest(arm, after=_OVERFITS_AFTER))


_SMALL_PTB = Arm("tradeoffs-question-3-80k", "PTB, all positions", {"model.dropout": 0.1, "training.weight_decay": 0.0})

A1 = Claim(
    name="A1",
    says="attention beats the MLP in NLL per FLOP at small scale",
    evidence="Table 1: 2.1335 for 1.19e13 FLOPs (2ND) against 2.3222 for 1.65e14.",
    settings=(
        Setting(
            "own account",
            (Contrast(_table_1("attention", "attention"), _table_1("mlp", "MLP")),),
            beside=(Contrast(_table_1("transformer", "transformer"), _table_1("mlp", "MLP")),),
            cheaper="2nd",
            note="The study's rule: the lower NLL at fewer 2ND FLOPs.",
        ),
        Setting("equal FLOPs, last", _against_mlp("attention", "last"), beside=_against_mlp("transformer", "last")),
        Setting(
            "equal FLOPs, all",
            _against_mlp("attention", "all"),
            beside=_against_mlp("transformer", "all"),
            note="The MLP has one target a window: it can have no more.",
        ),
    ),
    pictured=("tradeoffs-equal-linear",),
)
A2 = Claim(
    name="A2",
    says="more depth without more optimisation hurts (L = 4 is worse than L = 3)",
    evidence="2.3078 against 2.2795, one seed.",
    settings=(
        Setting("own account", _depth("tradeoffs-depth")),
        Setting("equal FLOPs, last", _depth("tradeoffs-equal-depth", **_LAST), note=_ONE_DEPTH_BUDGET),
        Setting("equal FLOPs, all", _depth("tradeoffs-equal-depth", **_ALL), note=_ONE_DEPTH_BUDGET),
    ),
)
A3 = Claim(
    name="A3",
    says="more context without more optimisation hurts linear models",
    evidence="2.5135, 2.7006 and 3.0496 with T = 32, 64 and 128.",
    settings=(
        Setting("own account", _context(None)),
        Setting(
            "equal FLOPs, last",
            tuple(contrast for budget in _CONTEXT_BUDGETS for contrast in _context(budget)),
            note="A linear model has one target a window, so there is no third setting.",
        ),
    ),
)
A4 = Claim(
    name="A4",
    says="more heads help at width 128",
    evidence="2.3482, 2.4033 and 2.3055 with 1, 2 and 4 heads, one seed each.",
    settings=(
        Setting("own account", _heads("tradeoffs-heads"), note="Heads cost no matmul FLOPs: equal by both accounts."),
        Setting("equal FLOPs, last", _heads("tradeoffs-equal-heads", **_LAST), note=_ONE_HEADS_BUDGET),
        Setting("equal FLOPs, all", _heads("tradeoffs-equal-heads", **_ALL), note=_ONE_HEADS_BUDGET),
    ),
)
A5 = Claim(
    name="A5",
    says="learned positions beat RoPE at a context of 128",
    evidence="Table 3: 1.9738 against 2.0096, one seed.",
    settings=(
        Setting("own account", _positions("tradeoffs-table-3")),
        Setting(
            "equal FLOPs, last",
            _positions("tradeoffs-table-3"),
            note="The same runs: positions cost no matmul FLOPs.",
        ),
        Setting("equal FLOPs, all", _positions("tradeoffs-question-7", **{"model.context": 128})),
    ),
)
A6 = Claim(
    name="A6",
    says="word-level models overfit after epoch 2",
    evidence="Table 2: best after epoch 2 of 8 on PTB and after epoch 1 on WikiText-2.",
    settings=(
        Setting(
            "own account",
            (
                _overfits(Arm("tradeoffs-table-2-ptb", "PTB")),
                _overfits(Arm("tradeoffs-table-2-wikitext-2", "WikiText-2")),
            ),
            note="Validation NLL. An epoch has as many targets as the text has words: the first 80,000 of the corpus.",
        ),
        Setting(
            "all positions",
            (_overfits(_SMALL_PTB),),
            note="Validation NLL, passes over the same 80,000 words of PTB, AdamW without weight decay. "
            "Nothing is matched: the claim is about one model.",
        ),
    ),
)

CLAIMS = (A1, A2, A3, A4, A5, A6)
