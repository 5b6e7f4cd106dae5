"""What `wandb sweep-scheduler` (wandb-core 0.31) asks: a sweep's runs, all or by name, and runs put into its queue.

The scheduler puts a run into the sweep's queue with a setting of its own; the server makes the run, in state pending,
and hands it to the next agent that asks. W&B's own search is off for such a sweep (`method: custom`).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from typing import Any

from tests.wandb_server.refusing import Refused
from tests.wandb_server.runs import new_run
from tests.wandb_server.state import Run, State, Sweep, graphql_id

FEATURE = "SWEEPS_LOCAL_SCHEDULER"
_STATES = ("RUNNING", "PAUSED", "FINISHED", "CANCELED")


def sweep_config(state: State, variables: dict[str, Any]) -> dict[str, Any]:
    """The sweep that is to be driven."""
    sweep = _sweep(state, variables)
    if sweep is None:
        return {"project": None}
    known = {
        "id": sweep.id,
        "state": sweep.state,
        "config": sweep.config_yaml,
        "displayName": sweep.display_name or None,
        "controllerRunName": controller_of(sweep),
    }
    return {"project": {"sweep": known}}


def all_runs(state: State, variables: dict[str, Any]) -> dict[str, Any]:
    """A page of all runs of a sweep, for a scheduler that begins."""
    sweep = _sweep(state, variables)
    if sweep is None:
        return {"project": None}
    return {"project": {"sweep": {"state": sweep.state, "runs": _page(state.runs_of(sweep), variables)}}}


def watched_runs(state: State, variables: dict[str, Any]) -> dict[str, Any]:
    """A page of the runs that were asked for by name, whatever sweep they are of."""
    sweep = _sweep(state, variables)
    if sweep is None:
        return {"project": None}
    filters = json.loads(variables["filters"])
    if list(filters) != ["name"] or list(filters["name"]) != ["$in"]:
        raise Refused(f"the stand-in knows no filter {filters}")
    runs = state.projects[sweep.entity, sweep.project].runs
    found = [runs[name] for name in filters["name"]["$in"] if name in runs]
    return {"project": {"sweep": {"state": sweep.state}, "runs": _page(found, variables)}}


def enqueue(state: State, variables: dict[str, Any]) -> dict[str, Any]:
    """A run with these settings, for the next agent that asks."""
    if not state.features.get(FEATURE):
        raise Refused("enqueuing runs is not enabled")
    sweep = _by_id(state, variables["id"])
    if sweep.state not in ("RUNNING", "PAUSED"):
        raise Refused(f"sweep {sweep.name} is {sweep.state}")
    args = json.loads(variables["config"])
    if not isinstance(args, dict) or any(
        not isinstance(each, dict) or list(each) != ["value"] for each in args.values()
    ):
        raise Refused('a config is {"name": {"value": …}}')
    project = state.projects[sweep.entity, sweep.project]
    run = new_run(state, project)
    run.args, run.config, run.state, run.sweep = args, dict(args), "pending", sweep.name
    run.display_name = variables.get("displayName") or run.display_name
    sweep.proposals.append(args)
    sweep.queue.append(run.name)
    return {"enqueueSweepRun": {"id": run.name, "runQueueItemId": graphql_id("RunQueueItem", run.name)}}


def set_state(state: State, variables: dict[str, Any]) -> dict[str, Any]:
    """A sweep's state; no run is ended by it unless the sweep is cancelled."""
    sweep = _by_id(state, variables["id"])
    if variables["state"] not in _STATES:
        raise Refused(f"{variables['state']} is no state of a sweep")
    sweep.state = variables["state"]
    return {"upsertSweep": {"sweep": {"id": sweep.id, "name": sweep.name, "state": sweep.state}}}


def run_state(state: State, variables: dict[str, Any]) -> dict[str, Any]:
    """Whether a run exists."""
    project = state.find_project(variables["entity"], variables["project"])
    run = project.runs.get(variables["run"]) if project else None
    return {"project": project and {"run": run and {"id": run.id, "name": run.name, "state": run.state}}}


def controller_of(sweep: Sweep) -> str:
    """The run that collects what a scheduler says; it is none of the sweep's runs."""
    return f"{sweep.name}-controller"


OPERATIONS: dict[str, Callable[[State, dict[str, Any]], dict[str, Any]]] = {
    "SweepConfig": sweep_config,
    "SweepRunsWithHistory": all_runs,
    "SweepWatchedRuns": watched_runs,
    "EnqueueSweepRun": enqueue,
    "UpsertSweepState": set_state,
    "RunState": run_state,
}


def _sweep(state: State, variables: dict[str, Any]) -> Sweep | None:
    project = state.find_project(variables["entity"], variables["project"])
    return project.sweeps.get(variables["sweep"]) if project else None


def _by_id(state: State, sweep_id: str) -> Sweep:
    for sweep in state.sweeps():
        if sweep.id == sweep_id:
            return sweep
    raise Refused(f"sweep {sweep_id} not found", status=404)


def _page(runs: list[Run], variables: dict[str, Any]) -> dict[str, Any]:
    """Runs from a cursor on, which is a place in the list."""
    start, first = int(variables.get("cursor") or 0), variables["first"]
    page = runs[start : start + first]
    end = start + len(page)
    specs = [json.loads(spec) for spec in variables["historySpecs"]]
    return {
        "pageInfo": {"hasNextPage": end < len(runs), "endCursor": str(end) if page else None},
        "edges": [{"node": _node(run, specs)} for run in page],
    }


def _node(run: Run, specs: Iterable[dict[str, Any]]) -> dict[str, Any]:
    return {
        "id": run.id,
        "name": run.name,
        "state": run.state,
        "config": json.dumps(run.config),
        "summaryMetrics": json.dumps(run.summary),
        "sampledHistory": [_sampled(run, spec) for spec in specs],
    }


def _sampled(run: Run, spec: dict[str, Any]) -> list[dict[str, Any]]:
    """The lines that have all keys that are asked for, thinned evenly."""
    keys = spec["keys"]
    rows = [{key: line[key] for key in keys} for line in run.lines if all(key in line for key in keys)]
    step = -(-len(rows) // spec["samples"]) if rows else 1
    return rows[::step]
