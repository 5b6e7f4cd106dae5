"""Asks the stand-in without W&B's client: requests in the client's words, in no time."""

from __future__ import annotations

import base64
import json
import urllib.error
import urllib.request
from typing import Any

from tests.wandb_server.serving import KEY, Server

VIEWER = "query Viewer { viewer { id entity username email flags teams { edges { node { name } } } } }"
UPSERT_SWEEP = """mutation UpsertSweep(
    $id: ID, $config: String, $entityName: String, $projectName: String, $state: String, $priorRunsFilters: JSONString
) { upsertSweep(input: {id: $id, config: $config, entityName: $entityName, projectName: $projectName, state: $state,
    priorRunsFilters: $priorRunsFilters}) { sweep { id name } configValidationWarnings } }"""
CREATE_AGENT = """mutation CreateAgent($host: String!, $projectName: String, $entityName: String, $sweep: String!) {
    createAgent(input: {host: $host, projectName: $projectName, entityName: $entityName, sweep: $sweep}) {
        agent { id } } }"""
HEARTBEAT = """mutation Heartbeat($id: ID!, $metrics: JSONString, $runState: JSONString) {
    agentHeartbeat(input: {id: $id, metrics: $metrics, runState: $runState}) { agent { id } commands } }"""
UPSERT_RUN = """mutation UpsertBucket($name: String, $project: String, $entity: String, $config: JSONString,
    $sweep: String, $groupName: String) {
    upsertBucket(input: {name: $name, modelName: $project, entityName: $entity, config: $config, sweep: $sweep,
    groupName: $groupName}) { bucket { id name sweepName historyLineCount } inserted } }"""


class ServerSaidNo(Exception):
    """The stand-in answered with an error, `(status, message)`."""


def post(server: Server, path: str, body: dict[str, Any], key: str = KEY) -> dict[str, Any]:
    """Post JSON and give the answer.

    Raises:
        ServerSaidNo: the answer is an error.
    """
    credentials = base64.b64encode(f"api:{key}".encode()).decode()
    headers = {"Authorization": f"Basic {credentials}", "Content-Type": "application/json"}
    request = urllib.request.Request(server.url + path, json.dumps(body).encode(), headers)  # noqa: S310 - the loopback
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310 - the loopback
            return json.loads(answer.read())
    except urllib.error.HTTPError as error:
        with error:
            told = json.loads(error.read())
        raise ServerSaidNo(error.code, told["errors"][0]["message"]) from error


def ask(server: Server, query: str, **variables: Any) -> dict[str, Any]:
    """Ask GraphQL and give the answer's data."""
    return post(server, "/graphql", {"query": query, "variables": variables})["data"]


def make_sweep(server: Server, config: dict[str, Any]) -> str:
    """A new sweep's id. YAML is a superset of JSON."""
    made = ask(server, UPSERT_SWEEP, config=json.dumps(config), entityName="ann", projectName="p")
    return made["upsertSweep"]["sweep"]["name"]


def register(server: Server, sweep: str) -> str:
    """A new agent's id."""
    made = ask(server, CREATE_AGENT, host="h", projectName="p", entityName="ann", sweep=sweep)
    return made["createAgent"]["agent"]["id"]


def heartbeat(server: Server, agent: str, *going: str) -> list[dict[str, Any]]:
    """An agent's heartbeat that names the runs it has going; the commands."""
    states = json.dumps(dict.fromkeys(going, True))
    return json.loads(ask(server, HEARTBEAT, id=agent, metrics="{}", runState=states)["agentHeartbeat"]["commands"])


def open_run(server: Server, command: dict[str, Any], sweep: str) -> None:
    """Open the run that a command gives out, as W&B's client does in an agent."""
    config = json.dumps(command["args"] | {"_wandb": {"value": {"t": {"1": []}}}})
    ask(server, UPSERT_RUN, name=command["run_id"], project="p", entity="ann", config=config, sweep=sweep)


def stream(server: Server, run: str, **body: Any) -> dict[str, Any]:
    """A piece of a run's file stream."""
    return post(server, f"/files/ann/p/{run}/file_stream", body)
