"""What the stand-in knows: plain data that a test can look at. It knows no HTTP and no GraphQL."""

from __future__ import annotations

import base64
import random
import string
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal

from tests.wandb_server.faults import Faults
from tests.wandb_server.refusing import Refusal, Refused

RunState = Literal["pending", "running", "finished", "failed", "crashed", "killed", "preempting", "preempted"]
SweepState = Literal["RUNNING", "PAUSED", "FINISHED", "CANCELED"]

GOING = ("pending", "running", "preempting")
"""States of a run that has not ended."""


def now() -> str:
    """The time as W&B writes it."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"


def graphql_id(*parts: str) -> str:
    """An opaque id, made as W&B makes them."""
    return base64.b64encode(":".join(parts).encode()).decode()


@dataclass
class Run:
    """A run; GraphQL calls it a bucket."""

    id: str
    """The GraphQL id. The id that people see is `name`."""
    name: str
    display_name: str
    entity: str
    project: str
    config: dict[str, Any] = field(default_factory=dict)
    """As W&B keeps it: `{"depth": {"value": 2}, "_wandb": {"value": {…}}}`."""
    summary: dict[str, Any] = field(default_factory=dict)
    history: dict[int, dict[str, Any]] = field(default_factory=dict)
    """Lines of the history, by offset; a line that is sent again replaces the first."""
    events: dict[int, dict[str, Any]] = field(default_factory=dict)
    output: dict[int, str] = field(default_factory=dict)
    group: str = ""
    job_type: str = ""
    notes: str = ""
    host: str = ""
    tags: list[str] = field(default_factory=list)
    state: RunState = "running"
    exit_code: int | None = None
    created_at: str = field(default_factory=now)
    heartbeat_at: str = field(default_factory=now)
    heard_at: float = field(default_factory=time.monotonic)
    """When the run was last heard of, on the clock of `time.monotonic`, in seconds."""
    sweep: str = ""
    stopped: bool = False
    preemptible: bool = False
    """Marked preempting since it was last opened: W&B then hands it out again when it dies."""
    opened: int = 0
    """How often a client has opened it (again after an end)."""
    ended: int = 0
    """How often a client has closed it."""
    files: dict[str, bytes] = field(default_factory=dict)
    args: dict[str, Any] = field(default_factory=dict)
    """The proposal that the run came from, `{"depth": {"value": 2}}`; empty where no sweep proposed it."""
    agent: str = ""
    """The GraphQL id of the agent that it was last given to."""

    @property
    def lines(self) -> list[dict[str, Any]]:
        """The history in order."""
        return [self.history[offset] for offset in sorted(self.history)]

    @property
    def settings(self) -> dict[str, Any]:
        """The config as people wrote it, without W&B's own part."""
        return {name: each["value"] for name, each in self.config.items() if name != "_wandb"}


@dataclass
class Sweep:
    """A sweep."""

    id: str
    """The GraphQL id. The id that people see is `name`."""
    name: str
    entity: str
    project: str
    config: dict[str, Any]
    config_yaml: str
    state: SweepState = "RUNNING"
    display_name: str = ""
    description: str = ""
    controller: str | None = None
    scheduler: str | None = None
    created_at: str = field(default_factory=now)
    updated_at: str = field(default_factory=now)
    queue: list[str] = field(default_factory=list)
    """Names of the runs that wait to be handed out again."""
    proposals: list[dict[str, Any]] = field(default_factory=list)
    """The args of every proposal so far, `{"depth": {"value": 2}}`."""
    to_stop: set[str] = field(default_factory=set)
    """Names of the runs that their agents shall stop."""


@dataclass
class Agent:
    """An agent of a sweep."""

    id: str
    name: str
    host: str
    sweep: Sweep
    created_at: str = field(default_factory=now)
    heard_at: float = field(default_factory=time.monotonic)
    listed: set[str] = field(default_factory=set)
    """The runs that its last heartbeat named."""
    commands: list[dict[str, Any]] = field(default_factory=list)
    """Everything it was told, in order."""


