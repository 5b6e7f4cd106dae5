"""The stand-in refuses what W&B's server refuses, keeps what it refused, and has troubles when told to."""

from __future__ import annotations

import http.client
import urllib.error
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.wandb_server.asking import UPSERT_RUN, UPSERT_SWEEP, VIEWER, ServerSaidNo, ask, make_sweep, post, stream

_GONE = (urllib.error.URLError, http.client.HTTPException, ConnectionError)


def _sweep(config: str) -> tuple[str, dict[str, Any]]:
    return UPSERT_SWEEP, {"config": config, "entityName": "ann", "projectName": "p"}


@pytest.mark.parametrize(
    ("request_", "said"),
    [
        (("query Weather { sky }", {}), "unknown operation 'Weather'"),
        (("query Viewer { viewer { shoeSize } }", {}), 'Cannot query field "viewer.shoeSize"'),
        (("query Viewer { viewer { id }", {}), "Syntax Error"),
        ((VIEWER, {"id": 1}), "does not declare id"),
        ((UPSERT_RUN, {"project": "p", "entity": "ann", "config": "{"}), "expected type JSONString"),
        ((UPSERT_RUN, {"project": "p", "entity": "bob"}), "entity bob not found"),
        ((UPSERT_RUN, {"project": "p", "sweep": "nosweep1"}), "sweep ann/p/nosweep1 not found"),
        (_sweep("method: gird\nparameters: {a: {value: 1}}"), "method 'gird'"),
        (_sweep("method: grid\nparameters: {a: {min: 0.0, max: 1.0}}"), "parameter a is not discrete"),
        (_sweep("method: bayes\nparameters: {a: {value: 1}}"), "bayes needs a metric"),
    ],
)
def test_refused(server, request_, said):
    query, variables = request_

    with pytest.raises(ServerSaidNo) as refused:
        ask(server, query, **variables)

    assert said in str(refused.value)
    assert [said in refusal.message for refusal in server.state.refusals] == [True]


def test_what_a_client_says_of_its_own_health_needs_no_key(server):
    """wandb-core says it a minute after its start, so only tests on a slow machine meet it."""
    connection = http.client.HTTPConnection(urlsplit(server.url).netloc, timeout=60)
    connection.request("POST", "/sdk/otel/v1/metrics", body=b"metrics")
    assert connection.getresponse().status == 200
    connection.close()
    assert server.state.refusals == []


def test_an_entity_must_be_named_where_the_user_has_no_own(server):
    server.state.default_entity = None

    with pytest.raises(ServerSaidNo, match="entity is required"):
        ask(server, UPSERT_RUN, project="p")


def test_required_variables_are_required(server):
    with pytest.raises(ServerSaidNo, match=r'"\$sweep" of required type "String!"'):
        ask(server, "query GetSweepState($sweep: String!) { project { sweep { state } } }")


def test_the_key_has_forty_characters(server):
    with pytest.raises(ServerSaidNo, match="401"):
        post(server, "/graphql", {"query": VIEWER}, key="short")


def test_a_stream_for_a_run_that_is_not_there_is_404(server):
    with pytest.raises(ServerSaidNo, match="404"):
        stream(server, "nobody")


def test_a_line_that_is_sent_again_replaces_the_first(server):
    ask(server, UPSERT_RUN, name="r", project="p", entity="ann")
    for content in (['{"x": 1}', '{"x": 2}'], ['{"x": 2}', '{"x": 3}']):
        stream(server, "r", files={"wandb-history.jsonl": {"offset": 0, "content": content}})

    assert server.state.run("r").lines == [{"x": 2}, {"x": 3}]


def test_fragments_and_aliases_are_answered(server):
    sweep = make_sweep(server, {"method": "grid", "parameters": {"a": {"value": 1}}})
    query = """query GetSweepState($sweep: String!, $project: String, $no: Boolean = false) {
        project(name: $project) {
            ...Named
            sweep(sweepName: $sweep) { ... on Sweep { how: state } name @include(if: $no) }
        }
    } fragment Named on Project { called: name }"""

    told = ask(server, query, sweep=sweep, project="p")

    assert told == {"project": {"called": "p", "sweep": {"how": "RUNNING"}}}


def test_a_burst_of_errors_passes(server):
    server.faults.fail(2, only="Viewer", status=503)

    for _ in range(2):
        with pytest.raises(ServerSaidNo, match="503"):
            ask(server, VIEWER)

    assert ask(server, VIEWER)["viewer"]["username"] == "ann"


def test_dropped_connections_and_a_server_that_disappears(server):
    server.faults.drop(1)
    with pytest.raises(_GONE):
        ask(server, VIEWER)
    server.faults.gone = True
    with pytest.raises(_GONE):
        ask(server, VIEWER)
    server.faults.gone = False

    assert ask(server, VIEWER)["viewer"]["username"] == "ann"


def test_a_key_that_is_refused(server):
    server.faults.refuses_key = True

    with pytest.raises(ServerSaidNo, match="401"):
        ask(server, VIEWER)
