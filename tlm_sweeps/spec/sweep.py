"""A sweep: a question, an experiment with some fields left open, a FLOP budget and an engine that searches."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Discriminator, Field, Tag

from tlm_sweeps.spec.experiment import ExperimentSpec
from tlm_sweeps.spec.fields import Count, Flops, Name, Part, Share
from tlm_sweeps.spec.fields import Tag as RunTag
from tlm_sweeps.spec.settings import Settings
from tlm_sweeps.spec.space import Dimension

MOST_SEEDS = 10_000
"""More runs of one setting are a slip of the keyboard."""

NumberOfSeeds = Annotated[int, Field(ge=1, le=MOST_SEEDS)]
RunSeed = Annotated[int, Field(ge=0, lt=2**32)]
Account = Literal["matmul", "6nd", "2nd"]
"""The convention by which FLOPs are counted; see docs/decisions."""


class BudgetSpec(Part):
    """How many training FLOPs every run gets, in which account, and what gives so that it spends them."""

    flops: Flops | Annotated[tuple[Flops, ...], Field(min_length=1)]
    """Training FLOPs of one run. A list draws isoFLOP curves: the whole search once at each."""
    account: Account = "matmul"
    """`matmul`: matrix-multiply FLOPs of forward and backward, exact; `6nd`; `2nd`, the study's."""
    match: Literal["epochs", "width", "none"] = "epochs"
    """The field that is solved so that the budget is spent; `none` only forbids overspending."""
    tolerance: Share = 0.01
    """Largest unspent share of the budget; a setting that cannot come so near is infeasible."""
    epochs_tolerance: Share = 0.25
    """`match: width` only: largest difference between epochs as run and as asked, widths being whole."""
    total: Flops | None = None
    """Training FLOPs of the whole sweep, in the same account, never overspent."""


class OptunaEngine(Part):
    """The search, by Optuna."""

    kind: Literal["optuna"] = "optuna"
    """The engine."""
    sampler: Literal["grid", "random", "tpe", "gp", "cmaes", "nsga2"] = "tpe"
    """How settings are proposed; `grid` trains every feasible cell of a finite space."""
    trials: Count | None = None
    """Settings to train at each budget (baselines not counted). Default: all cells of a grid, else 20."""
    pruner: Literal["none", "median", "asha", "hyperband"] = "none"
    """Whether unpromising trials are stopped early, judged at equal shares of spent FLOPs."""
    objectives: Annotated[
        tuple[Literal["val_nll", "train_flops", "n_params"], ...], Field(min_length=1, max_length=2)
    ] = ("val_nll",)
    """What is minimised: val_nll, or with nsga2 also train_flops or n_params."""
    seed: Annotated[int, Field(ge=0, lt=2**32)] = 0
    """Seed of the search itself (the runs have their own)."""


class WandbEngine(Part):
    """The search, by W&B: its server hands settings to agents on any machine; offline, this machine searches alike."""

    kind: Literal["wandb"]
    """The engine."""
    method: Literal["grid", "random", "bayes"] = "bayes"
    """How settings are proposed; `grid` trains every feasible cell of a finite space."""
    scheduler: Literal["server", "optuna"] = "server"
    """Who proposes: W&B's server, or a local Optuna study that drives the W&B sweep and knows what fits the budget."""
    trials: Count | None = None
    """Settings to train at each budget. Default: all cells of a grid, else 20."""
    pruner: Literal["none", "hyperband"] = "none"
    """Whether unpromising trials are stopped early, judged at equal shares of spent FLOPs."""
    seed: Annotated[int, Field(ge=0, lt=2**32)] = 0
    """Seed of the search where this machine searches; W&B's server has its own."""

    @property
    def sampler(self) -> Literal["grid", "random", "tpe"]:
        """The Optuna sampler that searches as the method does: where this machine searches, it is this one."""
        return "tpe" if self.method == "bayes" else self.method

    @property
    def objectives(self) -> tuple[Literal["val_nll"]]:
        """What is minimised."""
        return ("val_nll",)


def _kind_of_engine(given: Any) -> str:
    """`optuna` where nothing is said."""
    kind = given.get("kind", "optuna") if isinstance(given, dict) else getattr(given, "kind", "optuna")
    return kind if isinstance(kind, str) else "optuna"


EngineSpec = Annotated[
    Annotated[OptunaEngine, Tag("optuna")] | Annotated[WandbEngine, Tag("wandb")], Discriminator(_kind_of_engine)
]
"""Who searches."""


class TrackingSpec(Part):
    """What runs tell W&B while they train. Results never depend on it."""

    wandb: Literal["off", "offline", "online"] = "off"
    """Not at all, into local files for `tlm-sweeps sync`, or to the server."""
    project: Name = "tlm-sweeps"
    """W&B project."""
    entity: Name | None = None
    """W&B user or team; the account's default when left out."""
    tags: tuple[RunTag, ...] = ()
    """Tags put on every run."""
    artifacts: Literal["none", "model"] = "none"
    """Files that a run hands to W&B at its end: none, or the weights that it ends with, as an artifact."""


def _is_empty(value: tuple[str, ...]) -> bool:
    """Left out of older specs, so that their identities stay as they are."""
    return not value


class SweepSpec(Part):
    """A search over a space of experiments under a FLOP budget."""

    name: Name
    """Names the folder of records: letters, digits, `.`, `_`, `-`."""
    question: str = ""
    """What the sweep is to answer, in words; it heads the report."""
    after: Annotated[tuple[Annotated[str, Field(min_length=1)], ...], Field(exclude_if=_is_empty)] = ()
    """Specs of sweeps that this one starts from, as files beside it: the same command trains what is missing of them
    first. What they spent counts in `budget.total`, once."""
    experiment: ExperimentSpec
    """The experiment; searched and solved fields may be left out."""
    search: dict[str, Dimension] = Field(default_factory=dict)
    """Dotted names of experiment fields and what to try: a list, or a range such as {log_uniform: [1e-4, 3e-3]}."""
    baselines: dict[Name, Settings] = Field(default_factory=dict)
    """Named settings trained beside the search at the same budget: dotted names and values (or nested mappings)."""
    budget: BudgetSpec | None = None
    """The FLOP budget. Without one (single runs only), `training.epochs` says how long to train."""
    engine: EngineSpec = OptunaEngine()
    """How the space is searched."""
    seeds: (
        Annotated[int, Field(ge=1, le=MOST_SEEDS)]
        | Annotated[tuple[Annotated[int, Field(ge=0, lt=2**32)], ...], Field(min_length=1)]
    ) = 1
    """Runs for each trial: a number (seeds 0, 1, …) or the seeds themselves. A grid or random search without a pruner
    may be given more later: the same command then trains those that are missing."""
    tracking: TrackingSpec = TrackingSpec()
    """What is told to W&B."""