@dataclass
class Artifact:
    """An artifact version."""

    id: str
    name: str
    type: str
    digest: str
    run: str
    entity: str
    project: str
    state: Literal["PENDING", "COMMITTED"] = "PENDING"
    aliases: list[str] = field(default_factory=list)
    metadata: dict[str, Any] = field(default_factory=dict)
    files: dict[str, bytes] = field(default_factory=dict)
    """The files' contents, by their name in the artifact, and the manifest as `wandb_manifest.json`."""


@dataclass
class Report:
    """A W&B Report; GraphQL calls it a view."""

    id: str
    name: str
    entity: str
    project: str
    display_name: str
    description: str
    spec: str
    """The report's JSON."""
    type: str = "runs"
    created_at: str = field(default_factory=now)
    updated_at: str = field(default_factory=now)


@dataclass
class Project:
    """A project and what is in it."""

    id: str
    name: str
    entity: str
    created_at: str = field(default_factory=now)
    runs: dict[str, Run] = field(default_factory=dict)
    sweeps: dict[str, Sweep] = field(default_factory=dict)
    deleted: set[str] = field(default_factory=set)
    """Names of sweeps that were deleted; a run that still names one is taken without it."""
    artifacts: dict[str, Artifact] = field(default_factory=dict)
    """By GraphQL id."""
    reports: dict[str, Report] = field(default_factory=dict)
    """By GraphQL id."""


@dataclass
class State:
    """All that the stand-in knows."""

    url: str = ""
    user: str = "ann"
    default_entity: str | None = "ann"
    """The entity of a request that names none; with None, such a request is refused."""
    entities: set[str] = field(default_factory=lambda: {"ann"})
    features: dict[str, bool] = field(default_factory=dict)
    """What ServerFeaturesQuery tells, such as `{"SWEEPS_LOCAL_SCHEDULER": True}`."""
    silence_seconds: float = 300.0
    """A run or an agent that is silent for longer is dead."""
    projects: dict[tuple[str, str], Project] = field(default_factory=dict)
    agents: dict[str, Agent] = field(default_factory=dict)
    """By GraphQL id."""
    refusals: list[Refusal] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)
    """Operations, `file_stream` and `upload`, in the order of their arrival; failed ones too."""
    faults: Faults = field(default_factory=Faults)
    draws: random.Random = field(default_factory=lambda: random.Random(0))
    lock: threading.RLock = field(default_factory=threading.RLock)

    def entity(self, name: str | None) -> str:
        """The entity of this name, or the user's own.

        Raises:
            Refused: there is none.
        """
        if name is None and self.default_entity is None:
            raise Refused("entity is required: this user has no default entity")
        found = name or self.default_entity
        if found not in self.entities:
            raise Refused(f"entity {found} not found", status=404)
        return found

    def find_project(self, entity: str | None, name: str | None) -> Project | None:
        """The project, or None where there is none."""
        return self.projects.get((self.entity(entity), name or "uncategorized"))

    def project(self, entity: str | None, name: str | None) -> Project:
        """The project, made where there is none, as W&B does for runs and sweeps."""
        key = self.entity(entity), name or "uncategorized"
        if key not in self.projects:
            self.projects[key] = Project(graphql_id("Project", "v1", key[1], key[0]), key[1], key[0])
        return self.projects[key]

    def runs(self) -> Iterator[Run]:
        """Every run of every project."""
        for project in list(self.projects.values()):
            yield from list(project.runs.values())

    def sweeps(self) -> Iterator[Sweep]:
        """Every sweep of every project."""
        for project in list(self.projects.values()):
            yield from list(project.sweeps.values())

    def run(self, name: str) -> Run:
        """The run of this id, wherever it is."""
        return next(run for run in self.runs() if run.name == name)

    def sweep(self, name: str) -> Sweep:
        """The sweep of this id, wherever it is."""
        return next(sweep for sweep in self.sweeps() if sweep.name == name)

    def runs_of(self, sweep: Sweep) -> list[Run]:
        """The runs that hang under a sweep, oldest first."""
        runs = self.projects[sweep.entity, sweep.project].runs.values()
        return [run for run in runs if run.sweep == sweep.name]

    def new_name(self) -> str:
        """An id of eight characters, as W&B's server makes them."""
        return "".join(self.draws.choices(string.ascii_lowercase + string.digits, k=8))
