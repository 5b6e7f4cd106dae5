"""The dotted names of spec fields, derived from the models: the one list that search, `--set` and messages share."""

from __future__ import annotations

import types
from collections.abc import Iterator, Sequence
from functools import cache
from typing import Any, Union, get_args, get_origin

from tlm_sweeps.errors import nearest
from tlm_sweeps.spec.experiment import ExperimentSpec
from tlm_sweeps.spec.families import ModelSpec
from tlm_sweeps.spec.fields import Part
from tlm_sweeps.spec.passages import PiecesSpec
from tlm_sweeps.spec.sweep import EngineSpec, OptunaEngine, SweepSpec

SECTIONS = tuple(ExperimentSpec.model_fields)
"""The sections of an experiment, with which the names of its fields begin."""

ALSO_CALLED = {
    "lr": "learning_rate",
    "wd": "weight_decay",
    "d_model": "width",
    "n_embd": "width",
    "layers": "depth",
    "n_layer": "depth",
    "n_layers": "depth",
    "n_head": "heads",
    "n_heads": "heads",
    "d_ff": "ffn_width",
    "seq_len": "context",
    "block_size": "context",
    "grad_clip": "clip",
    "vocab_size": "vocabulary",
}
"""What other programs call our fields, so that a hint can translate."""


def parts_in(annotation: Any) -> tuple[type[Part], ...]:
    """The parts that a field's type allows: none for a scalar, several for a union. Mappings are not looked into."""
    if isinstance(annotation, type) and issubclass(annotation, Part):
        return (annotation,)
    if get_origin(annotation) is dict:
        return ()
    return tuple(part for each in get_args(annotation) for part in parts_in(each))


def _by_kind(union: Any) -> dict[str, type[Part]]:
    return {get_args(part.model_fields["kind"].annotation)[0]: part for part in parts_in(union)}


MODEL_KINDS: dict[str, type[Part]] = _by_kind(ModelSpec)
"""Model families by the `kind` that names them in a spec."""
ENGINE_KINDS: dict[str, type[Part]] = _by_kind(EngineSpec)
"""Engines by the `kind` that names them; without one it is Optuna."""
PIECES_KINDS: dict[str, type[Part]] = _by_kind(PiecesSpec)
"""Vocabularies of word pieces by the `kind` that names them."""
ALL_KINDS: dict[str, type[Part]] = {**MODEL_KINDS, **ENGINE_KINDS, **PIECES_KINDS}
"""Everything that a `kind` can name; no two share a name."""


@cache
def experiment_fields(kind: str | None = None) -> tuple[str, ...]:
    """Dotted names of the fields of an experiment, sections left out; those of one model kind, or of all.

    >>> "model.depth" in experiment_fields(), "model.depth" in experiment_fields("linear")
    (True, False)
    """
    return tuple(dict.fromkeys(name for name, is_section in _walk(ExperimentSpec, "", kind) if not is_section))


@cache
def experiment_sections() -> tuple[str, ...]:
    """Dotted names of what only groups fields: `model`, `training.schedule` and so on."""
    return tuple(dict.fromkeys(name for name, is_section in _walk(ExperimentSpec, "", None) if is_section))


@cache
def sweep_names() -> tuple[str, ...]:
    """Dotted names of the sections and fields of a sweep, as they stand in its file."""
    return tuple(dict.fromkeys(name for name, _ in _walk(SweepSpec, "", None)))


def belongs_to_sweep(name: str) -> bool:
    """Whether a dotted name is one of the sweep as a whole, and so nothing that a setting could have.

    >>> belongs_to_sweep("seeds"), belongs_to_sweep("budget.flops"), belongs_to_sweep("model.seeds")
    (True, True, False)
    """
    return name in sweep_names() and name.partition(".")[0] not in ("experiment", "search", "baselines")


def _walk(part: type[Part], prefix: str, kind: str | None) -> Iterator[tuple[str, bool]]:
    for name, info in part.model_fields.items():
        inner = parts_in(info.annotation)
        yield prefix + name, bool(inner) and _only_parts(info.annotation)
        for each in inner:
            if kind is None or each not in MODEL_KINDS.values() or each is MODEL_KINDS[kind]:
                yield from _walk(each, f"{prefix}{name}.", kind)


def _only_parts(annotation: Any) -> bool:
    if get_origin(annotation) in (Union, types.UnionType):
        return all(_only_parts(each) for each in get_args(annotation) if each is not type(None))
    return bool(parts_in(annotation))


def parts_at(root: type[Part], data: Any, path: Sequence[str | int]) -> tuple[type[Part], ...]:
    """The parts that the spec allows at a place of some data; of a model or engine, the one that its `kind` names."""
    parts: tuple[type[Part], ...] = (root,)
    for name in path:
        fields = [part.model_fields[name] for part in parts if isinstance(name, str) and name in part.model_fields]
        parts = tuple(part for info in fields for part in parts_in(info.annotation))
        data = data.get(name) if isinstance(data, dict) else None
        kind = data.get("kind") if isinstance(data, dict) else None
        named = ALL_KINDS.get(kind) if isinstance(kind, str) else OptunaEngine
        parts = (named,) if named in parts else parts
    return parts


def name_hint(name: str, valid: Sequence[str]) -> str:
    """What to type instead of an unknown dotted name.

    >>> [name_hint(name, experiment_fields()) for name in ("model.dept", "depth", "training.lr")]
    ['did you mean `model.depth`?', 'did you mean `model.depth`?', 'did you mean `training.learning_rate`?']
    """
    close = _nearest_name(name, valid)
    if close:
        return f"did you mean `{close}`?"
    return "`tlm-sweeps spec schema` lists the names"


def _nearest_name(name: str, valid: Sequence[str]) -> str | None:
    """By the last word: the same one elsewhere, the field's other name, one like it in the section, one anywhere."""
    section, _, last = name.rpartition(".")
    last = ALSO_CALLED.get(last, last)
    for names in ([each for each in valid if each.rpartition(".")[0] == section], valid):
        ends = {each.rpartition(".")[2]: each for each in reversed(names)}
        close = last if last in ends else nearest(last, ends)
        if close:
            return ends[close]
    return nearest(name, valid)
