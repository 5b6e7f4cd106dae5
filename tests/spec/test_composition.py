"""A setting of dotted names over a sweep's experiment gives one whole experiment."""

from __future__ import annotations

from typing import Any

import pytest

from tlm_sweeps.errors import InputError
from tlm_sweeps.spec import ExperimentSpec, SweepSpec, compose
from tlm_sweeps.spec.experiment import CorpusSpec, SplitShares, TrainingSpec
from tlm_sweeps.spec.models import LinearModel, MlpModel, TransformerModel

SPEC = SweepSpec(
    name="a",
    experiment=ExperimentSpec(
        corpus=CorpusSpec(name="ptb", split="paper"),
        model=TransformerModel(kind="transformer", width=64, depth=2, heads=8, dropout=0.1),
        training=TrainingSpec(learning_rate=1e-3, betas=(0.9, 0.95)),
    ),
)


def test_no_settings_give_the_experiment_itself() -> None:
    composed = compose(SPEC, {})
    assert composed == SPEC.experiment
    assert composed.model_dump(exclude_unset=True) == SPEC.experiment.model_dump(exclude_unset=True)


def test_settings_replace_fields_and_leave_the_sweep_as_it_was() -> None:
    before = SPEC.model_dump()
    composed = compose(SPEC, {"model.depth": 5, "training.betas": (0.8, 0.9), "model.dropout_at": ["ffn"]})
    assert isinstance(composed.model, TransformerModel)
    assert (composed.model.depth, composed.model.width, composed.model.dropout_at) == (5, 64, ("ffn",))
    assert composed.training.betas == (0.8, 0.9)
    assert SPEC.model_dump() == before


def test_a_section_is_made_where_there_was_none() -> None:
    composed = compose(SPEC, {"training.schedule.warmup": 0.1, "evaluation.windows": 7})
    assert (composed.training.schedule.warmup, composed.training.schedule.kind) == (0.1, "constant")
    assert composed.evaluation.windows == 7
    assert composed.training.learning_rate == 1e-3


def test_a_section_replaces_a_word() -> None:
    assert compose(SPEC, {"corpus.split.train": 0.7}).corpus.split == SplitShares(train=0.7)


def test_a_new_kind_keeps_what_it_has_in_common_and_leaves_the_rest() -> None:
    settings = {"model.kind": "linear", "model.context": 16}
    assert compose(SPEC, settings).model == LinearModel(kind="linear", width=64, context=16)
    mlp = MlpModel(kind="mlp", width=64, dropout=0.1, hidden=32)
    assert compose(SPEC, {"model.kind": "mlp", "model.hidden": 32}).model == mlp


def test_the_same_kind_keeps_everything() -> None:
    assert compose(SPEC, {"model.kind": "transformer"}) == SPEC.experiment


def test_null_takes_a_value_back() -> None:
    assert compose(SPEC, {"model.width": None}).model.width is None


def test_the_budget_of_a_trial_is_no_field_of_the_experiment() -> None:
    assert compose(SPEC, {"budget.flops": 10**12}) == SPEC.experiment


@pytest.mark.parametrize(
    ("settings", "place", "message"),
    [
        ({"model.kind": "linear", "model.depth": 3}, "model.depth", "unknown key `depth`"),
        ({"model.dept": 3}, "model.dept", "unknown key `dept`"),
        ({"model.kind": "liner"}, "model.kind", "unknown kind `liner`"),
        ({"model.kind": ("linear",)}, "model.kind", "unknown kind"),
        ({"model.depth": 3.0}, "model.depth", "must be a whole number, not 3.0"),
        ({"training.learning_rate": float("nan")}, "training.learning_rate", "must be a finite number"),
        ({"training": 3}, "training", "must be a mapping, not 3"),
        ({"nowhere.depth": 3}, "nowhere", "unknown key `nowhere`"),
    ],
)
def test_an_impossible_setting_is_an_input_error(settings: dict[str, Any], place: str, message: str) -> None:
    with pytest.raises(InputError) as refused:
        compose(SPEC, settings)
    (problem,) = refused.value.problems
    assert problem.place == place
    assert message in problem.message


def test_all_problems_of_a_setting_are_named() -> None:
    with pytest.raises(InputError) as refused:
        compose(SPEC, {"model.depth": 0, "training.batch_size": "x"})
    assert [each.place for each in refused.value.problems] == ["model.depth", "training.batch_size"]
