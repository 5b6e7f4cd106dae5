"""Artifacts, as far as `run.log_artifact` goes: made, their files uploaded, committed."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any
from urllib.parse import quote

from tests.wandb_server.refusing import Refused
from tests.wandb_server.state import Artifact, State, graphql_id

MANIFEST = "wandb_manifest.json"


def find(state: State, ident: str) -> Artifact:
    """The artifact of this GraphQL id.

    Raises:
        Refused: there is none.
    """
    for project in state.projects.values():
        if ident in project.artifacts:
            return project.artifacts[ident]
    raise Refused(f"artifact {ident} not found", status=404)


def _create(state: State, variables: dict[str, Any]) -> dict[str, Any]:
    wanted = variables["input"]
    project = state.project(wanted["entityName"], wanted["projectName"])
    if wanted.get("runName") not in {None, *project.runs}:
        raise Refused(f"run {wanted['runName']} not found", status=404)
    versions = [each for each in project.artifacts.values() if each.name == wanted["artifactCollectionName"]]
    same = [each for each in versions if each.digest == wanted["digest"] and each.state == "COMMITTED"]
    artifact = same[0] if same else _new(project.artifacts, wanted)
    latest = {"id": versions[-1].id} if versions else None
    told = {"id": artifact.id, "state": artifact.state, "artifactSequence": {"latestArtifact": latest}}
    return {"createArtifact": {"artifact": told}}


def _type(state: State, variables: dict[str, Any]) -> dict[str, Any]:
    project = state.find_project(variables.get("entity"), variables.get("project"))
    wanted, _, alias = variables["name"].partition(":")
    for artifact in project.artifacts.values() if project else ():
        if artifact.name == wanted and alias in artifact.aliases and artifact.state == "COMMITTED":
            return {"project": {"artifact": {"artifactType": {"name": artifact.type}}}}
    return {"project": project and {"artifact": None}}


def _new(artifacts: dict[str, Artifact], wanted: dict[str, Any]) -> Artifact:
    name = wanted["artifactCollectionName"]
    artifact = Artifact(
        id=graphql_id("Artifact", str(len(artifacts)), wanted["projectName"], wanted["entityName"]),
        name=name,
        type=wanted["artifactTypeName"],
        digest=wanted["digest"],
        run=wanted.get("runName") or "",
        entity=wanted["entityName"],
        project=wanted["projectName"],
        aliases=[each["alias"] for each in wanted.get("aliases") or []],
        metadata=json.loads(wanted.get("metadata") or "{}"),
    )
    artifacts[artifact.id] = artifact
    return artifact


def _url(state: State, artifact: Artifact, name: str) -> str:
    return f"{state.url}/storage/artifacts/{quote(artifact.id, safe='')}/{quote(name)}"


def _create_manifest(state: State, variables: dict[str, Any]) -> dict[str, Any]:
    artifact = find(state, variables["artifactID"])
    return {"createArtifactManifest": {"artifactManifest": _manifest(state, artifact)}}


def _update_manifest(state: State, variables: dict[str, Any]) -> dict[str, Any]:
    artifact = find(state, variables["artifactManifestID"].removeprefix("manifest-"))
    return {"updateArtifactManifest": {"artifactManifest": _manifest(state, artifact)}}


def _manifest(state: State, artifact: Artifact) -> dict[str, Any]:
    file = {"id": f"file-{artifact.id}", "uploadUrl": _url(state, artifact, MANIFEST), "uploadHeaders": []}
    return {"id": f"manifest-{artifact.id}", "file": file}


def _create_files(state: State, variables: dict[str, Any]) -> dict[str, Any]:
    edges = []
    for wanted in variables["input"]["artifactFiles"]:
        artifact = find(state, wanted["artifactID"])
        node = {
            "storagePath": f"{artifact.id}/{wanted['name']}",
            "uploadUrl": _url(state, artifact, wanted["name"]),
            "uploadHeaders": [],
            "uploadMultipartUrls": None,
            "artifact": {"id": artifact.id},
        }
        edges.append({"node": node})
    return {"createArtifactFiles": {"files": {"edges": edges}}}


def _commit(state: State, variables: dict[str, Any]) -> dict[str, Any]:
    artifact = find(state, variables["artifactID"])
    if MANIFEST not in artifact.files:
        raise Refused(f"artifact {artifact.name} has no manifest")
    missing = json.loads(artifact.files[MANIFEST])["contents"].keys() - artifact.files.keys()
    if missing:
        raise Refused(f"artifact {artifact.name} lacks its files {sorted(missing)}")
    artifact.state = "COMMITTED"
    for each in state.project(artifact.entity, artifact.project).artifacts.values():
        if each is not artifact and each.name == artifact.name:  # an alias means one version
            each.aliases = [alias for alias in each.aliases if alias not in artifact.aliases]
    return {"commitArtifact": {"artifact": {"id": artifact.id, "digest": artifact.digest}}}


def _use(state: State, variables: dict[str, Any]) -> dict[str, Any]:
    return {"useArtifact": {"artifact": {"id": find(state, variables["input"]["artifactID"]).id}}}


OPERATIONS: dict[str, Callable[[State, dict[str, Any]], dict[str, Any]]] = {
    "ArtifactType": _type,
    "CreateArtifact": _create,
    "CreateArtifactManifest": _create_manifest,
    "UpdateArtifactManifest": _update_manifest,
    "CreateArtifactFiles": _create_files,
    "CommitArtifact": _commit,
    "UseArtifact": _use,
}
