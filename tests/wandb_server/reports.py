"""W&B Reports: written, written again, read, listed, deleted. GraphQL calls them views."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from tests.wandb_server.refusing import Refused
from tests.wandb_server.runs import project_fields
from tests.wandb_server.state import Report, State, graphql_id, now

_LONGEST_TITLE = 128


def _upsert(state: State, variables: dict[str, Any]) -> dict[str, Any]:
    _check(variables)
    given = variables.get("id")
    found = _find(state, given) if given else None
    if given and found is None:
        raise Refused(f"view {given} not found", status=404)
    report = found or _new(state, variables)
    report.name = variables.get("name") or report.name
    report.display_name = variables.get("displayName") or report.display_name
    report.description = variables.get("description") or ""
    report.type, report.spec, report.updated_at = variables.get("type") or "runs", variables["spec"], now()
    return {"upsertView": {"view": _fields(state, report), "inserted": found is None}}


def _check(variables: dict[str, Any]) -> None:
    """What W&B's page could not show is not taken."""
    try:
        spec = json.loads(variables["spec"])
    except ValueError:
        raise Refused("the spec of a view is JSON as text") from None
    if not isinstance(spec, dict) or not isinstance(spec.get("blocks"), list):
        raise Refused("the spec of a view has blocks")
    if len(variables.get("displayName") or "") > _LONGEST_TITLE:
        raise Refused("displayName is too long")


def _new(state: State, variables: dict[str, Any]) -> Report:
    project = state.find_project(variables.get("entityName"), variables.get("projectName"))
    if project is None:
        raise Refused(f"project {variables.get('entityName')}/{variables.get('projectName')} not found", status=404)
    number = sum(len(each.reports) for each in state.projects.values()) + state.draws.randrange(10**6, 10**7)
    report = Report(graphql_id("View", str(number)), "", project.entity, project.name, "Untitled Report", "", "{}")
    project.reports[report.id] = report
    return report


def _read(state: State, variables: dict[str, Any]) -> dict[str, Any]:
    report = _find(state, variables["reportId"])
    return {"view": report and _fields(state, report)}


def _listed(state: State, variables: dict[str, Any]) -> dict[str, Any]:
    """A page of a project's reports; a cursor is the number of reports before it."""
    project = state.find_project(variables["entity"], variables["project"])
    if project is None:
        return {"project": None}
    kind, name = variables.get("viewType") or "runs", variables.get("viewName")
    found = [each for each in project.reports.values() if each.type == kind and name in (None, each.name)]
    start = int(variables.get("reportCursor") or 0)
    page = found[start : start + variables["reportLimit"]]
    author = {"username": state.user, "photoUrl": None, "email": None}
    nodes = [_fields(state, each) | {"user": author} for each in page]
    more = {"endCursor": str(start + len(page)), "hasNextPage": start + len(page) < len(found)}
    edges = [{"node": node, "cursor": str(start + number)} for number, node in enumerate(nodes, 1)]
    return {"project": {"allViews": {"edges": edges, "pageInfo": more}}}


def _delete(state: State, variables: dict[str, Any]) -> dict[str, Any]:
    report = _find(state, variables["id"])
    if report is not None:
        del state.projects[report.entity, report.project].reports[report.id]
    return {"deleteView": {"success": report is not None, "pendingDrafts": None}}


def _find(state: State, report_id: str) -> Report | None:
    return next((each.reports[report_id] for each in state.projects.values() if report_id in each.reports), None)


def _fields(state: State, report: Report) -> dict[str, Any]:
    return {
        "id": report.id,
        "type": report.type,
        "name": report.name,
        "displayName": report.display_name,
        "description": report.description,
        "project": project_fields(state.projects[report.entity, report.project]),
        "createdAt": report.created_at,
        "updatedAt": report.updated_at,
        "spec": report.spec,
    }


OPERATIONS: dict[str, Callable[[State, dict[str, Any]], dict[str, Any]]] = {
    "upsertView": _upsert,
    "SpecificReport": _read,
    "ProjectViews": _listed,
    "deleteView": _delete,
}
