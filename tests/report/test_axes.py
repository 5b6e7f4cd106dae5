"""Where values lie on a hyperparameter's axis, and which ticks name them."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tlm_sweeps.report.axes import Axis, axes_of, linear_ticks, log_ticks
from tlm_sweeps.spec.sweep import SweepSpec


@pytest.fixture
def axis_of(make_spec: Callable[..., SweepSpec]):
    def build(dimension: Any, name: str = "model.depth") -> Axis:
        return axes_of(make_spec(search={name: dimension}).search)[0]

    return build


def test_numbers_are_put_in_order_and_words_are_not(axis_of: Callable[..., Axis]):
    assert axis_of([4, 1, 2]).ticks.text == ("1", "2", "4")
    assert axis_of(["rope", "learned"], "model.positions").ticks.text == ("rope", "learned")


def test_a_log_range_lies_on_a_log_axis(axis_of: Callable[..., Axis]):
    axis = axis_of({"log_uniform": [1e-4, 1e-2]}, "training.learning_rate")
    assert axis.position(1e-3) == pytest.approx(-3)
    assert (axis.low, axis.high) == pytest.approx((-4, -2))


def test_a_setting_that_went_through_json_is_found_again(axis_of: Callable[..., Axis]):
    axis = axis_of([["ffn"], ["ffn", "residual"]], "model.dropout_at")
    assert axis.position(["ffn", "residual"]) == 1


def test_true_is_not_1(axis_of: Callable[..., Axis]):
    axis = axis_of([1, True], "model.depth")
    assert axis.position(True) != axis.position(1)


def test_what_is_not_of_the_dimension_has_no_place(axis_of: Callable[..., Axis]):
    assert axis_of([1, 2, 4]).position(3) is None
    assert axis_of({"uniform": [0, 1]}, "model.dropout").position(None) is None


def test_a_dimension_of_one_value_is_no_axis(make_spec: Callable[..., SweepSpec]):
    assert axes_of(make_spec(search={"model.depth": [2], "model.heads": {"int_uniform": [4, 4]}}).search) == ()


def test_edges_are_known_where_values_have_an_order(axis_of: Callable[..., Axis]):
    ordered, words = axis_of([1, 2, 4]), axis_of(["rope", "learned", "none"], "model.positions")
    assert [ordered.at_edge(value) for value in (1, 2, 4)] == ["low", None, "high"]
    assert words.at_edge("rope") is None


@given(st.floats(-1e6, 1e6), st.floats(1e-3, 1e6))
def test_linear_ticks_stay_inside_and_are_few(low: float, span: float):
    ticks = linear_ticks(low, low + span)
    assert all(low - 1e-6 * span <= at <= low + span * (1 + 1e-6) for at in ticks.at)
    assert 2 <= len(ticks.at) <= 8


@given(st.floats(-8, 15), st.floats(0.5, 8))
def test_log_ticks_stay_inside_and_are_few(low: float, span: float):
    ticks = log_ticks(low, low + span)
    assert all(low - 1e-6 <= at <= low + span + 1e-6 for at in ticks.at)
    assert len(ticks.at) <= 10
    assert all(math.isclose(float(text), 10**at, rel_tol=1e-3) for at, text in zip(ticks.at, ticks.text, strict=True))
