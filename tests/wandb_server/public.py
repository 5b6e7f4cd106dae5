"""What the public API (`wandb.Api`) asks: sweeps, runs by filter and page, one run, its history unsampled."""

from __future__ import annotations

import json
import zlib
from collections.abc import Callable
from typing import Any

from tests.wandb_server.refusing import Refused
from tests.wandb_server.runs import bucket, project_fields
from tests.wandb_server.state import Project, Run, State, Sweep
from tests.wandb_server.viewer import viewer


def _sweep(state: State, variables: dict[str, Any]) -> dict[str, Any]:
    project = state.find_project(variables.get("entity"), variables.get("project"))
    sweep = project.sweeps.get(variables["name"]) if project else None
    return {"project": project and {"sweep": sweep and _sweep_fields(state, sweep)}}


def _sweep_fields(state: State, sweep: Sweep) -> dict[str, Any]:
    return {
        "__typename": "Sweep",
        "id": sweep.id,
        "name": sweep.name,
        "displayName": sweep.display_name or None,
        "method": sweep.config.get("method", "custom"),
        "state": sweep.state,
        "description": sweep.description or None,
        "bestLoss": None,
        "config": sweep.config_yaml,
        "createdAt": sweep.created_at,
        "updatedAt": sweep.updated_at,
        "runCount": len(state.runs_of(sweep)),
        "runCountExpected": None,
    }


def _runs(state: State, variables: dict[str, Any]) -> dict[str, Any]:
    """A page of a project's runs; a cursor is the number of runs before it."""
    project = state.find_project(variables["entity"], variables["project"])
    if project is None:
        return {"project": None}
    filters = json.loads(variables.get("filters") or "{}")
    found = [run for run in project.runs.values() if _matches(run, filters)]
    found = _ordered(found, variables.get("order") or "+created_at")
    start = int(variables.get("cursor") or 0)
    page = found[start : start + (variables.get("perPage") or 50)]
    edges = [{"node": _run_fields(state, project, run), "cursor": str(start + n)} for n, run in enumerate(page, 1)]
    more = {"endCursor": str(start + len(page)), "hasNextPage": start + len(page) < len(found)}
    listed = {"internalId": _internal_id(project), "runCount": len(found), "readOnly": False}
    return {"project": listed | {"runs": {"edges": edges, "pageInfo": more}}}


def _run(state: State, variables: dict[str, Any]) -> dict[str, Any]:
    project = state.find_project(variables["entity"], variables["project"])
    run = project.runs.get(variables["name"]) if project else None
    return {"project": project and {"run": run and _run_fields(state, project, run)}}


def _run_fields(state: State, project: Project, run: Run) -> dict[str, Any]:
    steps = [line["_step"] for line in run.lines if "_step" in line]
    return {
        **bucket(state, run),
        "projectId": _internal_id(project),
        "commit": None,
        "readOnly": False,
        "user": {"name": state.user, "username": state.user},
        "historyKeys": {"lastStep": max(steps, default=-1), "keys": {}, "sets": []},
    }


def _parquet(state: State, variables: dict[str, Any]) -> dict[str, Any]:
    """Nothing is exported: all of the history is live."""
    run = _known_run(state, variables, "runName")
    live = [{"_step": line["_step"]} for line in run.lines[:1] if "_step" in line]
    return {"project": {"run": {"parquetHistory": {"parquetUrls": [], "liveData": live}}}}


def _history(state: State, variables: dict[str, Any]) -> dict[str, Any]:
    """The lines of steps from `minStep` up to, without it, `maxStep`."""
    run = _known_run(state, variables, "run")
    steps = range(variables["minStep"], variables["maxStep"])
    lines = [line for line in run.lines if line.get("_step") in steps]
    return {"project": {"run": {"history": [json.dumps(line) for line in lines[: variables["pageSize"]]]}}}


def _known_run(state: State, variables: dict[str, Any], name: str) -> Run:
    project = state.find_project(variables["entity"], variables["project"])
    run = project.runs.get(variables[name]) if project else None
    if run is None:
        raise Refused(f"run {variables[name]} not found", status=404)
    return run


