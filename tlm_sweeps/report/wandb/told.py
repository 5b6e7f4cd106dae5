"""What W&B holds of a sweep and its runs, read as our spec, records and measurements.

The inverse of `tracking/tracked_run.py`. Arithmetic on dictionaries: it refuses to know the client and the network.
"""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, get_args

from pydantic import ValidationError

from tlm_sweeps.compute.facts import CorpusFacts
from tlm_sweeps.compute.planning import BUDGET, budgets
from tlm_sweeps.runs.record import Measurement, Provenance, Record, State
from tlm_sweeps.spec.experiment import ExperimentSpec
from tlm_sweeps.spec.fingerprint import canonical_json
from tlm_sweeps.spec.sweep import Account, SweepSpec

_ENDED: tuple[State, ...] = ("complete", "pruned", "infeasible", "failed")
_GOING_ON = ("running", "preempting")
"""A run of ours is marked preempting from its start, so that the server gives it out again when its machine dies."""
_TO_COME = ("pending", "preempted")
_LOST = {
    "finished": "it ended without telling a result",
    "crashed": "W&B did not hear from it any more (crashed)",
    "killed": "it was killed (W&B says so)",
}
_MEASURED = (
    *("train_nll", "val_nll", "test_nll", "positions", "targets", "steps", "epochs", "best_step", "wall_seconds"),
    *("evaluation_flops", "peak_memory_bytes", "stacked"),
)
"""Fields of a record that a summary has under their own names."""
_OF_FAILED = ("evaluation_flops", "peak_memory_bytes", "stacked")
"""Of a failed run only these: W&B fills in the last point of the curves for what nobody told."""


@dataclass(frozen=True)
class HeldRun:
    """A run as the server has it."""

    id: str
    state: str
    """In W&B's words."""
    created_at: str
    heartbeat_at: str
    config: Mapping[str, Any]
    summary: Mapping[str, Any]
    history: Sequence[Mapping[str, Any]] = ()


def records_of(spec: SweepSpec, runs: Sequence[HeldRun]) -> tuple[Record, ...]:
    """The runs as records, in the order of their trials.

    Runs of equal settings and budget are one trial. Trials are numbered in the order in which W&B has made their first
    run; where a seed of a setting was trained a second time, that is the next trial of the same setting.
    """
    names = names_of(runs)
    ordered = sorted(runs, key=lambda run: (run.created_at, run.id))
    trials: defaultdict[str, list[tuple[int, set[int]]]] = defaultdict(list)
    n_trials = 0
    records = []
    for run in ordered:
        setting, seed = _setting(spec, run.config), _seed(spec, run.config)
        open_to = next((trial for trial in trials[setting.key] if seed not in trial[1]), None)
        if open_to is None:
            open_to = (n_trials, set())
            n_trials += 1
            trials[setting.key].append(open_to)
        open_to[1].add(seed)
        known = {"run_id": names[run.id], "trial": open_to[0], "seed": seed}
        records.append(_record(spec, run, setting, known))
    return tuple(sorted(records, key=lambda record: (record.trial, record.seed)))


def names_of(runs: Sequence[HeldRun]) -> dict[str, str]:
    """The run ids of our records, by id at W&B: as their agents call them; else, or if two are alike, W&B's."""
    told = {run.id: run.config.get("run_id") for run in runs}
    count = Counter(told.values())
    return {run_id: name if isinstance(name, str) and count[name] == 1 else run_id for run_id, name in told.items()}


def measurements_of(run: HeldRun, account: Account) -> tuple[Measurement, ...]:
    """The points of a run's curves in the order of steps, each step once, as it was told last.

    `train_flops` has the budget's account only: points tell no other.
    """
    found: dict[int, Measurement] = {}
    for row in run.history:
        known = {name: row.get(name) for name in Measurement.model_fields if name in row}
        try:
            point = Measurement.model_validate(
                known | {"step": row.get("_step"), "train_flops": {account: row.get("spent_flops")}}
            )
        except ValidationError:
            continue  # a line of somebody else's
        found[point.step] = point
    return tuple(found[step] for step in sorted(found))


def spent_by(run: HeldRun, account: Account) -> int:
    """Training FLOPs that a run is known to have spent: as it told at its end, else up to its last point."""
    told = run.summary.get(f"train_flops_{account}", run.summary.get("spent_flops"))
    return int(told) if isinstance(told, int | float) and not isinstance(told, bool) else 0


@dataclass(frozen=True)
class _Setting:
    """What a trial is."""

    settings: dict[str, Any]
    baseline: str | None
    budget_flops: int | None

    @property
    def key(self) -> str:
        return canonical_json([self.settings, self.baseline, self.budget_flops])


