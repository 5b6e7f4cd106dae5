"""What W&B holds of a sweep and its runs, read as our spec, records and measurements.

The inverse of `tracking/tracked_run.py`. Arithmetic on dictionaries: it refuses to know the client and the network.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, get_args

from pydantic import TypeAdapter, ValidationError

from tlm_sweeps.report.wandb.told_config import ToldTrial, UnreadableConfigError, told_plan, told_trial, whole
from tlm_sweeps.runs.record import Measurement, Record, RunId, State
from tlm_sweeps.spec.experiment import ExperimentSpec
from tlm_sweeps.spec.sweep import Account, SweepSpec

_RUN_ID = TypeAdapter(RunId)
_UNSAFE = re.compile(r"[^A-Za-z0-9_-]")
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
    *("test_scores", "evaluation_flops", "peak_memory_bytes", "stacked"),
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
        told = _trial(spec, run)
        # Of what cannot be read nobody knows whose trial it is.
        key, seed = (told.key, told.seed) if isinstance(told, ToldTrial) else (run.id, _first_seed(spec))
        open_to = next((trial for trial in trials[key] if seed not in trial[1]), None)
        if open_to is None:
            open_to = (n_trials, set())
            n_trials += 1
            trials[key].append(open_to)
        open_to[1].add(seed)
        records.append(_record(spec, run, told, {"run_id": names[run.id], "trial": open_to[0], "seed": seed}))
    return tuple(sorted(records, key=lambda record: (record.trial, record.seed)))


def names_of(runs: Sequence[HeldRun]) -> dict[str, str]:
    """The run ids of our records, by id at W&B: as their agents call them; else, or if two are alike, W&B's.

    A name that could not be one of a folder is not taken from anybody.
    """
    told = {run.id: _run_id(run.config.get("run_id")) for run in runs}
    count = Counter(told.values())
    return {
        run_id: name if name and count[name] == 1 else _UNSAFE.sub("_", run_id)[:200] for run_id, name in told.items()
    }


def _run_id(told: object) -> str | None:
    try:
        return _RUN_ID.validate_python(told, strict=True)
    except ValidationError:
        return None


def measurements_of(run: HeldRun, account: Account) -> tuple[Measurement, ...]:
    """The points of a run's curves in the order of steps, each step once, as it was told last.

    `train_flops` has the budget's account only: points tell no other.
    """
    found: dict[int, Measurement] = {}
    for row in run.history:
        known = {name: row.get(name) for name in Measurement.model_fields if name in row}
        try:
            point = Measurement.model_validate(
                known | {"step": row.get("_step"), "train_flops": {account: whole(row.get("spent_flops"))}}
            )
        except ValidationError:
            continue  # a line of somebody else's
        found[point.step] = point
    return tuple(found[step] for step in sorted(found))


def spent_by(run: HeldRun, account: Account) -> int:
    """Training FLOPs that a run is known to have spent: as it told at its end, else up to its last point."""
    told = whole(run.summary.get(f"train_flops_{account}", run.summary.get("spent_flops")))
    return told if isinstance(told, int) and not isinstance(told, bool) else 0


def _trial(spec: SweepSpec, run: HeldRun) -> ToldTrial | UnreadableConfigError:
    try:
        return told_trial(spec, run.config)
    except UnreadableConfigError as error:
        return error


def _first_seed(spec: SweepSpec) -> int:
    return spec.seeds[0] if isinstance(spec.seeds, tuple) else 0


def _record(spec: SweepSpec, run: HeldRun, told: ToldTrial | UnreadableConfigError, known: Mapping[str, Any]) -> Record:
    state, reason = _state(run)
    planned = {
        **known,
        "sweep": spec.name,
        "settings": {},
        "account": spec.budget.account if spec.budget else "matmul",
        "spec": {name: run.config[name] for name in ExperimentSpec.model_fields if name in run.config},
        "finished_at": run.heartbeat_at or None if state in _ENDED else None,
    }
    if isinstance(told, UnreadableConfigError):
        return _unread(planned, str(told))
    planned |= {"baseline": told.baseline, "settings": told.settings, "budget_flops": told.budget_flops}
    ended = {"state": state, "reason": reason, "fingerprint": run.config.get("fingerprint") or ""}
    try:
        return Record.model_validate(planned | ended | told_plan(run.config) | _measured(run, state))
    except UnreadableConfigError as error:
        return _unread(planned, str(error))
    except ValidationError as error:
        first = error.errors()[0]
        return _unread(planned, f"{'.'.join(map(str, first['loc']))}: {first['msg']}")


def _unread(planned: Mapping[str, Any], why: str) -> Record:
    """The record of a run of which no more is understood than this."""
    reason = f"what W&B holds of it cannot be read: {why}"
    return Record.model_validate({**planned, "state": "failed", "reason": reason, "fingerprint": ""})


def _measured(run: HeldRun, state: State) -> dict[str, Any]:
    """What the summary tells of the record, once it is over."""
    if run.summary.get("state") not in _ENDED:
        return {}
    names = _OF_FAILED if state == "failed" else _MEASURED
    flops = {account: whole(run.summary.get(f"train_flops_{account}")) for account in get_args(Account)}
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