def _matches(run: Run, filters: dict[str, Any]) -> bool:
    """Whether a run passes a filter in the words of MongoDB, as far as our own clients use them."""
    return all(_passes(run, name, wanted) for name, wanted in filters.items())


def _passes(run: Run, name: str, wanted: Any) -> bool:
    if name == "$and":
        return all(_matches(run, each) for each in wanted)
    if name == "$or":
        return any(_matches(run, each) for each in wanted)
    value = _value(run, name)
    if not isinstance(wanted, dict):
        return value == wanted
    match wanted:
        case {"$in": choices}:
            return value in choices
        case {"$nin": choices}:
            return value not in choices
        case {"$ne": other}:
            return value != other
    raise Refused(f"the stand-in knows no filter {wanted}")


def _value(run: Run, name: str) -> Any:
    known = {
        "sweep": run.sweep,
        "name": run.name,
        "state": run.state,
        "group": run.group,
        "displayName": run.display_name,
    }
    if name in known:
        return known[name]
    if name.startswith("summary_metrics."):
        return run.summary.get(name.removeprefix("summary_metrics."))
    if not name.startswith("config."):
        raise Refused(f"the stand-in knows no filter on {name}")
    found: Any = run.settings
    for part in (part for part in name.split(".")[1:] if part != "value"):
        found = found.get(part) if isinstance(found, dict) else None
    return found


def _ordered(runs: list[Run], order: str) -> list[Run]:
    name, descends = order.lstrip("+-"), order.startswith("-")
    if name in {"created_at", "createdAt"}:
        return sorted(runs, key=lambda run: run.created_at, reverse=descends)
    if not name.startswith("summary_metrics."):
        raise Refused(f"the stand-in orders by no {name}")
    ranked = [run for run in runs if isinstance(_value(run, name), int | float)]
    return sorted(ranked, key=lambda run: _value(run, name), reverse=descends) + [
        run for run in runs if run not in ranked
    ]


def _internal_id(project: Project) -> int:
    """A project's number, which W&B shows beside its opaque id."""
    return zlib.crc32(project.id.encode())


def _viewer(state: State, _: dict[str, Any]) -> dict[str, Any]:
    return {"viewer": viewer(state)}


def _project_number(state: State, variables: dict[str, Any]) -> dict[str, Any]:
    project = state.find_project(variables["entityName"], variables["projectName"])
    return {"project": project and {"id": project.id, "internalId": _internal_id(project)}}


def _projects(state: State, variables: dict[str, Any]) -> dict[str, Any]:
    """A page of an entity's projects; a cursor is the number of projects before it."""
    entity = state.entity(variables.get("entity"))
    found = [project for (owner, _), project in state.projects.items() if owner == entity]
    start = int(variables.get("cursor") or 0)
    page = found[start : start + (variables.get("perPage") or 50)]
    end = start + len(page)
    more = {"__typename": "PageInfo", "endCursor": str(end) if page else None, "hasNextPage": end < len(found)}
    known = {"__typename": "Project", "isBenchmark": False, "user": viewer(state)}
    nodes = [project_fields(each) | known for each in page]
    return {"models": {"pageInfo": more, "edges": [{"node": node} for node in nodes]}}


def _create_project(state: State, variables: dict[str, Any]) -> dict[str, Any]:
    given = variables["input"]
    inserted = state.find_project(given["entityName"], given["name"]) is None
    made = project_fields(state.project(given["entityName"], given["name"]))
    made |= {"description": "", "access": "PRIVATE", "views": "{}"}
    return {"result": {"project": made, "model": made, "inserted": inserted}}


OPERATIONS: dict[str, Callable[[State, dict[str, Any]], dict[str, Any]]] = {
    "GetSweep": _sweep,
    "GetSweepLegacy": _sweep,
    "Runs": _runs,
    "Run": _run,
    "RunHistoryKeys": _run,
    "RunParquetHistory": _parquet,
    "HistoryPage": _history,
    "GetViewer": _viewer,
    "GetDefaultEntity": _viewer,
    "ProjectInternalId": _project_number,
    "GetProjects": _projects,
    "CreateProject": _create_project,
}
