"""Who asks, and what this server can do."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tests.wandb_server.refusing import Refused
from tests.wandb_server.state import State, graphql_id


def viewer(state: State) -> dict[str, Any]:
    """The user whose key was sent."""
    teams = [{"node": {"name": name}} for name in sorted(state.entities)]
    return {
        "id": graphql_id("User", state.user),
        "entity": state.default_entity,
        "username": state.user,
        "name": state.user,
        "email": f"{state.user}@example.org",
        "admin": False,
        "flags": "{}",
        "photoUrl": None,
        "deletedAt": None,
        "teams": {"edges": teams},
        "apiKeys": {"edges": []},
        "userEntity": {"id": graphql_id("Entity", state.user), "name": state.user},
    }


def _viewer(state: State, _: dict[str, Any]) -> dict[str, Any]:
    return {"viewer": viewer(state)}


def _features(state: State, _: dict[str, Any]) -> dict[str, Any]:
    features = [{"name": name, "isEnabled": on} for name, on in state.features.items()]
    return {"serverInfo": {"features": features}}


def _server_info(_: State, __: dict[str, Any]) -> dict[str, Any]:
    version = {"outOfDate": False, "latestVersionString": "0.81.4", "versionOnThisInstanceString": "0.81.4"}
    return {"serverInfo": {"cliVersionInfo": {"max_cli_version": "0.31.0"}, "latestLocalVersionInfo": version}}


def _organization_of(state: State, variables: dict[str, Any]) -> dict[str, Any]:
    name = state.entity(variables["entityName"])
    return {"entity": {"organization": {"name": name, "coreWeaveOrganizationId": None, "orgEntity": {"name": name}}}}


def _organization_flags(state: State, variables: dict[str, Any]) -> dict[str, Any]:
    if variables["org"] not in state.entities:
        raise Refused(f"organization {variables['org']} not found", status=404)
    return {"organization": {"featureFlags": []}}


OPERATIONS: dict[str, Callable[[State, dict[str, Any]], dict[str, Any]]] = {
    "Viewer": _viewer,
    "ServerFeaturesQuery": _features,
    "ServerInfo": _server_info,
    "FetchOrgEntityFromEntity": _organization_of,
    "OrganizationCoreWeaveOrganizationID": _organization_of,
    "OrgFeatureFlags": _organization_flags,
}
