"""Budget matching: what gives so that a run spends its FLOPs, and never more.

Solvers come in inverse pairs: `steps_within` and `flops_after` for the length of a run, `width_near` and `flops_at`
for its width. A run's cost is known before it starts: windows × cost of one window.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache

from tlm_sweeps.compute.counting import TrainFlops
from tlm_sweeps.compute.encoder_facts import PassageFacts, TaskFacts
from tlm_sweeps.compute.facts import TextFacts
from tlm_sweeps.compute.goals import goal_of, train_flops_per_window
from tlm_sweeps.compute.steps import Steps, windows_per_epoch
from tlm_sweeps.errors import Problem
from tlm_sweeps.spec.encoders import BertModel, encoder_ffn_width_of
from tlm_sweeps.spec.experiment import ExperimentSpec
from tlm_sweeps.spec.families import ModelSpec
from tlm_sweeps.spec.masking import MaskingSpec
from tlm_sweeps.spec.models import BlockModel, ffn_width_of, kv_heads_of
from tlm_sweeps.spec.sweep import Account, BudgetSpec
from tlm_sweeps.units import format_flops


@dataclass(frozen=True)
class Matched:
    """An experiment with nothing left open, and the steps that spend its budget."""

    experiment: ExperimentSpec
    """Width given, epochs as they will be run."""
    steps: Steps
    train_flops: TrainFlops
    """What the whole run spends."""
    epochs_asked: float | None
    """As the setting said; None where epochs were solved."""


def flops_after(experiment: ExperimentSpec, facts: TextFacts, steps: Steps, step: int) -> TrainFlops:
    """Training FLOPs spent by the first `step` steps of a run."""
    return cost_of_window(experiment, facts).times(steps.windows_after(step))


def steps_within(experiment: ExperimentSpec, facts: TextFacts, budget_flops: int, account: Account) -> Steps:
    """The longest run that spends at most the budget: the inverse of `flops_after`."""
    windows = budget_flops // cost_of_window(experiment, facts).of(account)
    shape = _steps(experiment, facts, total=0)
    return _steps(experiment, facts, total=shape.within(windows))


def flops_at(experiment: ExperimentSpec, facts: TextFacts, width: int, account: Account) -> int:
    """Training FLOPs of the asked epochs at a width."""
    return cost_of_window(with_width(experiment, width), facts).of(account) * _windows_asked(experiment, facts)


def width_near(experiment: ExperimentSpec, facts: TextFacts, budget_flops: int, account: Account) -> int:
    """The width whose cost at the asked epochs is nearest to the budget: the inverse of `flops_at`.

    A multiple of what heads and positions need; 0 when even the smallest such width is out of reach by half.
    """
    multiple = width_multiple(experiment)
    fits, over = 0, 1
    while flops_at(experiment, facts, over * multiple, account) <= budget_flops:
        fits, over = over, 2 * over
    while over - fits > 1:
        middle = (fits + over) // 2
        if flops_at(experiment, facts, middle * multiple, account) <= budget_flops:
            fits = middle
        else:
            over = middle
    if fits == 0:
        return multiple if flops_at(experiment, facts, multiple, account) < 2 * budget_flops else 0
    below = budget_flops - flops_at(experiment, facts, fits * multiple, account)
    above = flops_at(experiment, facts, over * multiple, account) - budget_flops
    return (fits if below <= above else over) * multiple


def match_budget(
    experiment: ExperimentSpec, facts: TextFacts, budget: BudgetSpec | None, budget_flops: int | None
) -> Matched | Problem:
    """Solve what the budget leaves open.

    Args:
        experiment: free of contradictions; width or epochs missing where they are solved.
        facts: of its corpus.
        budget: how to match; None trains for the epochs given, whatever they cost.
        budget_flops: this run's budget, in the budget's account.

    Returns:
        The solved experiment, or why there is none.
    """
    if too_short := _shortness(experiment, facts):
        return too_short
    if budget is None or budget_flops is None:
        return _as_asked(experiment, facts)
    match budget.match:
        case "epochs":
            return _spent(experiment, facts, budget, budget_flops)
        case "width":
            return _at_solved_width(experiment, facts, budget, budget_flops)
        case "none":
            return _at_most(_as_asked(experiment, facts), budget, budget_flops)


def width_multiple(experiment: ExperimentSpec) -> int:
    """What a width must be a multiple of: the heads, and pairs within a head for RoPE or within sinusoids."""
    model = experiment.model
    if isinstance(model, BertModel):
        return model.heads
    if not isinstance(model, BlockModel):
        return 1
    match model.positions:
        case "rope":
            return 2 * model.heads
        case "sinusoidal":
            return math.lcm(2, model.heads)
        case "learned" | "none":
            return model.heads


def with_width(experiment: ExperimentSpec, width: int) -> ExperimentSpec:
    """The same experiment at another width."""
    return experiment.model_copy(update={"model": experiment.model.model_copy(update={"width": width})})


def closed(model: ModelSpec) -> ModelSpec:
    """The same model with its defaults that follow from other fields written out, so that equal models are equal."""
    if isinstance(model, BertModel):
        ratio = BertModel.model_fields["ffn_ratio"].default  # without effect beside a width, so the same in all
        return model.model_copy(update={"ffn_width": encoder_ffn_width_of(model), "ffn_ratio": ratio})
    if not isinstance(model, BlockModel):
        return model
    follows = {"kv_heads": kv_heads_of(model), "ffn_width": ffn_width_of(model), "ffn_ratio": None}
    return model.model_copy(update=follows)


def cost_of_window(experiment: ExperimentSpec, facts: TextFacts) -> TrainFlops:
    """Training FLOPs of one window."""
    model, goal = experiment.model, goal_of(experiment, facts)
    return _cost_of_window(model, facts.vocabulary_size, goal)  # pyright: ignore[reportArgumentType] a frozen model has a hash


_cost_of_window = lru_cache(maxsize=1024)(train_flops_per_window)
_closed = lru_cache(maxsize=1024)(closed)
"""Remembered: thousands of settings share a few models, and a sweep asks again at every step that it hears of."""


def _steps(experiment: ExperimentSpec, facts: TextFacts, total: int) -> Steps:
    return Steps(experiment.training.batch_size, windows_per_epoch(experiment, facts), total)


def _windows_asked(experiment: ExperimentSpec, facts: TextFacts) -> int:
    epochs = experiment.training.epochs
    if epochs is None:
        raise ValueError("training.epochs is neither given nor solved")
    return max(1, round(Fraction(epochs) * windows_per_epoch(experiment, facts)))


def _as_asked(experiment: ExperimentSpec, facts: TextFacts) -> Matched:
    shape = _steps(experiment, facts, total=0)
    epochs, rest = divmod(_windows_asked(experiment, facts), shape.windows_per_epoch)
    total = epochs * shape.per_epoch + -(-rest // shape.batch_size)
    return _matched(experiment, facts, _steps(experiment, facts, total), asked=experiment.training.epochs)


def _spent(experiment: ExperimentSpec, facts: TextFacts, budget: BudgetSpec, budget_flops: int) -> Matched | Problem:
    steps = steps_within(experiment, facts, budget_flops, budget.account)
    if steps.total == 0:
        step_flops = cost_of_window(experiment, facts).of(budget.account) * steps.windows_after(1)
        return Problem(
            f"budget {format_flops(budget_flops)} is less than one step of this model ({format_flops(step_flops)})",
            "budget.flops",
            "a larger budget.flops, or a smaller model or training.batch_size",
        )
    matched = _matched(experiment, facts, steps, asked=experiment.training.epochs)
    unspent = 1 - matched.train_flops.of(budget.account) / budget_flops
    if unspent > budget.tolerance:
        return Problem(
            f"whole steps leave {unspent:.1%} of the budget {format_flops(budget_flops)} unspent, "
            f"more than the tolerance {budget.tolerance:.1%}: {steps.total} steps are too few",
            "budget.flops",
            "a larger budget.flops, a smaller training.batch_size or a wider budget.tolerance",
        )
    return matched


def _at_solved_width(
    experiment: ExperimentSpec, facts: TextFacts, budget: BudgetSpec, budget_flops: int
) -> Matched | Problem:
    asked = experiment.training.epochs
    width = width_near(experiment, facts, budget_flops, budget.account)
    if width == 0:
        multiple = width_multiple(experiment)
        least = flops_at(experiment, facts, multiple, budget.account)
        return Problem(
            f"no width fits: {asked:g} epochs at the smallest width, {multiple}, cost {format_flops(least)}, "
            f"the budget is {format_flops(budget_flops)}",
            "training.epochs",
            "fewer training.epochs, less depth or context, or a larger budget.flops",
        )
    solved = _spent(with_width(experiment, width), facts, budget, budget_flops)
    if isinstance(solved, Problem) or asked is None:
        return solved
    drift = solved.steps.epochs_after(solved.steps.total) / asked - 1
    if abs(drift) > budget.epochs_tolerance:
        return Problem(
            f"the nearest width, {width}, spends the budget in {(1 + drift) * asked:.3g} epochs instead of {asked:g}, "
            f"further off than budget.epochs_tolerance {budget.epochs_tolerance:.0%}",
            "training.epochs",
            "fewer model.heads (a finer choice of widths), a larger budget.flops, or a wider budget.epochs_tolerance",
        )
    return solved


def _at_most(matched: Matched, budget: BudgetSpec, budget_flops: int) -> Matched | Problem:
    cost = matched.train_flops.of(budget.account)
    if cost <= budget_flops:
        return matched
    return Problem(
        f"this setting costs {format_flops(cost)}, more than the budget {format_flops(budget_flops)}",
        "budget.flops",
        "fewer training.epochs, a smaller model, or `match: epochs`",
    )


def _matched(experiment: ExperimentSpec, facts: TextFacts, steps: Steps, asked: float | None) -> Matched:
    solved: dict[str, object] = {"epochs": steps.epochs_after(steps.total)}
    if experiment.training.predict == "masked":
        solved["masking"] = experiment.training.masking or MaskingSpec()
    training = experiment.training.model_copy(update=solved)
    model = _closed(experiment.model)  # pyright: ignore[reportArgumentType] the same
    return Matched(
        experiment=experiment.model_copy(update={"training": training, "model": model}),
        steps=steps,
        train_flops=flops_after(experiment, facts, steps, steps.total),
        epochs_asked=asked,
    )


def _shortness(experiment: ExperimentSpec, facts: TextFacts) -> Problem | None:
    context = experiment.model.context
    if isinstance(facts, PassageFacts | TaskFacts):
        return None  # of passages and of examples there is always one
    for split, tokens in (("train", facts.n_train), ("valid", facts.n_valid), ("test", facts.n_test)):
        if tokens <= context:
            return Problem(
                f"context {context} needs {context + 1} tokens; the {split} split of `{facts.name}` has {tokens}",
                "model.context",
                f"a context of at most {tokens - 1}, or a larger {split} split" if tokens > 1 else "a longer text",
            )
    if windows_per_epoch(experiment, facts) == 0:
        return Problem(
            f"context {context} leaves no shuffled window in {facts.n_train} training tokens",
            "model.context",
            "a shorter context, or `windows: replacement`",
        )
    return None
