"""Equal meaning has an equal fingerprint; what has no stable meaning has none."""

from __future__ import annotations

import datetime as dt
import json
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tlm_sweeps.spec import canonical_json, fingerprint
from tlm_sweeps.spec.experiment import TrainingSpec
from tlm_sweeps.spec.sweep import BudgetSpec

_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=12,
)


def _shuffled(value: Any) -> Any:
    """The same meaning, written otherwise: keys in reverse, lists as tuples."""
    if isinstance(value, dict):
        return {key: _shuffled(each) for key, each in reversed(value.items())}
    return tuple(map(_shuffled, value)) if isinstance(value, list) else value


@given(_JSON)
def test_the_order_of_keys_and_the_kind_of_sequence_do_not_matter(value: Any) -> None:
    assert fingerprint(value) == fingerprint(_shuffled(value))
    assert len(fingerprint(value)) == 16


@given(_JSON)
def test_canonical_json_is_json_of_the_same_value(value: Any) -> None:
    assert json.loads(canonical_json(value)) == json.loads(json.dumps(value))


@given(_JSON, _JSON)
def test_different_values_have_different_fingerprints(one: Any, other: Any) -> None:
    assert (canonical_json(one) == canonical_json(other)) == (fingerprint(one) == fingerprint(other))


def test_whole_floats_are_whole_numbers_and_true_is_not_one() -> None:
    assert canonical_json(1e15) == canonical_json(10**15)
    assert canonical_json(-0.0) == canonical_json(0)
    assert canonical_json(True) != canonical_json(1)
    assert canonical_json("1") != canonical_json(1)


def test_a_default_may_be_written_or_left_out() -> None:
    assert fingerprint(TrainingSpec()) == fingerprint(TrainingSpec(batch_size=64))
    assert fingerprint(TrainingSpec()) != fingerprint(TrainingSpec(batch_size=32))


def test_the_spelling_of_a_budget_does_not_matter() -> None:
    budgets = [BudgetSpec.model_validate({"flops": flops}) for flops in (2e13, 20_000_000_000_000, "20 TFLOPs")]
    assert len({fingerprint(budget) for budget in budgets}) == 1


@pytest.mark.parametrize(
    ("value", "error", "path"),
    [
        ({"a": [1, math.nan]}, ValueError, r"value\.a\[1\] is nan"),
        (math.inf, ValueError, "value is inf"),
        ({"a": {1, 2}}, TypeError, r"value\.a is a set"),
        ({"a": b"x"}, TypeError, "bytes"),
        ({1: 2}, TypeError, "the key 1"),
        (object(), TypeError, "value is a object"),
        ([print], TypeError, r"value\[0\] is a builtin"),
        (dt.date(2026, 1, 1), TypeError, "date"),
        (1j, TypeError, "complex"),
    ],
)
def test_unstable_values_are_refused_with_their_path(value: Any, error: type[Exception], path: str) -> None:
    with pytest.raises(error, match=path):
        fingerprint(value)
