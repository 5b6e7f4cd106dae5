"""What the outside is told about a run, as plain data: identity, config, one point of the curves, the summary.

It knows the record's words and W&B's shapes (flat metrics, nested config), and refuses to know the client: nothing
here imports it, so all of it can be read and tested as arithmetic on dictionaries.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tlm_sweeps.runs.record import Measurement, State
from tlm_sweeps.spec.sweep import Account

_ID_LENGTH = 64
_DIGEST_LENGTH = 12
_FROM_RECORD = (
    "train_nll",
    "val_nll",
    "test_nll",
    "n_params",
    "n_params_non_embedding",
    "positions",
    "targets",
    "steps",
    "epochs",
    "best_step",
    "test_scores",
    "wall_seconds",
    "evaluation_flops",
    "peak_memory_bytes",
    "stacked",
    "reason",
)
"""Fields of a record that the summary repeats under their own names."""
PLANNED = ("baseline", "fingerprint", "epochs_asked", "n_params_non_embedding", "started_at")
"""Fields of a record that are known before it is trained and that the config repeats under their own names."""


@dataclass(frozen=True, kw_only=True)
class WandbPlace:
    """Where a run of a W&B sweep belongs there."""

    sweep_id: str
    """The sweep that it hangs under."""
    run_id: str | None = None
    """Its id, when the server or an earlier session gave it one; None: `wandb_id` makes one."""
    group: str | None = None
    """Its group, when that is not the trial's number; runs of one group differ in their seed only."""
    is_numbered: bool = True
    """Whether its trial's number means something: where W&B's server proposes, trials are numbered by whoever reads."""
    config: Mapping[str, Any] = field(default_factory=dict)
    """What else its config says: what its agent claims of the sweep's total, and the proposal's parameters as the
    sweep's server made them, by which it knows what it has proposed."""


@dataclass(frozen=True, kw_only=True)
class TrackedRun:
    """A run as its tracker sees it when it opens."""

    run_id: str
    """Unique in its sweep: `quickstart-0003-s0`."""
    sweep: str
    sweep_fingerprint: str
    trial: int
    seed: int
    settings: Mapping[str, Any]
    """The searched hyperparameters, by dotted name."""
    spec: Mapping[str, Any]
    """The resolved experiment: nothing left open."""
    budget_flops: int | None
    """Training FLOPs granted, in `account`; None for a run without a budget."""
    account: Account
    """The account of the budget and of the curves' x axis."""
    n_params: int | None
    folder: Path
    """The run's folder. Whatever a tracker writes lies in `<folder>/wandb`."""
    tags: tuple[str, ...] = ()
    job_type: str = "train"
    resumed_from_step: int | None = None
    """Optimizer steps done when this session began; None when the run starts anew."""
    provenance: Mapping[str, Any] | None = None
    planned: Mapping[str, Any] = field(default_factory=dict)
    """The fields of its record that `PLANNED` names, as far as they are known."""
    place: WandbPlace | None = None
    """Where it belongs when it is part of a W&B sweep."""


def wandb_id(run: TrackedRun) -> str:
    """The run's id at W&B: the same for the same run of the same sweep, wherever and however often it is started.

    The one that its place names; else the run's name for people, then 48 bits of sha256 over sweep fingerprint and
    run id, so that two sweeps of one name stay apart: at most 64 characters, W&B's limit, and only such as run ids are
    made of (letters, digits, `.`, `_`, `-`), none of which W&B refuses.
    """
    if run.place is not None and run.place.run_id is not None:
        return run.place.run_id
    digest = hashlib.sha256(f"{run.sweep_fingerprint}/{run.run_id}".encode()).hexdigest()[:_DIGEST_LENGTH]
    return f"{run.run_id[: _ID_LENGTH - _DIGEST_LENGTH - 1]}-{digest}"


