"""A fit as one document, which needs no run's files: what was fitted, to what, how sure it is, and what it foretells.

Losses are nats per token; FLOPs are counts; intervals are 95 %.
"""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict

from tlm_sweeps.scaling.choices import Sizes, Tokens
from tlm_sweeps.scaling.law import Law

Interval = tuple[float, float]


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Basis(_Frozen):
    """What was fitted to."""

    sources: tuple[str, ...]
    """Names of sweeps, or the CSV file."""
    sizes: Sizes | None
    """None where a file says how many there are."""
    tokens: Tokens | None
    account: str
    """How FLOPs were counted."""
    cost_factor: float
    """A token costs factor · N^exponent training FLOPs."""
    cost_exponent: float
    cost_worst_error: float
    """Largest relative distance of a run's FLOPs from it."""
    n_runs: int
    n_settings: int
    n_sizes: int
    budgets: tuple[float, ...]
    least_flops: float
    most_flops: float
    alike: dict[str, str] = {}
    """What all runs have in common and another run must have too: `training.predict`, the fingerprint of the text."""
    left_out: dict[str, int] = {}
    """Why settings of the sweeps are not in it, and how many."""


class RunPoint(_Frozen):
    """A setting that was fitted to, as the mean of its runs."""

    label: str
    n_params: float
    n_tokens: float
    train_flops: float
    budget_flops: float | None
    nll: float
    n_runs: int


class Coefficient(_Frozen):
    """One of a law."""

    value: float
    interval: Interval


class ParametricFit(_Frozen):
    """Approach 3: L(N, D) = E + A / N^α + B / D^β."""

    E: Coefficient
    A: Coefficient
    B: Coefficient
    alpha: Coefficient
    beta: Coefficient
    a: Coefficient
    """Of N* ∝ C^a: β / (α + β)."""
    b: Coefficient
    """Of D* ∝ C^b: α / (α + β)."""
    huber_delta: float
    huber_loss: float
    mean_error: float
    """Mean relative distance of the runs from the law."""
    log_residuals: tuple[float, ...]
    """Of runs that the law was not fitted to, about: log of measured less log of predicted, widened, at most 200."""
    laws: tuple[Law, ...]
    """Of resampled settings."""

    @property
    def law(self) -> Law:
        """The fitted coefficients."""
        return Law(self.E.value, self.A.value, self.B.value, self.alpha.value, self.beta.value)


class IsoFlopMinimum(_Frozen):
    """The lowest point of one budget's parabola."""

    budget_flops: float
    n_sizes: int
    n_params: Coefficient
    n_tokens: Coefficient
    nll: float
    curvature: float
    """The parabola is nll + curvature · (log N - log N*)²."""
    at_edge: float
    """Share of resamples whose lowest point is at the smallest or the largest size: where the interval is cut off."""


class IsoFlopFit(_Frozen):
    """Approach 2."""

    minima: tuple[IsoFlopMinimum, ...]
    unused: dict[str, str]
    """Budgets whose minimum was not seen, and why."""
    size_factor: float | None
    """N* = factor · C^a; None where fewer than two budgets have a minimum."""
    a: Coefficient | None
    tokens_factor: float | None
    b: Coefficient | None


class FrontierFit(_Frozen):
    """L = factor · C^-exponent through the best of each budget; without a floor."""

    factor: float
    exponent: Coefficient
    budgets: tuple[float, ...]
    nlls: tuple[float, ...]


class HeldOutSetting(_Frozen):
    """One that the law of the cheaper ones was asked for."""

    label: str
    n_params: float
    n_tokens: float
    train_flops: float
    measured: float
    predicted: float
    interval: Interval
    """Of one run."""
    error: float
    """Predicted over measured, less 1."""
    is_inside: bool


class HeldOut(_Frozen):
    """The law of the cheaper settings against the dearest."""

    n_fitted: int
    settings: tuple[HeldOutSetting, ...]
    mean_error: float
    """Mean relative error, without its sign."""
    best: HeldOutSetting
    """The one with the lowest measured loss."""


class BestSplit(_Frozen):
    """How a budget is best spent."""

    train_flops: float
    beyond: float
    """Over the most FLOPs that a run was fitted to."""
    approach: Literal["parametric", "isoflop"]
    n_params: Coefficient
    n_tokens: Coefficient
    nll: Coefficient | None
    """Of the law, not of one run; None of approach 2, which has no law of the loss."""
    nearest: tuple[str, ...] = ()
    """Settings that were trained and come nearest in size."""


class NotFitted(_Frozen):
    """What could not be told, and why."""

    reason: str


class FitDocument(_Frozen):
    """Everything that is said of a fit."""

    format: Literal[1] = 1
    command: str
    created_at: str
    """UTC, ISO 8601."""
    basis: Basis
    points: tuple[RunPoint, ...]
    parametric: ParametricFit | NotFitted
    isoflop: IsoFlopFit | NotFitted
    frontier: FrontierFit | NotFitted
    held_out: HeldOut | NotFitted
    best_splits: tuple[BestSplit, ...]
    notes: tuple[str, ...]
    """What must be known to read it."""
