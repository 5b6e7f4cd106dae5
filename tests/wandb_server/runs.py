"""Runs: made, opened again, stopped, and given places for their files."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any
from urllib.parse import quote

from tests.wandb_server.refusing import Refusal, Refused
from tests.wandb_server.state import GOING, Project, Run, State, graphql_id, now


def bucket(state: State, run: Run) -> dict[str, Any]:
    """Everything that a query may ask of a run."""
    project = state.projects[run.entity, run.project]
    return {
        "id": run.id,
        "name": run.name,
        "displayName": run.display_name,
        "description": run.notes,
        "notes": run.notes,
        "config": json.dumps(run.config),
        "wandbConfig": json.dumps(_internal(run)),
        "summaryMetrics": json.dumps(run.summary),
        "systemMetrics": json.dumps(run.events[max(run.events)] if run.events else {}),
        "group": run.group or None,
        "groupName": run.group or None,
        "jobType": run.job_type or None,
        "host": run.host or None,
        "tags": run.tags,
        "state": run.state,
        "exitcode": run.exit_code,
        "createdAt": run.created_at,
        "updatedAt": run.heartbeat_at,
        "heartbeatAt": run.heartbeat_at,
        "sweepName": run.sweep or None,
        "stopped": run.stopped,
        "shouldStop": run.stopped,
        "failed": run.state in {"failed", "crashed"},
        "running": run.state == "running",
        "historyLineCount": len(run.history),
        "eventsLineCount": len(run.events),
        "logLineCount": len(run.output),
        "historyTail": json.dumps([json.dumps(line) for line in run.lines[-1:]]),
        "eventsTail": json.dumps([json.dumps(run.events[max(run.events)])] if run.events else []),
        "sampledHistory": [run.lines],
        "projectId": project.id,
        "project": project_fields(project),
    }


def project_fields(project: Project) -> dict[str, Any]:
    """Everything that a query may ask of a project itself."""
    entity = {"id": graphql_id("Entity", project.entity), "name": project.entity}
    return {
        "id": project.id,
        "name": project.name,
        "entityName": project.entity,
        "entity": entity,
        "createdAt": project.created_at,
    }


def _internal(run: Run) -> dict[str, Any]:
    """W&B's own part of a config that concerns telemetry: without the key `t`, a run counts as never started."""
    telemetry = run.config.get("_wandb", {}).get("value", {})
    return {"t": telemetry["t"]} if "t" in telemetry else {}


def _upsert(state: State, variables: dict[str, Any]) -> dict[str, Any]:
    project = state.project(variables.get("entity"), variables.get("project"))
    run, inserted = _opened(state, project, variables)
    _attach(state, project, run, variables.get("sweep"))
    _rewrite(run, variables)
    if inserted or run.state not in GOING or run.state == "pending":
        _open(run)
    run.heartbeat_at, run.heard_at = now(), time.monotonic()
    _check_parameters(state, run)
    return {"upsertBucket": {"bucket": bucket(state, run), "inserted": inserted}}


def _opened(state: State, project: Project, variables: dict[str, Any]) -> tuple[Run, bool]:
    given, name = variables.get("id"), variables.get("name")
    for run in project.runs.values():
        if given == run.id or (given is None and name == run.name):
            return run, False
    if given is not None:
        raise Refused(f"run {given} not found", status=404)
    run = new_run(state, project, name)
    return run, True


def new_run(state: State, project: Project, name: str | None = None) -> Run:
    """A new run of a project."""
    name = name or state.new_name()
    ident = graphql_id("Run", "v1", name, project.name, project.entity)
    project.runs[name] = Run(ident, name, name, project.entity, project.name)
    return project.runs[name]


def _attach(state: State, project: Project, run: Run, sweep: str | None) -> None:
    if sweep is None or sweep in project.deleted:
        return
    if sweep not in project.sweeps:
        raise Refused(f"sweep {project.entity}/{project.name}/{sweep} not found", status=404)
    run.sweep = sweep
    if run.name in project.sweeps[sweep].queue and run.state == "preempted":
        project.sweeps[sweep].queue.remove(run.name)  # its own agent opened it again, before another got it


def _rewrite(run: Run, variables: dict[str, Any]) -> None:
    """Replace what the request names; what it leaves out stays."""
    run.display_name = variables.get("displayName") or run.display_name
    run.group = variables.get("groupName") or run.group
    run.job_type = variables.get("jobType") or run.job_type
    run.notes = variables.get("notes") or run.notes
    run.host = variables.get("host") or run.host
    if variables.get("tags") is not None:
        run.tags = list(variables["tags"])
    if variables.get("config") is not None:
        run.config = json.loads(variables["config"])
    if variables.get("summaryMetrics") is not None:
        run.summary = json.loads(variables["summaryMetrics"])
    if variables.get("state") is not None:
        run.state = variables["state"]


def _open(run: Run) -> None:
    run.state, run.exit_code, run.preemptible = "running", None, False
    run.opened += 1


def _check_parameters(state: State, run: Run) -> None:
    """A config is replaced as a whole, and a search reads its parameters from there."""
    if not run.sweep or not run.agent:
        return
    parameters = state.projects[run.entity, run.project].sweeps[run.sweep].config.get("parameters", {})
    searched = {name for name, each in parameters.items() if "value" not in each}
    if missing := searched - run.config.keys():
        text = f"run {run.name} of sweep {run.sweep} lost its parameters {', '.join(sorted(missing))}"
        state.refusals.append(Refusal("UpsertBucket", text, 200))


def _resume_status(state: State, variables: dict[str, Any]) -> dict[str, Any]:
    project = state.find_project(variables.get("entity"), variables.get("project"))
    if project is None:
        return {"model": None}
    run = project.runs.get(variables["name"])
    return {"model": {**project_fields(project), "bucket": None if run is None else bucket(state, run)}}


def _stop(state: State, variables: dict[str, Any]) -> dict[str, Any]:
    for run in state.runs():
        if run.id == variables["id"]:
            stop(state, run)
            return {"stopRun": {"success": True}}
    raise Refused(f"run {variables['id']} not found", status=404)


def stop(state: State, run: Run) -> None:
    """Somebody stops this run: the run itself is told, and the agent that has it."""
    run.stopped = True
    if run.sweep:
        state.projects[run.entity, run.project].sweeps[run.sweep].to_stop.add(run.name)


def _create_files(state: State, variables: dict[str, Any]) -> dict[str, Any]:
    project = state.find_project(variables["entity"], variables["project"])
    run = project.runs.get(variables["run"]) if project else None
    if run is None:
        raise Refused(f"run {variables['run']} not found", status=404)
    place = f"{state.url}/storage/runs/{run.entity}/{run.project}/{run.name}"
    files = [{"name": name, "uploadUrl": f"{place}/{quote(name)}"} for name in variables["files"]]
    return {"createRunFiles": {"runID": run.id, "uploadHeaders": [], "files": files}}


OPERATIONS: dict[str, Callable[[State, dict[str, Any]], dict[str, Any]]] = {
    "UpsertBucket": _upsert,
    "RunResumeStatus": _resume_status,
    "StopRun": _stop,
    "CreateRunFiles": _create_files,
}
