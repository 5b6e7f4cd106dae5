"""The stream of a run: history, system metrics, output, summary, and how it ended."""

from __future__ import annotations

import json
import time
from typing import Any

from tests.wandb_server import requeueing
from tests.wandb_server.refusing import Refused
from tests.wandb_server.state import Run, State, now

_KNOWN = {"files", "uploaded", "preempting", "complete", "exitcode", "dropped"}
_FILES = {"wandb-history.jsonl", "wandb-events.jsonl", "wandb-summary.json", "output.log"}


def take(state: State, entity: str, project: str, name: str, body: dict[str, Any]) -> dict[str, Any]:
    """Take one piece of a run's stream and say whether the run shall stop.

    Raises:
        Refused: there is no such run, or the request has something else in it.
    """
    found = state.find_project(entity, project)
    run = found.runs.get(name) if found else None
    if run is None:
        raise Refused(f"run {entity}/{project}/{name} not found", status=404)
    if unknown := (body.keys() - _KNOWN) | (body.get("files", {}).keys() - _FILES):
        raise Refused(f"file_stream has no {', '.join(sorted(unknown))}")
    _write(run, body.get("files", {}))
    run.heartbeat_at, run.heard_at = now(), time.monotonic()
    if body.get("preempting"):
        run.state, run.preemptible = "preempting", True
    if body.get("complete"):
        run.ended += 1
        requeueing.end(state, run, body.get("exitcode", 0))
    return {"exitcode": run.exit_code, "limits": {}, "stopped": run.stopped}


def _write(run: Run, files: dict[str, dict[str, Any]]) -> None:
    for name, piece in files.items():
        for offset, line in enumerate(piece["content"], start=piece["offset"]):
            match name:
                case "wandb-history.jsonl":
                    run.history[offset] = json.loads(line)
                case "wandb-events.jsonl":
                    run.events[offset] = json.loads(line)
                case "output.log":
                    run.output[offset] = line
                case _:
                    run.summary = json.loads(line)
