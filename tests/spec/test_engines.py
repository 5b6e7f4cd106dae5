"""The engine in a spec: two kinds with words of their own, and what is said where they are mixed up."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.spec.strategies import engines
from tlm_sweeps.errors import InputError
from tlm_sweeps.spec import SweepSpec, load_sweep, template
from tlm_sweeps.spec.engines import with_engine
from tlm_sweeps.spec.sweep import OptunaEngine, WandbEngine

WRONG = {
    "the other's word": ("{kind: wandb, sampler: tpe}", "unknown key `sampler`", "write `method: bayes`"),
    "the other's word, no value of it": (
        "{kind: wandb, sampler: [1]}",
        "unknown key `sampler`",
        "`method`: bayes, grid",
    ),
    "W&B's word": ("{method: bayes}", "unknown key `method`", "write `sampler: tpe`; or write `kind: wandb`"),
    "only Optuna has it": ("{kind: wandb, objectives: [val_nll]}", "unknown key `objectives`", "optuna has it"),
    "only W&B has it": ("{kind: optuna, scheduler: server}", "unknown key `scheduler`", "wandb has it"),
    "misspelt": ("{kind: wandb, schedler: server}", "unknown key `schedler`", "did you mean `scheduler`?"),
    "a method that is none": ("{kind: wandb, method: bays}", "must be one of `grid`", "did you mean `bayes`?"),
    "a misspelt kind": ("{kind: wandbb}", "unknown kind `wandbb`", "did you mean `wandb`?"),
    "a kind that is no text": ("{kind: 3}", "unknown kind 3", "optuna, wandb"),
    "no mapping": ("wandb", "must be a mapping, not `wandb`", ""),
    "of another part": ("{kind: wandb, project: p}", "unknown key `project`", "`project` belongs under `tracking`"),
    "a grid of infinitely many": ("{kind: wandb, method: grid}", "a grid needs finitely many", "take another method"),
}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A sweep over a range, among others."""
    path = tmp_path / "sweep.yaml"
    path.write_text(template("first"), encoding="utf-8")
    return path


@pytest.mark.parametrize(("engine", "message", "hint"), WRONG.values(), ids=WRONG.keys())
def test_a_wrong_engine_is_explained(file: Path, engine: str, message: str, hint: str):
    with pytest.raises(InputError) as refused:
        load_sweep(file, [f"engine={engine}"])
    (problem,) = refused.value.problems
    assert message in problem.message
    assert hint in problem.hint


@pytest.mark.parametrize(
    ("sampler", "pruner", "method", "wandb_pruner"),
    [
        ("grid", "none", "grid", "none"),
        ("random", "hyperband", "random", "hyperband"),
        ("tpe", "asha", "bayes", "hyperband"),
        ("gp", "none", "bayes", "none"),
        ("cmaes", "none", "bayes", "none"),
    ],
)
def test_optunas_words_are_put_into_w_and_bs(file: Path, sampler: str, pruner: str, method: str, wandb_pruner: str):
    overrides = [f"engine={{sampler: {sampler}, pruner: {pruner}, trials: 7, seed: 3}}", "search={model.depth: [1, 2]}"]
    found = with_engine(load_sweep(file, overrides).spec, "wandb")
    assert found.spec.engine == WandbEngine.model_validate(
        {"kind": "wandb", "method": method, "pruner": wandb_pruner, "trials": 7, "seed": 3}
    )
    assert f"sampler: {sampler} → method: {method}" in found.notes
    assert (f"pruner: {pruner} → {wandb_pruner}" in found.notes) == (pruner != wandb_pruner)


@pytest.mark.parametrize(
    ("engine", "place"),
    [
        ("{sampler: nsga2}", "engine.sampler"),
        ("{sampler: nsga2, objectives: [val_nll, n_params]}", "engine.objectives"),
        ("{sampler: tpe, pruner: median}", "engine.pruner"),
    ],
)
def test_what_w_and_b_has_no_word_for_is_refused(file: Path, engine: str, place: str):
    spec = load_sweep(file, [f"engine={engine}"]).spec
    with pytest.raises(InputError) as refused:
        with_engine(spec, "wandb")
    assert [each.place for each in refused.value.problems] == [place]
    assert refused.value.problems[0].hint


def _spec(engine: dict[str, Any]) -> SweepSpec:
    experiment = {"corpus": {"name": "ptb"}, "model": {"kind": "transformer", "width": 8}}
    return SweepSpec.model_validate({"name": "a", "experiment": experiment, "engine": engine})


@settings(deadline=None)
@given(engines, st.sampled_from(["optuna", "wandb"]))
def test_there_and_back_again_searches_alike(engine: dict[str, Any], kind: Any):
    spec = _spec(engine)
    there = with_engine(spec, kind)
    assert there.spec.engine.kind == kind
    assert (there.notes == ()) == (spec.engine.kind == kind)
    back = with_engine(there.spec, spec.engine.kind).spec.engine
    assert (back.trials, back.seed, back.pruner) == (spec.engine.trials, spec.engine.seed, spec.engine.pruner)
    assert back.sampler == ("tpe" if spec.engine.sampler == "gp" and kind == "wandb" else spec.engine.sampler)


def test_an_engine_without_a_kind_is_optunas():
    assert isinstance(_spec({"sampler": "random"}).engine, OptunaEngine)
