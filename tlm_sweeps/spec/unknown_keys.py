"""A key that a spec does not have: what it may have been meant for, and where it belongs."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from typing import Any, get_args

from tlm_sweeps.errors import Problem, did_you_mean
from tlm_sweeps.spec.engines import METHODS
from tlm_sweeps.spec.field_names import ALSO_CALLED, ENGINE_KINDS, MODEL_KINDS, PIECES_KINDS, parts_at, sweep_names
from tlm_sweeps.spec.fields import Part

_SURELY_MEANT = 0.8
"""So alike are a misspelt key and a key of its level that no other place in the spec is thought of."""


def unknown_key(path: Sequence[str | int], root: type[Part], data: Any) -> Problem:
    """The problem of a key that is not known where it stands.

    Args:
        path: names and indices that lead to it.
        root: the part that the data was read as.
        data: plain data, as it was given.
    """
    *parents, key = path
    return Problem(f"unknown key `{key}`", ".".join(map(str, path)), _hint(str(key), parents, root, data))


def _hint(key: str, parents: Sequence[str | int], root: type[Part], data: Any) -> str:
    parts = parts_at(root, data, parents)
    level = list(dict.fromkeys(name for part in parts for name in part.model_fields))
    if of_other_kind := _of_other_kind(key, parts, data, parents):
        return of_other_kind
    if ALSO_CALLED.get(key) in level:
        return f"it is called `{ALSO_CALLED[key]}` here"
    if difflib.get_close_matches(key, level, n=1, cutoff=_SURELY_MEANT):
        return did_you_mean(key, level)
    return _elsewhere(key, parents, root) or did_you_mean(key, level)


def _of_other_kind(key: str, parts: Sequence[type[Part]], data: Any, parents: Sequence[str | int]) -> str:
    """For a field that another kind of model, engine or vocabulary has."""
    known = (("a {} model", MODEL_KINDS), ("the engine {}", ENGINE_KINDS), ("pieces of kind {}", PIECES_KINDS))
    for what, kinds in known:
        have_it = [kind for kind, part in kinds.items() if key in part.model_fields]
        if not (parts and parts[0] in kinds.values() and have_it):
            continue
        this = get_args(parts[0].model_fields["kind"].annotation)[0]
        if kinds is ENGINE_KINDS and (renamed := _renamed(key, data, parents)):
            return renamed
        have = "have" if len(have_it) > 1 or kinds is MODEL_KINDS else "has"
        lacks = "have" if kinds is PIECES_KINDS else "has"
        return f"{what.format(this)} {lacks} no `{key}` ({', '.join(have_it)} {have} it); remove it or change `kind`"
    return ""


def _renamed(key: str, data: Any, parents: Sequence[str | int]) -> str:
    """How a search is chosen is `sampler` with Optuna and `method` with W&B, and the words differ as well."""
    value: Any = data
    for name in (*parents, key):
        value = value.get(name) if isinstance(value, dict) else None
    samplers = {"bayes": "tpe", "grid": "grid", "random": "random"}
    match key:
        case "sampler":
            meant = METHODS.get(value) if isinstance(value, str) else None
            return f"W&B calls it `method`: {f'write `method: {meant}`' if meant else ', '.join(samplers)}"
        case "method":
            meant = samplers.get(value) if isinstance(value, str) else None
            return f"Optuna calls it `sampler`{f': write `sampler: {meant}`' if meant else ''}; or write `kind: wandb`"
        case _:
            return ""


def _elsewhere(key: str, parents: Sequence[str | int], root: type[Part]) -> str:
    """For a key that is right in another place of the spec."""
    prefix = "".join(f"{name}." for name in parents)
    first, _, rest = key.partition(".")
    if rest and f"{prefix}{key}" in sweep_names():
        return f"nest it: `{first}: {{{rest}: …}}`"
    if rest and not parents and f"experiment.{key}" in sweep_names():
        return f"nest it under `experiment`: `{first}: {{{rest}: …}}`"
    homes = [name.rpartition(".")[0] for name in sweep_names() if name.rpartition(".")[2] == key]
    is_sweep = "experiment" in root.model_fields
    return f"`{key}` belongs under `{homes[0]}`" if is_sweep and len(homes) == 1 and homes[0] else ""
