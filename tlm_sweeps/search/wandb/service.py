"""The requests that an agent makes of W&B's server, through the real client; what they answer, as plain data.

The client's own agents (0.31) use the same private functions for agents and heartbeats; everything else is its public
API. Nothing here decides anything.
"""

from __future__ import annotations

import json
import logging
import socket
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from tlm_sweeps.errors import InputError, RunError
from tlm_sweeps.tracking.wandb_connecting import connected, first_line, without_litter
from tlm_sweeps.tracking.wandb_paths import SweepPath

_log = logging.getLogger("tlm_sweeps.wandb")
_PAGE = 500
_PUBLISH = """
mutation UpsertBucket($project: String, $entity: String, $name: String!, $sweep: String, $config: JSONString) {
    upsertBucket(input: {modelName: $project, entityName: $entity, name: $name, sweep: $sweep, config: $config}) {
        bucket { id name }
    }
}
"""
"""What the client sends when it opens a run, as far as it is needed."""


class _Command(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class Train(_Command):
    """Train a proposal; `resume`: one that was begun before, here or elsewhere."""

    type: Literal["run", "resume"]
    run_id: Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,64}$")]
    """It names a folder as well."""
    args: dict[str, Any]


class Stop(_Command):
    """Stop a run for good."""

    type: Literal["stop"]
    run_id: str


class Exit(_Command):
    """There is nothing more to do."""

    type: Literal["exit"] = "exit"
    listed: frozenset[str] = frozenset()
    """The runs that the agent said it was training: not any that it has begun since."""


Command = Train | Stop | Exit
_COMMANDS: TypeAdapter[Command] = TypeAdapter(Annotated[Command, Field(discriminator="type")])


@dataclass(frozen=True)
class ToldRun:
    """A run of the sweep as W&B knows it."""

    run_id: str
    state: str
    """W&B's: running, pending, finished, failed, crashed, killed, preempting, preempted."""
    heartbeat_at: str | None
    """UTC, ISO 8601."""
    config: Mapping[str, Any]
    summary: Mapping[str, Any]

    @property
    def ending(self) -> str | None:
        """How it ended, in our words; None when it has not, or died."""
        state = self.summary.get("state")
        return state if state in ("complete", "pruned", "infeasible", "failed") else None


class SweepGoneError(RunError):
    """The sweep has been deleted at W&B."""


class Service:
    """One sweep at W&B's server."""

    def __init__(self, path: SweepPath) -> None:
        """Log in as the client is configured to.

        Raises:
            InputError: when nobody is logged in, or the server refuses us or does not answer.
        """
        self.path = path
        with connected() as api:
            self._api = api

    def sweep_config(self) -> dict[str, Any]:
        """The sweep's configuration.

        Raises:
            InputError: when there is no such sweep.
        """
        try:
            return dict(self._api.sweep(str(self.path)).config)
        except Exception as error:
            hint = "check the path, and that you are logged in as somebody who may see it: `tlm-sweeps doctor`"
            raise InputError(f"W&B has no sweep {self.path} for you: {first_line(error)}", hint=hint) from error

    def register(self) -> str:
        """Become an agent of the sweep; its id."""
        from wandb.apis.public.sweeps import _register_agent

        path = self.path
        try:
            agent = _register_agent(
                self._api, socket.gethostname(), sweep_id=path.sweep_id, project=path.project, entity=path.entity
            )
        except Exception as error:
            raise RunError(f"W&B takes no agent for {path}: {first_line(error)}") from error
        return agent["id"]

    def beat(self, agent_id: str, run_ids: frozenset[str]) -> list[Command]:
        """Say what is being trained, and hear what is to be done; what is not understood is logged and left.

        Raises:
            SweepGoneError: when the sweep has been deleted.
        """
        from wandb.apis.public.sweeps import _agent_heartbeat
        from wandb.sdk.sweeps import SweepNotFoundError

        try:
            commands = _agent_heartbeat(self._api, agent_id, {}, dict.fromkeys(run_ids, True))
        except SweepNotFoundError as error:
            raise SweepGoneError(f"the sweep {self.path} has been deleted at W&B") from error
        return list(_understood(commands))

    def runs(self) -> list[ToldRun]:
        """All runs of the sweep, oldest first.

        Raises:
            RunError: when the server cannot be asked.
        """
        path = self.path
        self._api.flush()  # else it answers what it answered before
        filters = {"sweep": path.sweep_id}
        try:
            with without_litter():
                found = self._api.runs(f"{path.entity}/{path.project}", filters=filters, per_page=_PAGE, lazy=False)
                return [_told(run) for run in found]
        except Exception as error:
            raise RunError(f"W&B does not tell the runs of {path}: {first_line(error)}") from error

    def run(self, run_id: str) -> ToldRun | None:
        """One run; None when W&B does not know it.

        Raises:
            RunError: when the server cannot be asked.
        """
        self._api.flush()
        try:
            with without_litter():
                return _told(self._api.run(f"{self.path.entity}/{self.path.project}/{run_id}"))
        except ValueError:
            return None
        except Exception as error:
            raise RunError(f"W&B does not tell what it knows of run {run_id}: {first_line(error)}") from error

    def publish(self, run_id: str, config: Mapping[str, Any]) -> None:
        """Make a run of the sweep, or find it, and give it a config, so that other agents see it.

        Raises:
            RunError: when the server does not take it.
        """
        path = self.path
        config = {**self._config_there(run_id), **config}
        variables = {
            "project": path.project,
            "entity": path.entity,
            "name": run_id,
            "sweep": path.sweep_id,
            "config": json.dumps({name: {"value": value} for name, value in config.items()}),
        }
        try:
            self._api._service_api.execute_graphql(_PUBLISH, variables=variables)  # noqa: SLF001 - its public way makes runs outside the sweep
        except Exception as error:
            raise RunError(f"W&B does not take the claim of run {run_id}: {first_line(error)}") from error

    def _config_there(self, run_id: str) -> dict[str, Any]:
        """The config that W&B has of a run, its own entries included: without these a run cannot be resumed."""
        self._api.flush()
        try:
            with without_litter():
                return dict(self._api.run(f"{self.path.entity}/{self.path.project}/{run_id}").rawconfig)
        except ValueError:
            return {}
        except Exception as error:
            raise RunError(f"W&B does not tell what it knows of run {run_id}: {first_line(error)}") from error

    def is_stopped(self, run_id: str) -> bool:
        """Whether somebody asked W&B to stop the run; False when it cannot be known."""
        from wandb.apis.public.sweeps import _sweep_with_runs

        path = self.path
        try:
            sweep = _sweep_with_runs(self._api, path.sweep_id, "{}", project=path.project, entity=path.entity)
        except Exception as error:  # noqa: BLE001 - then it goes on as if nobody had
            _log.warning("W&B does not say whether %s is to stop: %s", run_id, first_line(error))
            return False
        return any(run["name"] == run_id and (run["stopped"] or run["shouldStop"]) for run in sweep["runs"])


def _understood(commands: list[dict[str, Any]]) -> Iterator[Command]:
    for each in commands:
        try:
            yield _COMMANDS.validate_python(each)
        except ValidationError as error:
            _log.warning("a command of W&B's server is not understood: %s", error.errors()[0]["msg"])


def _told(run: Any) -> ToldRun:
    return ToldRun(run.id, run.state, run.heartbeat_at, dict(run.config), dict(run.summary_metrics or {}))
