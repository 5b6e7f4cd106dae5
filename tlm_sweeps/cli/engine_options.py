"""The options of `sweep` that choose the engine, and what they make of a spec. Contradictions are refused."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated

import typer
from pydantic import TypeAdapter, ValidationError

from tlm_sweeps.errors import InputError
from tlm_sweeps.spec.engines import Converted, with_engine
from tlm_sweeps.spec.fields import Name
from tlm_sweeps.spec.sweep import SweepSpec


class Engine(StrEnum):
    """Who searches."""

    optuna = "optuna"
    wandb = "wandb"


class Scheduler(StrEnum):
    """Who proposes in a W&B sweep."""

    server = "server"
    optuna = "optuna"


EngineOption = Annotated[
    Engine | None, typer.Option("--engine", help="Who searches. Default: the spec's; its search is put into its words.")
]
EntityOption = Annotated[
    str | None, typer.Option("--entity", metavar="NAME", help="W&B user or team. Default: the spec's, else your own.")
]
ProjectOption = Annotated[
    str | None, typer.Option("--project", metavar="NAME", help="W&B project. Default: the spec's.")
]
SchedulerOption = Annotated[
    Scheduler | None,
    typer.Option("--scheduler", help="Who proposes in a W&B sweep: its server, or a local Optuna study."),
]
AgentsOption = Annotated[
    int | None,
    typer.Option(
        "--agents", metavar="N", min=1, max=1024, help="Start so many agents here and wait for the W&B sweep."
    ),
]
OfflineOption = Annotated[
    bool, typer.Option("--offline", help="A W&B sweep without W&B: searched here; `sync` uploads it later.")
]


@dataclass(frozen=True)
class EngineChoice:
    """What was asked for on the command line; None where nothing was."""

    engine: Engine | None = None
    entity: str | None = None
    project: str | None = None
    scheduler: Scheduler | None = None
    agents: int | None = None
    offline: bool = False

    def given(self) -> dict[str, bool]:
        """The options that only a W&B sweep has, and which of them were given."""
        return {
            "--entity": self.entity is not None,
            "--project": self.project is not None,
            "--scheduler": self.scheduler is not None,
            "--agents": self.agents is not None,
            "--offline": self.offline,
        }


def chosen(spec: SweepSpec, choice: EngineChoice) -> Converted:
    """The sweep with the engine that was asked for.

    Raises:
        InputError: options that contradict each other or the engine, or an engine that has no word for the search.
    """
    found = with_engine(spec, choice.engine.value if choice.engine else spec.engine.kind)
    if found.spec.engine.kind == "optuna":
        _refuse_without_wandb(choice)
        return found
    ensure_names(choice.entity, choice.project)
    if choice.offline:
        _refuse_offline(choice)
        return Converted(_placed(found.spec, choice), found.notes)
    if choice.scheduler is None:
        return found
    engine = found.spec.engine.model_copy(update={"scheduler": choice.scheduler.value})
    return Converted(found.spec.model_copy(update={"engine": engine}), found.notes)


def _placed(spec: SweepSpec, choice: EngineChoice) -> SweepSpec:
    """With the place at W&B that an upload will be for."""
    given = {name: value for name in ("entity", "project") if (value := getattr(choice, name)) is not None}
    return spec.model_copy(update={"tracking": spec.tracking.model_copy(update=given)}) if given else spec


def ensure_names(entity: str | None, project: str | None) -> None:
    """Refuse what can be no user, team or project at W&B.

    Raises:
        InputError: with the option that it was given to.
    """
    for option, name in (("--entity", entity), ("--project", project)):
        try:
            TypeAdapter(Name | None).validate_python(name, strict=True)
        except ValidationError:
            hint = "a name holds letters, digits, `.`, `_` and `-`, beginning with a letter or digit, at most 100"
            raise InputError(f"`{name}` cannot be a name", place=option, hint=hint) from None


def _refuse_without_wandb(choice: EngineChoice) -> None:
    for option, is_given in choice.given().items():
        if is_given:
            said = "`--engine optuna` and " if choice.engine else ""
            hint = f"write `--engine wandb`, or leave {option} out"
            raise InputError(f"{said}{option}: only a W&B sweep has that, and Optuna searches", place=option, hint=hint)


def _refuse_offline(choice: EngineChoice) -> None:
    reasons = {
        "--agents": "agents need W&B's server; `--workers N` trains N runs at a time",
        "--scheduler": "without a server this machine proposes by itself",
    }
    for option, hint in reasons.items():
        if choice.given()[option]:
            raise InputError(f"--offline and {option} contradict each other", place=option, hint=hint)
