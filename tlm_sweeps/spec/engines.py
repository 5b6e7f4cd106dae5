"""The same search by the other engine: what Optuna's words are in W&B's, and back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from tlm_sweeps.errors import InputError, Problem
from tlm_sweeps.spec.chaining import problems_of_links
from tlm_sweeps.spec.sweep import OptunaEngine, SweepSpec, WandbEngine

Kind = Literal["optuna", "wandb"]

METHODS = {"grid": "grid", "random": "random", "tpe": "bayes", "gp": "bayes", "cmaes": "bayes"}
"""W&B's method for each of Optuna's samplers; `nsga2`, for two objectives, has none."""
_PRUNERS = {"none": "none", "hyperband": "hyperband", "asha": "hyperband"}


@dataclass(frozen=True)
class Converted:
    """A sweep with the engine that was asked for."""

    spec: SweepSpec
    notes: tuple[str, ...]
    """What was put into other words, such as `sampler: tpe → method: bayes`; nothing where nothing had to be."""


def with_engine(spec: SweepSpec, kind: Kind) -> Converted:
    """A sweep, searched by this engine.

    Raises:
        InputError: when that engine has no word for what the spec asks; places are dotted fields.
    """
    if spec.engine.kind == kind:
        return Converted(spec, ())
    if isinstance(spec.engine, OptunaEngine):
        return _converted(spec, _as_wandb(spec.engine))
    return _converted(spec, _as_optuna(spec.engine))


def _converted(spec: SweepSpec, engine: OptunaEngine | WandbEngine) -> Converted:
    old = spec.engine
    notes = []
    if isinstance(old, OptunaEngine) and isinstance(engine, WandbEngine):
        notes.append(f"sampler: {old.sampler} → method: {engine.method}")
    if isinstance(old, WandbEngine) and isinstance(engine, OptunaEngine):
        notes.append(f"method: {old.method} → sampler: {engine.sampler}")
    if old.pruner != engine.pruner:
        notes.append(f"pruner: {old.pruner} → {engine.pruner}")
    found = spec.model_copy(update={"engine": engine})
    if problems := [*problems_of_links(found)]:
        raise InputError.of(problems)
    return Converted(found, tuple(notes))


def _as_wandb(engine: OptunaEngine) -> WandbEngine:
    problems = []
    if len(engine.objectives) > 1:
        message = f"W&B searches for one objective, not for {' and '.join(engine.objectives)}"
        hint = "keep `objectives: [val_nll]` and another sampler than nsga2, or search here with `--engine optuna`"
        problems.append(Problem(message, "engine.objectives", hint))
    elif engine.sampler not in METHODS:
        hint = f"take one of {', '.join(METHODS)}"
        problems.append(Problem(f"W&B has nothing like the sampler {engine.sampler}", "engine.sampler", hint))
    if engine.pruner not in _PRUNERS:
        message = f"W&B has nothing like the pruner {engine.pruner}"
        problems.append(Problem(message, "engine.pruner", "write `pruner: hyperband` or `pruner: none`"))
    if problems:
        raise InputError.of(problems)
    words: dict[str, Any] = {"method": METHODS[engine.sampler], "pruner": _PRUNERS[engine.pruner]}
    return WandbEngine(kind="wandb", **words, **_alike(engine))


def _as_optuna(engine: WandbEngine) -> OptunaEngine:
    return OptunaEngine(kind="optuna", sampler=engine.sampler, pruner=engine.pruner, **_alike(engine))


def _alike(engine: OptunaEngine | WandbEngine) -> dict[str, Any]:
    """What both call the same, as far as it is said."""
    return {name: getattr(engine, name) for name in ("trials", "seed") if name in engine.model_fields_set}
