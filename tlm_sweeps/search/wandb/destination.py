"""The project at W&B's server where a sweep's runs are uploaded to: what is there, through the real client.

The client (0.31) has no public way to make a sweep without printing, or to set its state: for these its own commands
use the same private functions. Nothing here decides anything.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal

from tlm_sweeps.errors import InputError, RunError
from tlm_sweeps.redaction import redacted
from tlm_sweeps.search.wandb.entities import naming_unknown_entity
from tlm_sweeps.tracking.wandb_connecting import connected, first_line, is_unanswered, without_litter

_PAGE = 100
"""Runs asked for at once, with their configs."""
_STEPS_A_PAGE = 10_000


@dataclass(frozen=True)
class ServerRun:
    """A run as the server has it."""

    state: str
    """W&B's: running, finished, failed, crashed, killed, preempted, pending."""
    sweep_id: str | None
    lines: int
    """Points of its curves."""
    last_step: int | None
    """Of its curves; None when the server does not say, or there is no point."""
    summary_state: str | None
    """How it ended, in our words."""


@dataclass(frozen=True)
class MadeSweep:
    """A sweep that was just made."""

    id: str
    warnings: tuple[str, ...]
    """What the server does not like about its configuration."""


class Destination:
    """A project at W&B's server."""

    def __init__(self, entity: str | None, project: str) -> None:
        """Log in as the client is configured to.

        Args:
            entity: user or team; None for the account's own.
            project: which need not exist yet.

        Raises:
            InputError: when nobody is logged in, or the server refuses us or does not answer.
        """
        with connected() as api:
            self._api = api
        self.project = project
        with _told("W&B does not say whose account this is", InputError, "name it with `--entity`"):
            own = entity or self._api.default_entity
        if not own:
            raise InputError("the account has no entity of its own", hint="name a user or team with `--entity`")
        self.entity = own
        self.base_url = redacted(str(self._api.settings["base_url"]))  # it is kept, and shown

    def runs(self, ids: Sequence[str]) -> dict[str, ServerRun]:
        """Those of these runs that the server has.

        Raises:
            InputError: when the account has no such entity.
            RunError: when the server does not answer.
        """
        found: dict[str, ServerRun] = {}
        self._api.flush()  # else it answers what it answered before
        what, hint = "W&B does not say which runs it has", "call the same command again later"
        with naming_unknown_entity(self._api, self.entity), _told(what, RunError, hint):
            for some in _in_pages(ids):
                with without_litter():
                    found |= dict(self._some(some))
        return found

    def _some(self, ids: Sequence[str]) -> Iterator[tuple[str, ServerRun]]:
        path, filters = f"{self.entity}/{self.project}", {"name": {"$in": list(ids)}}
        try:
            for run in self._api.runs(path, filters, per_page=_PAGE, include_sweeps=False, lazy=False):
                yield run.id, _server_run(run)
        except ValueError as error:
            if "could not find project" not in str(error).lower():
                raise
            # it is made with its first run

    def steps(self, run_id: str) -> frozenset[int]:
        """The steps of the points of a run's curves; none where they have no step.

        Raises:
            RunError: when the server does not answer, or has no such run.
        """
        what, hint = "W&B does not say which points it has of a run", "call the same command again later"
        with _told(what, RunError, hint), without_litter():
            run = self._api.run(f"{self.entity}/{self.project}/{run_id}")
            points = run.scan_history(page_size=_STEPS_A_PAGE, use_cache=False)
            return frozenset(step for each in points if isinstance(step := each.get("_step"), int))

    def has_sweep(self, sweep_id: str) -> bool:
        """Whether the sweep is there.

        Raises:
            RunError: when the server does not answer.
        """
        from wandb.errors import CommError

        with _told("W&B does not say whether it has the sweep", RunError, "call the same command again later"):
            try:
                self._api.sweep(f"{self.entity}/{self.project}/{sweep_id}")
            except (CommError, ValueError) as error:
                if is_unanswered(error):
                    raise
                return False
        return True

    def make_sweep(self, config: Mapping[str, Any]) -> str:
        """Make a sweep for agents, unless the server warns of its configuration; its id.

        Raises:
            RunError: when the server does not answer, refuses it, or warns: no agent is to work for such a sweep.
        """
        made = self.make_sweep_of_runs(config)
        if made.warnings:
            with _told(f"W&B did not cancel the sweep {made.id}, which it warns of", RunError, self._to_be_deleted):
                self._set_state(made.id, "CANCELED")
            raise RunError(f"W&B does not like the sweep's configuration: {'; '.join(made.warnings)}")
        return made.id

    def make_sweep_of_runs(self, config: Mapping[str, Any]) -> MadeSweep:
        """Make a sweep, whatever the server thinks of its configuration: its runs are trained already.

        Raises:
            InputError: when the account has no such entity.
            RunError: when the server does not answer or refuses it.
        """
        from wandb.apis.public.sweeps import _upsert_sweep

        with naming_unknown_entity(self._api, self.entity):
            try:
                with _as_it_was():
                    sweep, warnings = _upsert_sweep(self._api, dict(config), entity=self.entity, project=self.project)
            except Exception as error:
                # What is not answered may have been done: the client sends it again, and so does whoever calls again.
                hint = self._to_be_deleted if is_unanswered(error) else "`tlm-sweeps doctor` says what works"
                raise RunError(f"W&B did not make the sweep: {first_line(error)}", hint=hint) from error
        return MadeSweep(str(sweep["name"]), tuple(warnings))

    def end_sweep(self, sweep_id: str) -> None:
        """Mark a sweep as finished: no agent is to be given anything.

        Raises:
            RunError: when the server does not answer or refuses.
        """
        from wandb.apis.public.sweeps import _get_sweep_state

        with _told("W&B did not mark the sweep as finished", RunError, "call the same command again later"):
            state = _get_sweep_state(self._api, sweep_id, entity=self.entity, project=self.project)
            if state.upper() not in ("FINISHED", "CANCELED"):
                self._set_state(sweep_id, "FINISHED")

    def _set_state(self, sweep_id: str, state: Literal["FINISHED", "CANCELED"]) -> None:
        from wandb.apis.public.sweeps import _set_sweep_state

        _set_sweep_state(self._api, sweep_id, state, entity=self.entity, project=self.project)

    @property
    def _to_be_deleted(self) -> str:
        return f"it may be there nevertheless: delete it at {self.url(None)}/sweeps"

    def url(self, sweep_id: str | None) -> str:
        """Where a person looks at the sweep, or at the project."""
        import wandb

        project = f"{wandb.Settings(base_url=self.base_url).app_url}/{self.entity}/{self.project}"
        return project if sweep_id is None else f"{project}/sweeps/{sweep_id}"


@contextmanager
def _told(what: str, kind: type[InputError | RunError], hint: str) -> Iterator[None]:
    """Whatever the client raises, in our voice."""
    try:
        yield
    except Exception as error:
        raise kind(f"{what}: {first_line(error)}", hint=hint) from error


@contextmanager
def _as_it_was() -> Iterator[None]:
    """The client makes the sweep's entity and project those of the whole process: undo that."""
    before = {name: os.environ.get(name) for name in ("WANDB_ENTITY", "WANDB_PROJECT")}
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def _server_run(run: Any) -> ServerRun:
    keys = run.history_keys if isinstance(run.history_keys, Mapping) else {}
    last, state = keys.get("lastStep"), (run.summary_metrics or {}).get("state")
    return ServerRun(
        state=run.state,
        sweep_id=run.sweep_name or None,
        lines=run.history_line_count or 0,
        last_step=last if isinstance(last, int) and last >= 0 else None,
        summary_state=state if isinstance(state, str) else None,
    )


def _in_pages(ids: Sequence[str]) -> Iterator[Sequence[str]]:
    for start in range(0, len(ids), _PAGE):
        yield ids[start : start + _PAGE]
