"""Sweeps: made, changed, looked at."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import yaml

from tests.wandb_server import runs, searching
from tests.wandb_server.config_schema import check_config
from tests.wandb_server.refusing import Refused
from tests.wandb_server.state import Project, State, Sweep, graphql_id, now

_FROM = {"RUNNING": {"RUNNING", "PAUSED", "FINISHED", "CANCELED"}, "PAUSED": {"RUNNING", "PAUSED"}}
"""From which states a sweep gets to a state; to the others, from RUNNING and PAUSED."""


def fields(state: State, sweep: Sweep) -> dict[str, Any]:
    """Everything that a query may ask of a sweep."""
    project = state.projects[sweep.entity, sweep.project]
    hanging = state.runs_of(sweep)
    metric = sweep.config.get("metric", {}).get("name")
    values = [run.summary[metric] for run in hanging if isinstance(run.summary.get(metric), int | float)]
    return {
        "id": sweep.id,
        "name": sweep.name,
        "displayName": sweep.display_name or sweep.config.get("name"),
        "method": sweep.config.get("method"),
        "state": sweep.state,
        "description": sweep.description,
        "config": sweep.config_yaml,
        "createdAt": sweep.created_at,
        "updatedAt": sweep.updated_at,
        "heartbeatAt": sweep.updated_at,
        "earlyStopJobRunning": "early_terminate" in sweep.config,
        "bestLoss": min(values, default=None),
        "controller": sweep.controller,
        "scheduler": sweep.scheduler,
        "runCount": len(hanging),
        "runCountExpected": sweep.config.get("run_cap"),
        "priorRuns": {"edges": []},
        "project": runs.project_fields(project),
        "runs": {"edges": [{"node": runs.bucket(state, run)} for run in hanging]},
    }


def find(state: State, entity: str | None, project: str | None, name: str) -> Sweep:
    """The sweep of this id.

    Raises:
        Refused: there is none in this project.
    """
    found = state.find_project(entity, project)
    if found is None or name not in found.sweeps:
        raise Refused(f"sweep {entity}/{project}/{name} not found", status=404)
    return found.sweeps[name]


def _upsert(state: State, variables: dict[str, Any]) -> dict[str, Any]:
    project = state.project(variables.get("entityName"), variables.get("projectName"))
    config = _config(variables)
    sweep = _known(project, variables.get("id")) or _new(state, project, config)
    if config is not None:
        sweep.config, sweep.config_yaml = config, variables["config"]
    if (wanted := variables.get("state")) is not None:
        _set_state(sweep, wanted)
    sweep.display_name = variables.get("displayName") or sweep.display_name
    sweep.description = variables.get("description") or sweep.description
    sweep.scheduler = variables.get("scheduler") or sweep.scheduler
    sweep.controller = variables.get("controller") or sweep.controller
    sweep.updated_at = now()
    _adopt(project, sweep, variables.get("priorRunsFilters"))
    return {"upsertSweep": {"sweep": fields(state, sweep), "configValidationWarnings": check_config(sweep.config)}}


def _config(variables: dict[str, Any]) -> dict[str, Any] | None:
    if variables.get("config") is None:
        return None
    try:
        config = yaml.safe_load(variables["config"])
    except yaml.YAMLError as error:
        raise Refused(f"Invalid sweep config: {error}") from error
    if not isinstance(config, dict):
        raise Refused("Invalid sweep config: it is no mapping")
    searching.check(config)
    return config


def _known(project: Project, ident: str | None) -> Sweep | None:
    if ident is None:
        return None
    for sweep in project.sweeps.values():
        if sweep.id == ident:
            return sweep
    raise Refused(f"sweep {ident} not found", status=404)


def _new(state: State, project: Project, config: dict[str, Any] | None) -> Sweep:
    if config is None:
        raise Refused("a new sweep needs a config")
    name = state.new_name()
    ident = graphql_id("Sweep", "v1", name, project.name, project.entity)
    project.sweeps[name] = Sweep(ident, name, project.entity, project.name, config, "")
    return project.sweeps[name]


def _set_state(sweep: Sweep, wanted: str) -> None:
    if wanted not in {"RUNNING", "PAUSED", "FINISHED", "CANCELED"}:
        raise Refused(f"a sweep cannot be {wanted}")
    if sweep.state not in _FROM.get(wanted, {"RUNNING", "PAUSED"}):
        raise Refused(f"a sweep that is {sweep.state} cannot become {wanted}")
    sweep.state = wanted  # pyright: ignore[reportAttributeAccessIssue] - checked two lines above


def _adopt(project: Project, sweep: Sweep, filters: str | None) -> None:
    """Hang runs that exist already under the sweep: `{"$or": [{"name": "run-1"}, …]}`."""
    for each in json.loads(filters)["$or"] if filters else []:
        if each["name"] not in project.runs:
            raise Refused(f"prior run {each['name']} not found", status=404)
        project.runs[each["name"]].sweep = sweep.name


def _with_runs(state: State, variables: dict[str, Any]) -> dict[str, Any]:
    project = state.find_project(variables.get("entity"), variables.get("project"))
    if project is None:
        return {"project": None}
    sweep = project.sweeps.get(variables["sweep"])
    return {"project": {**runs.project_fields(project), "sweep": None if sweep is None else fields(state, sweep)}}


def delete(state: State, sweep: Sweep) -> None:
    """Somebody deletes the sweep: its agents get 404 from then on, its runs stay without it."""
    project = state.projects[sweep.entity, sweep.project]
    for run in state.runs_of(sweep):
        run.sweep = ""
    project.deleted.add(sweep.name)
    del project.sweeps[sweep.name]


OPERATIONS: dict[str, Callable[[State, dict[str, Any]], dict[str, Any]]] = {
    "UpsertSweep": _upsert,
    "SweepWithRuns": _with_runs,
    "GetSweepState": _with_runs,
}