def _setting(spec: SweepSpec, config: Mapping[str, Any]) -> _Setting:
    """As the run told it, else as W&B proposed it."""
    if isinstance(config.get("settings"), Mapping):
        settings, baseline = _dotted(config["settings"]), config.get("baseline")
    else:
        settings, baseline = _proposed(spec, config)
    settings = _in_order(settings, (*spec.search, *spec.baselines.get(baseline or "", {}), BUDGET))
    of_config = config.get("budget")
    budget = of_config.get("flops") if isinstance(of_config, Mapping) else settings.get(BUDGET, budgets(spec)[0])
    return _Setting(settings, baseline, None if budget is None else int(budget))


def _proposed(spec: SweepSpec, config: Mapping[str, Any]) -> tuple[dict[str, Any], str | None]:
    """What the server asked for, before any agent has said what it made of it."""
    cell = config.get("setting")
    try:
        settings = dict(json.loads(cell)) if isinstance(cell, str) else {}
    except (TypeError, ValueError):
        settings = {}
    settings |= {name: config[name] for name in (*spec.search, BUDGET) if name in config}
    baseline = settings.pop("baseline", None)
    return {**spec.baselines.get(baseline, {}), **settings}, baseline


def _seed(spec: SweepSpec, config: Mapping[str, Any]) -> int:
    first = spec.seeds[0] if isinstance(spec.seeds, tuple) else 0
    seed = config.get("seed", first)
    return seed if isinstance(seed, int) else first


def _record(spec: SweepSpec, run: HeldRun, setting: _Setting, known: Mapping[str, Any]) -> Record:
    state, reason = _state(run)
    planned = {
        **known,
        "sweep": spec.name,
        "state": state,
        "reason": reason,
        "baseline": setting.baseline,
        "settings": setting.settings,
        "budget_flops": setting.budget_flops,
        "account": spec.budget.account if spec.budget else "matmul",
        "spec": {name: run.config[name] for name in ExperimentSpec.model_fields if name in run.config},
        "fingerprint": run.config.get("fingerprint") or "",
        "finished_at": run.heartbeat_at or None if state in _ENDED else None,
    }
    try:
        return Record.model_validate(planned | _planned(run) | _measured(run, state))
    except ValidationError as error:
        first = error.errors()[0]
        unread = f"what W&B holds of it cannot be read: {'.'.join(map(str, first['loc']))}: {first['msg']}"
        return Record.model_validate(planned | {"state": "failed", "reason": unread})


def _planned(run: HeldRun) -> dict[str, Any]:
    """What the config tells of the record."""
    config = run.config
    told = {name: config.get(name) for name in ("n_params", "n_params_non_embedding", "epochs_asked", "started_at")}
    provenance = config.get("provenance")
    known = {name: provenance[name] for name in Provenance.model_fields if name in provenance} if provenance else {}
    if "corpus" in known:
        known["corpus"] = _in_order(known["corpus"], [field.name for field in fields(CorpusFacts)])
    if "versions" in known:
        known["versions"] = _in_order(known["versions"], sorted(known["versions"]))
    return told | {"provenance": known}


def _measured(run: HeldRun, state: State) -> dict[str, Any]:
    """What the summary tells of the record, once it is over."""
    if run.summary.get("state") not in _ENDED:
        return {}
    names = _OF_FAILED if state == "failed" else _MEASURED
    flops = {account: run.summary.get(f"train_flops_{account}") for account in get_args(Account)}
    spent = {account: told for account, told in flops.items() if told is not None}
    return {name: run.summary[name] for name in names if name in run.summary} | {"train_flops": spent or None}


def _state(run: HeldRun) -> tuple[State, str]:
    told = run.summary.get("state")
    if told in _ENDED:
        return told, str(run.summary.get("reason") or "")
    if run.state in _GOING_ON:
        return "running", ""
    if run.state in _TO_COME:
        return "waiting", ""
    return "failed", _LOST.get(run.state, f"it ended without telling a result (W&B says {run.state})")


def _in_order(found: Mapping[str, Any], names: Iterable[str]) -> dict[str, Any]:
    """The same with these names first: W&B keeps no order, and what is shown should not change with each run."""
    return {name: found[name] for name in names if name in found} | dict(found)


def _dotted(tree: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Levels as dotted names: the inverse of `tracked_run.nested`."""
    found: dict[str, Any] = {}
    for name, value in tree.items():
        if isinstance(value, Mapping):
            found |= _dotted(value, f"{prefix}{name}.")
        else:
            found[prefix + name] = value
    return found