def group(run: TrackedRun) -> str:
    """The group at W&B: the runs of one trial, which differ in their seed only."""
    if run.place is not None and run.place.group is not None:
        return run.place.group
    return f"{run.sweep}-trial-{run.trial:04d}"


def config(run: TrackedRun) -> dict[str, Any]:
    """The config at W&B: the resolved spec at the top, so that W&B shows `model.depth`, and what the run is beside.

    W&B reads a period in a key as a level, so dotted settings become nested ones: `settings.model.depth`.
    """
    return {
        **(run.place.config if run.place is not None else {}),
        **run.spec,
        "settings": nested(run.settings),
        "sweep": {"name": run.sweep, "fingerprint": run.sweep_fingerprint},
        "run_id": run.run_id,
        **({"trial": run.trial} if run.place is None or run.place.is_numbered else {}),
        "seed": run.seed,
        "budget": {"flops": run.budget_flops, "account": run.account},
        "n_params": run.n_params,
        **{name: run.planned.get(name) for name in PLANNED},
        "provenance": dict(run.provenance or {}),
    }


def nested(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Dotted names as levels.

    >>> nested({"model.depth": 3, "model.heads": 4, "seed": 0})
    {'model': {'depth': 3, 'heads': 4}, 'seed': 0}
    """
    tree: dict[str, Any] = {}
    for dotted, value in settings.items():
        *levels, name = dotted.split(".")
        branch = tree
        for level in levels:
            branch = branch.setdefault(level, {})
        branch[name] = value
    return tree


def point(run: TrackedRun, measurement: Measurement) -> dict[str, float]:
    """One point of the curves: NLLs in nats per target over `spent_flops`, which is in the budget's account.

    `flop_per_second` is the mean rate of the run so far: matmul FLOPs of training over seconds, evaluations included.
    """
    seconds = measurement.wall_seconds
    rate = {"flop_per_second": measurement.train_flops["matmul"] / seconds} if seconds > 0 else {}
    known = {name: getattr(measurement, name) for name in ("positions", "targets", "val_accuracy")}
    return {
        "spent_flops": measurement.train_flops[run.account],
        "train_nll": measurement.train_nll,
        "val_nll": measurement.val_nll,
        "learning_rate": measurement.learning_rate,
        "epochs": measurement.epochs,
        "wall_seconds": seconds,
        **{name: value for name, value in known.items() if value is not None},
        **_bits(run, {"train_nll": measurement.train_nll, "val_nll": measurement.val_nll}),
        **rate,
    }


def summary(run: TrackedRun, record: Mapping[str, Any], state: State) -> dict[str, Any]:
    """What stands beside the run in W&B's table once it has ended; what is not known is left out, never 0.

    A failed run has no validation NLL, and says so.

    Args:
        run: the run.
        record: fields of its `Record`, as many as there are.
        state: how it ended.
    """
    known = {"n_params": run.n_params, **record}
    told = {name: known[name] for name in _FROM_RECORD if known.get(name) is not None}
    spent = record.get("train_flops") or {}
    told |= {f"train_flops_{account}": flops for account, flops in spent.items()}
    if run.budget_flops is not None:
        told["budget_flops"] = run.budget_flops
        if run.account in spent:
            told["unspent_flops"] = run.budget_flops - spent[run.account]
    if state == "failed":
        told["val_nll"] = None  # else W&B keeps that of the last point, and its search takes it for a result
    return told | _bits(run, {name: value for name, value in told.items() if value is not None}) | {"state": state}


def _bits(run: TrackedRun, nlls: Mapping[str, Any]) -> dict[str, float]:
    """Bits per character, beside the NLLs of a character-level run; of passages and examples there are none."""
    if run.spec.get("corpus", {}).get("level") != "char" or run.spec.get("passages") is not None:
        return {}
    return {
        f"{split}_bits_per_char": nlls[f"{split}_nll"] / math.log(2)
        for split in ("train", "val", "test")
        if f"{split}_nll" in nlls
    }
