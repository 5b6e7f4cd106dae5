"""The work of a batch adds up to the FLOPs that are counted elsewhere, and grows with what there is to do."""

import pytest
from pydantic import TypeAdapter

from tlm_sweeps.compute.counting import Predict
from tlm_sweeps.compute.goals import forward_flops_per_window, n_params
from tlm_sweeps.compute.work import Work, together, work_of_batch
from tlm_sweeps.spec.families import ModelSpec

_MODELS: TypeAdapter[ModelSpec] = TypeAdapter(ModelSpec)
LINEAR = _MODELS.validate_python({"kind": "linear", "width": 12, "context": 8})
MLP = _MODELS.validate_python({"kind": "mlp", "width": 12, "context": 8, "hidden": 20})
BLOCK = {"kind": "transformer", "width": 64, "context": 10, "depth": 3, "heads": 4}
OPTIONS = [{}, {"kv_heads": 2}, {"activation": "swiglu"}, {"tied_head": True}, {"ffn_width": 100}]
"""Heads are 16 wide: as wide as a vector, so that nothing is padded."""


@pytest.mark.parametrize("score", ["last", "all"])
@pytest.mark.parametrize("options", OPTIONS)
def test_products_of_a_transformer_are_the_counted_flops(options: dict[str, object], score: Predict):
    model = _MODELS.validate_python(BLOCK | options)
    work = work_of_batch(model, 50, score, 7, clipped=False)
    assert work.matmul_flops + work.attention_flops == 7 * forward_flops_per_window(model, 50, score)
    assert work.parameters == n_params(model, 50, score)


@pytest.mark.parametrize("model", [LINEAR, MLP])
def test_products_of_flat_models_are_the_counted_flops(model: ModelSpec):
    work = work_of_batch(model, 50, "last", 7, clipped=False)
    assert work.matmul_flops == 7 * forward_flops_per_window(model, 50, "last")
    assert work.scores == work.attention_flops == 0


def test_a_head_that_fills_no_vector_is_paid_as_one_that_does():
    narrow, full = (_MODELS.validate_python(BLOCK | {"width": width}) for width in (36, 64))
    flops = [work_of_batch(each, 50, "all", 7, clipped=False).attention_flops for each in (narrow, full)]
    assert flops[0] == flops[1]


def test_only_what_is_asked_for_is_work():
    plain = work_of_batch(_MODELS.validate_python(BLOCK | {"activation": "relu"}), 50, "all", 7, clipped=False)
    assert plain.curved == plain.dropped == plain.clipped_layers == 0
    model = _MODELS.validate_python(BLOCK | {"dropout": 0.1})
    work = work_of_batch(model, 50, "all", 7, clipped=True)
    assert min(work.curved, work.dropped, work.clipped_layers) > 0


def test_work_adds_up():
    one = work_of_batch(MLP, 50, "last", 7, clipped=True)
    assert together(one, one, Work()) == one.times(2)
